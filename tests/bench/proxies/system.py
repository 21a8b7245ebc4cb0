"""Processes under measurement: on which cores they run, what they used."""
import os
import pathlib
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def find(program):
    found = shutil.which(program) or shutil.which(program, path="/usr/sbin")
    if not found:
        sys.exit(f"{program} is not installed; deploy/install bench installs it")
    return found


def split_cores(count):
    """(cores of the proxies, cores of all else): `count` for the proxies, the rest for the backend
    and the load; on a machine too small for that they share."""
    cores = sorted(os.sched_getaffinity(0))
    return cores[:count], cores[count:] or cores


def allow_many_files():
    """As many as this process may allow itself and its children; returns how many."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for limit in (max(hard, 200_000), hard):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
            return limit
        except (ValueError, PermissionError):
            continue
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def launch(command, cores, log):
    """A process on these cores alone."""
    with open(log, "ab") as file:
        return subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL,
                                stdout=file, stderr=file,
                                preexec_fn=lambda: os.sched_setaffinity(0, cores))


def end(processes):
    for process in processes:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
    for process in processes:
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def await_port(address, process, log):
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            socket.create_connection(address, timeout=1).close()
            return
        except OSError:
            time.sleep(0.02)
    sys.exit(f"{process.args[0]} does not listen at {address}:\n"
             f"{pathlib.Path(log).read_text(encoding='utf-8', errors='replace')[-2000:]}")


def family(process):
    """The ids of a process and its children."""
    found = [process.pid]
    for pid in found:
        try:
            text = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
        except OSError:
            continue
        found += [int(child) for child in text.split()]
    return found


def cpu_seconds(processes):
    """User and system time of the processes and their children, so far."""
    total = 0.0
    for process in processes:
        for pid in family(process):
            # In nanoseconds, over all threads.
            for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
                total += int((task / "schedstat").read_text(encoding="ascii").split()[0]) / 1e9
    return total


def memory_bytes(processes):
    """Proportional set size of the processes and their children."""
    total = 0
    for process in processes:
        for pid in family(process):
            for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
    return total


def machine():
    model = next(line.partition(":")[2].strip() for line in open("/proc/cpuinfo", encoding="ascii")
                 if line.startswith("model name"))
    return f"{os.cpu_count()} x {model}, Linux {os.uname().release}"
