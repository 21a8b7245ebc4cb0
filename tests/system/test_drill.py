"""Drills: an operator breaks what a running cluster lives on, and it mends by itself."""
import json
import os
import shutil
import signal
import time
import unittest

from harness.cluster import ROOT
from harness.drills import DrillTest, LinksDrillTest, ProbedLocalCluster, await_whole
from harness.local import OneMachine
from harness.wait import await_

DRILLS = ROOT / "deploy/drills"


class LinksTest(LinksDrillTest):
    """Gateways break their own links."""

    def await_unheard(self, region, other):
        """Waits until the region hears nothing of the other."""
        def unheard():
            return any(link["region"] == other and link["state"] == "down"
                       for link in self.cluster.status(region)["links"])
        await_(unheard, what=f"{region} hears nothing of {other}")

    def restart_gateway(self, region, *arguments):
        """With these options for faults instead of --allow-faults; as before after the test."""
        gateway = self.cluster[f"{region}/gw1"]
        old = gateway.argv

        def start(argv):
            gateway.kill()
            gateway.argv = argv
            gateway.start()
            await_(lambda: self.cluster.admin(region, "/livez").status == 200, what="it is back")
        self.addCleanup(start, old)
        start([word for word in old if word != "--allow-faults"] + list(arguments))

    def test_a_cut_off_primary_is_replaced_and_comes_back(self):
        cluster = self.cluster
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
        self.assertEqual(await_whole(cluster), new)
        cluster.await_writable("us-east", expect=new)
        await_(lambda: any(attempt.region == new for attempt in writer.acknowledged()),
               what="the writer follows")

    def test_a_cut_holds_in_its_direction_and_ends_by_itself(self):
        cluster = self.cluster
        self.order("us-west", drop_to=["eu"], **{"for": "60s"})
        self.await_unheard("eu", "us-west")
        links = {link["region"]: link for link in cluster.status("us-west")["links"]}
        self.assertNotEqual(links["eu"]["state"], "down", "us-west still hears eu")
        self.assertEqual(self.faults("us-west", "DELETE").status, 200)
        await_whole(cluster)

        faults = self.cut("us-west", "eu", seconds=3)
        self.assertLessEqual(faults["ends_in_ms"], 3000)
        self.await_unheard("us-west", "eu")
        await_whole(cluster)  # nobody ended it
        self.assertEqual(cluster.status("us-west")["faults"]["last_end"], "its time is over")

    def test_refusals(self):
        order = {"drop_to": ["eu"], "for": "60s"}
        self.assertEqual(self.faults("us-west", identity=None, **order).status, 401)
        self.assertEqual(self.faults("us-west", identity="us-west.gw1", **order).status, 403)
        self.assertEqual(self.faults("us-west", **{**order, "drop_to": ["mars"]}).status, 400)
        self.assertIn("10 minutes", self.refused("us-west", "length", **{**order, "for": "11m"}))
        self.assertIn("at least 1", self.refused("us-west", "margin", drop_to=["eu"], min_margin=1))
        self.assertIn("quorum", self.refused("us-west", "spare_region", drop_nodes=["n1", "n2"],
                                             drop_to=["eu"]))
        self.assertIn("does not run this gateway",
                      self.refused("us-west", "local", code=403, stop=["eu/n1"]))
        self.order("eu", drill="mine", **{"for": "60s"})
        await_(lambda: any(link.get("drill") == "mine"
                           for link in self.cluster.status("us-west")["links"]),
               what="us-west hears of the drill")
        self.assertIn("drill mine runs at eu.gw1", self.refused("us-west", "drill_running",
                                                                drop_to=["eu"]))
        self.refused("eu", "drill_running", drop_to=["us-west"], drill="other")
        self.end()

    def test_rules_refuse_a_run(self):
        path = self.write("short", "steps: [ lose_node: us-west/n1, wait: 100ms ]\n")
        gateways = shutil.copytree(self.cluster.certs, f"{self.cluster.work}/wrong-certs",
                                   dirs_exist_ok=True)
        for kind in ("crt", "key"):
            shutil.copy(f"{gateways}/us-west.gw1.{kind}", f"{gateways}/operator.{kind}")
        self.assertIn("(forbidden)", self.drill("run", path, certs=gateways, expect=3))

        self.cluster["eu/n1"].pause()
        self.addCleanup(self.cluster["eu/n1"].resume)
        await_(lambda: not all(node["reachable"] for region
                               in self.cluster.status("us-east")["quorum"]["regions"]
                               for node in region["nodes"]), what="us-east misses the node")
        said = self.drill("run", path, expect=3)
        self.assertIn("node eu/n1 does not answer (rule incident)", said)
        self.cluster["eu/n1"].resume()
        await_whole(self.cluster)

        local = self.write("local", "steps: [ stop_node: us-west/n1, wait: 100ms ]\n")
        for verb in ("check", "run"):
            self.assertIn("steps[0]: stop node us-west/n1: stops or pauses processes, which only "
                          "`regent local --allow-faults` can do", self.drill(verb, local, expect=3))
        self.restart_gateway("us-west")
        await_whole(self.cluster)
        said = self.drill("run", path, expect=3)
        self.assertIn("started without --allow-faults (rule allow_faults)", said)
        other_day = time.strftime("%a", time.gmtime(time.time() + 3 * 86400)).lower()
        self.restart_gateway("us-west", "--allow-faults",
                             f"--faults-window={other_day} 00:00-24:00")
        await_whole(self.cluster)
        said = self.drill("run", path, expect=3)
        self.assertIn(f"faults are allowed {other_day}-{other_day} 00:00-24:00 UTC only "
                      "(rule window)", said)
        self.assertFalse(any(self.running(region) for region in self.cluster.regions),
                         "what was announced before the refusal is called off")

    def test_a_live_drill_lies_within_its_rehearsals(self):
        """On a busy machine a run may be late, and its report says so."""
        for _ in range(3):
            old = await_whole(self.cluster)
            said = self.drill("run", str(DRILLS / "lose-primary.yaml"), rehearse=1000)
            report, page, junit = self.reports(f"{self.cluster.work}/reports", "lose-primary")
            self.assertEqual([placed["figure"] for placed in report["compared"]],
                             ["failover time", "longest time without a write"])
            rehearsed = report["rehearsed"]["failover_s"]
            self.assertEqual(rehearsed["runs"], 1000)
            self.assertLess(rehearsed["min"], rehearsed["max"])
            for placed in report["compared"]:
                self.assertEqual(placed["inside"], not placed["text"].startswith("OUTSIDE"))
            if all(placed["inside"] for placed in report["compared"]):
                break
        self.assertEqual([placed["text"] for placed in report["compared"]
                          if not placed["inside"]], [])
        new = await_whole(self.cluster)
        self.assertEqual(report["verdict"].split(" took")[0], f"Passed: {new}")
        self.check_junit(junit, report["checks"])
        others = set(self.cluster.regions) - {old, new}
        self.check_failover(self.check_page(page, report), old, new, others)
        self.check_screenshots(page, self.cluster.work)
        self.check_report_command(report, said)

    def check_report_command(self, report, said):
        """`drill report` prints what the run said at its end, and the JSON when asked for it."""
        argv = ["drill", "report", report["id"], "--out", f"{self.cluster.work}/reports"]
        self.assertEqual(json.loads(self.cluster.regent(*argv, "--json")), report)
        first, *rest = self.cluster.regent(*argv).splitlines(keepends=True)
        self.assertRegex(first, f"^{report['id']}: cluster shop, .* UTC, took ")
        self.assertIn("  passed  gap: at most", rest[3])
        self.assertTrue(said.endswith("".join(rest)), said)


class ProcessesTest(DrillTest):
    """Processes are killed and frozen, where `regent local` runs them."""

    cluster_class = ProbedLocalCluster
    network = OneMachine

    LONG = """
max_length: 4s
steps:
  - stop_gateways: $standby
  - pause_node: $primary/$first
  - stop_node: $primary/n2
  - wait: 3500ms
"""

    def standby(self):
        return next(name for name in self.cluster.regions if name != self.primary)

    def test_ends_without_its_operator(self):
        cluster, standby = self.cluster, self.standby()
        old = {name: cluster.pid(*name) for name in ((standby, "gw1"), (self.primary, "n2"))}
        # A node may be lost beside a region only where its own region does without it.
        path = self.write("long", self.LONG.replace("  - stop_node: $primary/n2\n", ""))
        child = self.begin(path)
        await_(lambda: cluster.stands_still(self.primary, "n1"), what="the node stands still")
        self.assertEqual(cluster.pids(standby, "gw1"), [])
        said = self.drill("run", path, expect=3)
        self.assertIn("(rule drill_running)", said)
        child.kill()
        child.wait()
        self.assertTrue(cluster.stands_still(self.primary, "n1"), "nobody ended it")
        self.assertTrue(self.running(self.primary))
        await_whole(cluster)
        self.assertEqual(cluster.status(self.primary)["faults"]["last_end"], "its time is over")
        self.assertFalse(cluster.stands_still(self.primary, "n1"))
        self.assertNotEqual(cluster.pid(standby, "gw1"), old[standby, "gw1"])
        self.assertEqual(cluster.pid(self.primary, "n2"), old[self.primary, "n2"])

    def test_is_ended_by_another_process(self):
        cluster, standby = self.cluster, self.standby()
        child = self.begin(self.write("aborted", """
steps: [ pause_gateways: $primary, stop_node: $standby/n1, wait: 50s ]
"""))
        await_(lambda: not cluster.pids(standby, "n1"), what="the node is gone")
        self.drill("abort")
        rest = child.stdout.read()
        self.assertEqual(child.wait(), 1, rest)
        self.assertRegex(rest, r"aborted: an operator ended it at \S+\.gw1, from [\d.]+\n")
        self.assertIn("FAILED  completed", rest)
        await_whole(cluster, deadline=5)

    def test_is_ended_however_soon_its_next_step_is(self):
        place = self.standby()
        steps = [f"lose_redis: {place}", "wait: 50ms", "heal: all", "wait: 50ms"] * 25
        child = self.begin(self.write("hasty", f"steps: [ {', '.join(steps)} ]\n"))
        self.assertEqual(self.faults(place, "DELETE").status, 200)
        rest = child.stdout.read()
        self.assertEqual(child.wait(), 1, rest)
        self.assertRegex(rest, rf"aborted: .*an operator ended it at {place}\.gw1, from [\d.]+\n")
        await_whole(self.cluster, deadline=5)

    def test_processes_go_on_though_who_ordered_it_stands_still(self):
        cluster = self.cluster
        order = {"pause": ["us-west/n1"], "stop": ["us-east/n1"], "for": "2s"}
        self.assertEqual(self.faults("eu", **order).status, 200)
        await_(lambda: cluster.stands_still("us-west", "n1"), what="the node stands still")
        await_(lambda: not cluster.pids("us-east", "n1"), what="the other node is gone")
        gateway = cluster.pid("eu", "gw1")
        os.kill(gateway, signal.SIGSTOP)
        self.addCleanup(os.kill, gateway, signal.SIGCONT)
        await_(lambda: not cluster.stands_still("us-west", "n1"), what="the node goes on")
        await_(lambda: cluster.pids("us-east", "n1"), what="the other node is back")
        self.assertTrue(cluster.stands_still("eu", "gw1"))
        self.assertEqual(self.faults("us-west", stop=["us-west/gw1"], **{"for": "1s"}).status, 400)
        self.assertEqual(self.faults("us-west", stop=["us-east/n9"], **{"for": "1s"}).status, 400)

    def test_a_drill_that_must_fail_fails_and_is_undone(self):
        cases = {
            "gap": ("steps: [ wait: 300ms ]\nexpect: { gap: 1ms }\n",
                    "FAILED  gap: at most 0.00 s"),
            "never": ("steps: [ stop_node: $primary/n1, await_primary: { not: $primary, "
                      "within: 500ms } ]\n",
                      f"aborted: await a primary other than {self.primary} within 500ms: it did "
                      "not come"),
            "nobody": ("steps: [ pause_gateways: $primary, wait: 20s ]\n"
                       "abort: { no_primary_for: 1ms }\n",
                       r"aborted: (\S+ ended it: )?there was no primary for "),
            "failing": ("steps: [ cut: { from: $primary, to: $standby, both: true }, wait: 20s ]\n"
                        "abort: { failed_writes: 0 }\n",
                        r"aborted: (\S+ ended it: )?\d writes? ha(s|ve) failed, more than \d"),
        }
        for name, (text, why) in cases.items():
            with self.subTest(name):
                said = self.drill("run", self.write(name, text), expect=1)
                self.assertRegex(said, why)
                self.assertIn(f"drill {name} FAILED", said)
                self.assertIn("everything is undone", said)
                # The run ends only when the cluster is whole again, or says that it is not.
                self.assertIn("the cluster is whole", said)
                report, page, junit = self.reports(f"{self.cluster.work}/reports", name)
                self.check_junit(junit, report["checks"])
                if name == "nobody":
                    self.assertRegex(report["verdict"], "^Aborted: .*there was no primary")
                    self.check_page(page, report)
                self.primary = await_whole(self.cluster, deadline=2)

    def test_rules_refuse_a_run(self):
        unsafe = self.write("unsafe", "steps: [ isolate: us-east, stop_gateways: eu ]\n")
        for verb in ("check", "run"):
            self.assertIn("(rule spare_region)", self.drill(verb, unsafe, expect=3))
        thin = self.write("thin", "min_margin: 1\nsteps: [ stop_gateways: eu ]\n")
        for verb in ("check", "run"):
            self.assertIn("(rule margin)", self.drill(verb, thin, expect=3))
        wrong = self.write("wrong", "max_length: 11m\nsteps:\n  - stop_gatway: eu/gw1\n"
                                    "  - stop_node: eu/n9\n")
        said = self.drill("check", wrong, expect=78)
        self.assertIn("wrong.yaml:2:13: max_length: ", said)
        self.assertIn("wrong.yaml:4:5: steps[0].stop_gatway: ", said)
        needy = self.write("needy", "needs: { regions: 4 }\nsteps: [ wait: 100ms ]\n")
        for verb in ("check", "run"):
            self.assertIn("it needs 4", self.drill(verb, needy, expect=3))
        lost = self.write("lost", "probe: { path: /nowhere }\nsteps: [ wait: 100ms ]\n")
        self.assertRegex(self.drill("run", lost, expect=1),
                         r"\(POST /nowhere; 404 through \S+\.gw1\); nothing was broken")


if __name__ == "__main__":
    unittest.main()
