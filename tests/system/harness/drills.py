"""What tests of drills share: a cluster with --allow-faults, and how it is made to break things."""
import os
import re
import subprocess

from .case import ClusterTest
from .cluster import REGENT, Cluster
from .local import LocalCluster, small_topology
from .reports import ReportChecks
from .wait import await_


def is_whole(cluster):
    """Nothing is broken: no faults, no drill, every link up, every node heard by all, one primary
    that all know."""
    shown = [cluster.status(region) for region in cluster.regions]
    return len({(status["primary"], status["epoch"]) for status in shown}) == 1 and all(
        status["primary"] and not status["faults"]["running"] and
        all(link["state"] in ("up", "slow") and not link.get("drill") and link["eligible"]
            for link in status["links"]) and
        all(node["reachable"] for region in status["quorum"]["regions"]
            for node in region["nodes"]) for status in shown)


def await_whole(cluster, deadline=20):
    await_(lambda: is_whole(cluster), deadline, "the cluster is whole")
    return cluster.await_followed()[0]


class Probed:
    """A cluster on which drills write, each time with an Idempotency-Key: what was on its way into
    a cut may have been taken, and be taken again by another region."""

    PROBE = re.compile(r"-\d{8}T\d{6}Z-[0-9a-f]{4}-")

    def records(self):
        return [{**record, "key": bool(self.PROBE.search(record["id"]))}
                for record in super().records()]


class ProbedLocalCluster(Probed, LocalCluster):
    pass


class DrillTest(ReportChecks, ClusterTest):
    """One cluster for the tests of a class, each of which leaves it whole."""
    one_cluster = True

    def setUp(self):
        if self.cluster is None:
            self.start_cluster(small_topology())
            os.mkdir(f"{self.cluster.work}/drills")
        self.primary = await_whole(self.cluster)

    def argv(self, verb, *argv, certs=None, rehearse=0):
        """The command line, in a region's namespace."""
        command = ["nsenter", f"--net=/run/netns/{self.cluster.network.namespace('eu')}", REGENT,
                   "drill", verb, *argv, "--topology", self.cluster.topology_path,
                   "--certs", certs or self.cluster.certs]
        if verb == "run":
            command += ["--out", f"{self.cluster.work}/reports", "--rehearse", str(rehearse)]
        return command

    def drill(self, verb, *argv, certs=None, expect=0, rehearse=0):
        """Runs it and returns all that it prints."""
        command = self.argv(verb, *argv, certs=certs, rehearse=rehearse)
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=90)
        self.assertEqual(done.returncode, expect, done.stdout)
        return done.stdout

    def begin(self, path, until=r" s  wait "):
        """Starts a run, and reads on until it says so: that it waits, unless told otherwise."""
        child = subprocess.Popen(self.argv("run", path), stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, text=True)
        self.addCleanup(child.stdout.close)
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        self.read_until(child, until)
        return child

    def read_until(self, child, pattern):
        """The line that says so."""
        shown = ""
        for line in child.stdout:
            shown += line
            if re.search(pattern, line):
                return line
        raise AssertionError(f"the drill did not say {pattern!r}: {shown}")

    def write(self, name, text):
        path = f"{self.cluster.work}/drills/{name}.yaml"
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"name: {name}\n{text}")
        return path

    def faults(self, region, method="POST", identity="operator", **order):
        return self.cluster.admin(region, "/v1/faults", method, order, identity=identity)

    def running(self, region):
        return self.cluster.status(region)["faults"]["running"]


class LinksDrillTest(DrillTest):
    """Gateways break their own links. Nothing else runs them than the test; us-east is primary when
    a test begins."""

    class Cluster(Probed, Cluster):
        def define_regent(self, kind, region, name, topology_path=None, certs=None):
            super().define_regent(kind, region, name, topology_path, certs)
            if kind == "gateway":
                self.processes[f"{region}/{name}"].argv.append("--allow-faults")

    cluster_class = Cluster

    def setUp(self):
        super().setUp()
        if self.primary != "us-east":
            self.cluster.switch_when_possible(self.primary, "us-east")
            await_whole(self.cluster)

    def order(self, region, **order):
        answer = self.faults(region, **order)
        self.assertEqual(answer.status, 200, answer.body)
        return answer.json()["faults"]

    def cut(self, region, *others, seconds=60, **more):
        return self.order(region, drop_to=others, drop_from=others, **{"for": f"{seconds}s"},
                          **more)

    def refused(self, region, rule, code=412, **order):
        answer = self.faults(region, **{"for": "60s", **order})
        self.assertEqual((answer.status, answer.json().get("rule")), (code, rule), answer.body)
        return answer.json()["message"]

    def end(self):
        for region in self.cluster.regions:
            self.assertEqual(self.faults(region, "DELETE").status, 200)
