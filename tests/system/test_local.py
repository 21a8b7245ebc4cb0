"""deploy/start and deploy/stop, as a newcomer uses them, on a loopback of their own."""
import json
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import unittest

from harness.network import Network
from harness.wait import await_

ROOT = pathlib.Path(__file__).resolve().parents[2]


class LocalTest(unittest.TestCase):
    def setUp(self):
        self.network = Network(["machine"])
        self.addCleanup(self.network.close)
        self.state = tempfile.mkdtemp(prefix="regent-local-")
        self.addCleanup(shutil.rmtree, self.state, ignore_errors=True)

    def command(self, script, *argv):
        return ["nsenter", f"--net=/run/netns/{self.network.namespace('machine')}",
                "env", f"REGENT_LOCAL_STATE={self.state}", str(ROOT / "deploy" / script), *argv]

    def run_script(self, script, *argv, expect=0):
        done = subprocess.run(self.command(script, *argv), stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=240)
        self.assertEqual(done.returncode, expect, done.stdout)
        return done.stdout

    def regent(self, *argv):
        done = subprocess.run(
            ["nsenter", f"--net=/run/netns/{self.network.namespace('machine')}",
             str(ROOT / "build/release/regent"), *argv, "--certs", f"{self.state}/certs",
             "--topology", str(ROOT / "deploy/local/topology.yaml")],
            capture_output=True, text=True, timeout=30)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def running(self):
        """Processes that still are in the namespace."""
        return subprocess.run(["ip", "netns", "pids", self.network.namespace("machine")],
                              capture_output=True, text=True).stdout.split()

    def test_detached_and_twice(self):
        shown = self.run_script("start", "--detach")
        self.assertIn("http://127.0.1.10:8080/orders", shown)
        self.assertIn('"success": true', shown)
        self.assertEqual(json.loads(self.regent("route", "--json"))["primary"], "us-east")
        self.assertIn("already running", self.run_script("start", "--detach"))
        self.regent("switchover", "--to", "us-west")
        self.assertEqual(json.loads(self.regent("route", "--json"))["primary"], "us-west")
        self.run_script("stop")
        self.assertEqual(self.running(), [])
        self.assertIn("not running", self.run_script("stop"))
        # What was taken before the stop is still there after the next start.
        self.run_script("start", "--detach")
        self.run_script("stop")

    def test_in_the_foreground_until_interrupted(self):
        child = subprocess.Popen(self.command("start"), stdin=subprocess.DEVNULL, text=True,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            shown = ""
            while "Ctrl-C stops everything" not in shown:
                line = child.stdout.readline()
                self.assertTrue(line, shown)
                shown += line
            child.send_signal(2)
            child.wait(60)
        finally:
            child.kill()
            child.stdout.close()
        await_(lambda: not self.running(), what="nothing is left running")

    def test_a_taken_port_is_named(self):
        listener = self.network.socket("machine")
        self.addCleanup(listener.close)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.2.10", 8080))
        listener.listen()
        shown = self.run_script("start", "--detach", expect=1)
        self.assertIn("127.0.2.10:8080", shown)
        self.assertIn(f"pid {os.getpid()}", shown)
        self.assertEqual(self.running(), [])


if __name__ == "__main__":
    unittest.main()
