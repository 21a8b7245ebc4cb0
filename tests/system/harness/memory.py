"""How much memory a process takes, as the kernel counts it."""


def _kib(pid, name):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        for line in file:
            if line.startswith(name + ":"):
                return int(line.split()[1])
    raise LookupError(f"{name} of process {pid}")


def resident_kib(pid):
    return _kib(pid, "VmRSS")


def peak_kib(pid):
    """The most since the process began, or since forget_peak()."""
    return _kib(pid, "VmHWM")


def forget_peak(pid):
    with open(f"/proc/{pid}/clear_refs", "w", encoding="ascii") as file:
        file.write("5")
