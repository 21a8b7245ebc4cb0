"""Drills: an operator breaks links of a running cluster, and it mends by itself."""
import json
import pathlib
import subprocess
import unittest
import xml.etree.ElementTree

from harness.case import ClusterTest
from harness.cluster import REGENT, ROOT, Cluster
from harness.topology import topology
from harness.wait import await_


class DrillCluster(Cluster):
    def define_regent(self, kind, region, name, topology_path=None, certs=None):
        super().define_regent(kind, region, name, topology_path, certs)
        if kind == "gateway":
            self.processes[f"{region}/{name}"].argv.append("--allow-faults")


class FaultsTest(ClusterTest):
    cluster_class = DrillCluster

    def faults(self, region, method="POST", identity="operator", **order):
        return self.cluster.admin(region, "/v1/faults", method, order, identity=identity)

    def order(self, region, **order):
        answer = self.faults(region, **order)
        self.assertEqual(answer.status, 200, answer.body)
        return answer.json()["faults"]

    def cut(self, region, *others, seconds=60, **more):
        return self.order(region, drop_to=others, drop_from=others, **{"for": f"{seconds}s"},
                          **more)

    def refused(self, region, rule, **order):
        answer = self.faults(region, **{"for": "60s"}, **order)
        self.assertEqual((answer.status, answer.json().get("rule")), (412, rule), answer.body)
        return answer.json()["message"]

    def end(self):
        for region in self.cluster.regions:
            self.assertEqual(self.faults(region, "DELETE").status, 200)

    def await_whole(self):
        def whole():
            return all(link["state"] in ("up", "slow") and link.get("drill", "") == ""
                       for region in self.cluster.regions
                       for link in self.cluster.status(region)["links"])
        await_(whole, what="all links are up again")
        return self.cluster.await_followed()[0]

    def await_unheard(self, region, other):
        """Waits until the region hears nothing of the other."""
        def unheard():
            return any(link["region"] == other and link["state"] == "down"
                       for link in self.cluster.status(region)["links"])
        await_(unheard, what=f"{region} hears nothing of {other}")

    def test_a_cut_off_primary_is_replaced_and_comes_back(self):
        cluster = self.start_cluster()
        writer = cluster.writer("us-west")
        self.cut("us-west", "us-east", drill="loss")
        self.cut("eu", "us-east", drill="loss")
        new = cluster.await_successor("us-east")
        self.await_unheard("us-east", "us-west")
        self.await_unheard("us-east", "eu")
        self.assertIsNone(cluster.status("us-east")["primary"])
        answer = cluster.ask("us-east", "POST", "/orders", {"id": "minority"})
        self.assertEqual(answer.status, 503, "no write crosses the cut, by no way")
        shown = cluster.client("status", region="us-west")
        self.assertIn("drill loss: nothing goes to us-east; nothing comes from us-east", shown)
        self.assertIn("drill loss runs at eu.gw1", shown)
        self.end()
        self.assertEqual(self.await_whole(), new)
        cluster.await_writable("us-east", expect=new)
        await_(lambda: any(attempt.region == new for attempt in writer.acknowledged()),
               what="the writer follows")

    def test_a_cut_holds_in_its_direction_and_ends_by_itself(self):
        cluster = self.start_cluster()
        self.order("us-west", drop_to=["eu"], **{"for": "60s"})
        self.await_unheard("eu", "us-west")
        links = {link["region"]: link for link in cluster.status("us-west")["links"]}
        self.assertNotEqual(links["eu"]["state"], "down", "us-west still hears eu")
        self.assertEqual(self.faults("us-west", "DELETE").status, 200)
        self.await_whole()

        faults = self.cut("us-west", "eu", seconds=4)
        self.assertLessEqual(faults["ends_in_ms"], 4000)
        self.await_unheard("us-west", "eu")
        self.await_whole()  # nobody ended it
        self.assertEqual(cluster.status("us-west")["faults"]["last_end"], "their time is over")

    def test_refusals(self):
        cluster = self.start_cluster()
        order = {"drop_to": ["eu"], "for": "60s"}
        self.assertEqual(self.faults("us-west", identity=None, **order).status, 401)
        self.assertEqual(self.faults("us-west", identity="us-west.gw1", **order).status, 403)
        self.assertEqual(self.faults("us-west", **{**order, "for": "11m"}).status, 400)
        self.assertEqual(self.faults("us-west", **{**order, "drop_to": ["mars"]}).status, 400)
        self.assertIn("at least 1", self.refused("us-west", "margin", drop_to=["eu"], min_margin=1))
        self.assertIn("quorum", self.refused("us-west", "spare_region", drop_nodes=["n1", "n2"],
                                             drop_to=["eu"]))
        self.order("eu", drill="mine", **{"for": "60s"})
        await_(lambda: any(link.get("drill") == "mine"
                           for link in cluster.status("us-west")["links"]),
               what="us-west hears of the drill")
        self.assertIn("drill mine runs at eu.gw1", self.refused("us-west", "drill_running",
                                                                drop_to=["eu"]))
        self.refused("eu", "drill_running", drop_to=["us-west"], drill="other")
        self.end()
        self.await_whole()

        cluster["eu/n1"].kill()
        await_(lambda: not all(node["reachable"] for region
                               in cluster.status("us-west")["quorum"]["regions"]
                               for node in region["nodes"]), what="us-west misses the node")
        self.assertIn("node eu/n1 does not answer", self.refused("us-west", "incident",
                                                                 drop_to=["eu"]))
        cluster["us-west/gw1"].stop()
        cluster["us-west/gw1"].argv.remove("--allow-faults")
        cluster["us-west/gw1"].start()
        await_(lambda: cluster.admin("us-west", "/livez").status == 200, what="it is back")
        self.assertEqual(self.faults("us-west", **order).status, 403)

    def test_a_lost_margin_ends_the_faults(self):
        cluster = self.start_cluster()
        self.cut("us-west", "eu")
        self.assertTrue(cluster.status("us-west")["faults"]["running"])
        for node in cluster.names("n", "us-east"):
            cluster[node].kill()
        await_(lambda: not cluster.status("us-west")["faults"]["running"],
               what="us-west gives eu back")
        self.assertIn("margin fell", cluster.status("us-west")["faults"]["last_end"])
        cluster.await_writable("eu")


class DrillTest(ClusterTest):
    cluster_class = DrillCluster

    def drill(self, verb, *argv, **options):
        return self.cluster.regent("drill", verb, *argv, "--topology", self.cluster.topology_path,
                                   "--certs", self.cluster.certs, region="eu", **options)

    def run_drill(self, path, **options):
        return self.drill("run", path, "--out", f"{self.cluster.work}/reports", **options)

    def begin_drill(self, path):
        """Starts a run and waits until it has cut something off."""
        argv = ["nsenter", f"--net=/run/netns/{self.cluster.network.namespace('eu')}", REGENT,
                "drill", "run", path, "--topology", self.cluster.topology_path, "--certs",
                self.cluster.certs, "--out", f"{self.cluster.work}/reports"]
        child = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.addCleanup(child.stdout.close)
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        for line in child.stdout:
            if "isolate" in line:
                break
        await_(lambda: self.cluster.status("us-west")["faults"].get("drop_to"),
               what="us-west has cut something off")
        return child

    def write_drill(self, name, text):
        path = f"{self.cluster.work}/{name}.yaml"
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"name: {name}\n{text}")
        return path

    def await_healed(self):
        def healed():
            shown = [self.cluster.status(region) for region in self.cluster.regions]
            return all(not status["faults"]["running"] and
                       all(link["state"] in ("up", "slow") for link in status["links"]) and
                       all(node["reachable"] for region in status["quorum"]["regions"]
                           for node in region["nodes"]) for status in shown)
        await_(healed, what="every fault has ended, and everybody is heard again")
        self.cluster.await_followed()

    def test_a_lost_primary_and_its_report(self):
        cluster = self.start_cluster(topology(hold="5s"))
        path = str(ROOT / "deploy/drills/lose-primary.yaml")
        self.assertIn("safe on this topology", self.drill("check", path))
        said = self.run_drill(path)
        self.assertIn("isolate us-east", said)
        self.assertIn("drill lose-primary passed", said)
        reports = sorted(pathlib.Path(cluster.work, "reports").iterdir())
        self.assertEqual([report.suffix for report in reports], [".html", ".json", ".xml"])
        report = json.loads(reports[1].read_text())
        self.assertTrue(report["passed"])
        self.assertGreater(report["phases"]["first_write_s"], 0.3, "a lease had to run out")
        self.assertIn("<svg", reports[0].read_text())
        suite = xml.etree.ElementTree.parse(reports[2]).getroot()
        self.assertEqual((suite.get("failures"), len(suite)), ("0", len(report["checks"])))

        impossible = self.write_drill("impossible", "steps: [ wait: 1s ]\nexpect: { gap: 1ms }\n")
        self.assertIn("FAILED  gap: at most 0.00 s", self.run_drill(impossible, expect=1))
        late = self.write_drill("late", "steps: [ await_primary: { is: us-east, within: 1s } ]\n")
        self.assertIn("aborted: await a primary in us-east within 1000 ms: it did not come",
                      self.run_drill(late, expect=1))
        self.await_healed()

    def test_ends_without_its_operator(self):
        cluster = self.start_cluster(topology(hold="5s"))
        path = self.write_drill("long", "max_length: 10s\nsteps: [ isolate: us-east, wait: 9s ]\n")
        child = self.begin_drill(path)
        self.run_drill(path, expect=3)  # another one runs
        child.kill()
        self.assertTrue(cluster.status("us-west")["faults"]["running"], "nobody ended it")
        self.await_healed()
        self.assertEqual(cluster.status("us-west")["faults"]["last_end"], "their time is over")

        child = self.begin_drill(path)
        self.drill("abort")
        rest = child.stdout.read()
        self.assertEqual(child.wait(), 1)
        self.assertIn("has ended it: the operator ended them", rest)
        self.await_healed()
        unsafe = self.write_drill("unsafe", "steps: [ isolate: us-east, isolate: eu ]\n")
        self.drill("check", unsafe, expect=3)
        self.run_drill(unsafe, expect=3)


if __name__ == "__main__":
    unittest.main()
