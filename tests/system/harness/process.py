"""One process of a cluster under test, in its region's namespace, with its output in a file."""
import os
import signal
import subprocess
import time


class Process:
    """Started, ended and paused by its own id only. `name` is REGION/WHAT."""

    def __init__(self, name, namespace, argv, log_path, executable=None):
        self.name = name
        self.namespace = namespace
        self.argv = argv
        self.log_path = log_path
        self.executable = executable
        self.child = None
        self.started_ns = 0

    def start(self):
        assert not self.alive(), f"{self.name} is running"
        # nsenter becomes the program, so the id is the program's own.
        command = ["nsenter", f"--net=/run/netns/{self.namespace}"]
        if self.executable:
            command += ["bash", "-c", f'exec -a {self.argv[0]} {self.executable} "$@"', "bash",
                        *self.argv[1:]]
        else:
            command += self.argv
        self.started_ns = time.monotonic_ns()
        with open(self.log_path, "ab") as log:
            log.write(f"--- {' '.join(self.argv)}\n".encode())
            log.flush()
            self.child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                          start_new_session=True)

    @property
    def pid(self):
        return self.child.pid

    def alive(self):
        return self.child is not None and self.child.poll() is None

    def signal(self, number):
        if self.alive():
            os.kill(self.pid, number)

    def kill(self):
        """kill -9, and the process is gone when this returns."""
        self.signal(signal.SIGKILL)
        self._reap()

    def stop(self, timeout=10):
        """Asks the process to end; returns its exit code."""
        self.signal(signal.SIGTERM)
        self.signal(signal.SIGCONT)
        if self.child is None:
            return None
        try:
            return self.child.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} did not end within {timeout} s of SIGTERM") from None

    def restart(self):
        """kill -9 and a new start with nothing between."""
        self.kill()
        self.start()

    def pause(self):
        self.signal(signal.SIGSTOP)

    def resume(self):
        self.signal(signal.SIGCONT)

    def _reap(self):
        if self.child is not None:
            self.child.wait()

    def log(self, offset=0):
        """What the process has written after the first `offset` bytes."""
        try:
            with open(self.log_path, "rb") as file:
                file.seek(offset)
                return file.read().decode(errors="replace")
        except FileNotFoundError:
            return ""

    def log_size(self):
        return os.path.getsize(self.log_path) if os.path.exists(self.log_path) else 0
