"""regent topology check, explain and diff, from outside; and what README.md says they print."""
import json
import os
import pathlib
import re
import shlex
import subprocess
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
REGENT = os.environ.get("REGENT", str(ROOT / "build/release/regent"))
EXAMPLES = "deploy/topologies"


def regent(*words):
    """(exit code, standard output, standard error) of a run in the root of the repository."""
    done = subprocess.run([REGENT, *words], cwd=ROOT, capture_output=True, text=True, timeout=60,
                          check=False)
    return done.returncode, done.stdout, done.stderr


def example(name):
    return f"{EXAMPLES}/{name}.yaml"


def blocks(page):
    """(command, lines printed) of every 'regent topology' shown in the page's code blocks."""
    for language, block in re.findall(r"^```(\w*)\n(.*?)^```$", page, re.DOTALL | re.MULTILINE):
        shown = None
        for line in block.splitlines() if not language else ():
            if line.startswith("$ "):
                if shown:
                    yield shown
                shown = (line[2:], []) if line.startswith("$ regent topology ") else None
            elif shown:
                shown[1].append(line)
        if shown:
            yield shown


def matches(shown, printed):
    """Whether `printed` is `shown`, in which a line of '…' stands for any number of lines."""
    at = 0
    skipping = False
    for line in shown:
        if line.strip() == "…":
            skipping = True
            continue
        if skipping:
            while at < len(printed) and printed[at] != line:
                at += 1
            skipping = False
        if at == len(printed) or printed[at] != line:
            return f"not printed here: {line!r}"
        at += 1
    return None if skipping or at == len(printed) else f"not shown: {printed[at]!r}"


class ReadmeTest(unittest.TestCase):
    def test_shows_what_the_program_prints(self):
        page = (ROOT / "README.md").read_text(encoding="utf-8")
        commands = []
        for command, shown in blocks(page):
            _, printed, complaint = regent(*shlex.split(command)[1:])
            self.assertEqual(complaint, "", command)
            while shown and not shown[-1]:
                shown.pop()
            self.assertIsNone(matches(shown, printed.splitlines()), command + "\n" + printed)
            commands.append(command)
        for name in ("five-in-two-zones", "two-sites-and-a-witness", "three-regions-weighted"):
            self.assertTrue(any(f"check {example(name)}" in command for command in commands), name)

    def test_notices_a_line_that_is_not_printed(self):
        printed = ["a", "b", "c", "d"]
        self.assertIsNone(matches(["a", "b", "c", "d"], printed))
        self.assertIsNone(matches(["a", "…", "d"], printed))
        self.assertIsNone(matches(["a", "…"], printed))
        for shown in (["a", "b", "c"], ["a", "x", "c", "d"], ["…", "x"], ["a", "d"],
                      ["a", "b", "c", "d", "e"]):
            self.assertIsNotNone(matches(shown, printed), shown)


class CheckTest(unittest.TestCase):
    def check(self, name, *words):
        code, printed, complaint = regent("topology", "check", example(name), "--json", *words)
        self.assertEqual((code, complaint), (0, ""))
        return json.loads(printed)

    def test_every_example_is_valid(self):
        names = sorted(path.stem for path in (ROOT / EXAMPLES).glob("*.yaml"))
        self.assertGreaterEqual(len(names), 4)
        for name in names:
            self.assertTrue(self.check(name)["valid"], name)

    def test_says_what_stops_decisions(self):
        report = self.check("two-sites-and-a-witness")
        self.assertEqual(report["survives"], {
            "any_regions": 1, "any_nodes": 2, "one_node_in_each_region": True})
        stop = report["smallest_sets"]["stop_decisions"]
        self.assertEqual(stop["regions"]["count"], 3)
        self.assertIn(["north", "witness"], stop["regions"]["examples"])
        leaders = report["smallest_sets"]["leave_nobody_to_lead"]["regions"]
        self.assertEqual(leaders["examples"], [["north", "south"]])

    def test_names_the_file_its_losses_and_who_has_a_say(self):
        report = self.check("two-sites-and-a-witness")
        self.assertEqual([report[key] for key in ("cluster", "version", "kind", "may_be_primary")],
                         ["sites", 1, "hierarchical", ["north", "south"]])
        for key in ("hash", "quorum_hash"):
            self.assertRegex(report[key], "^sha256:[0-9a-f]{64}$")
        self.assertNotEqual(report["hash"], report["quorum_hash"])
        self.assertEqual([report[f"survives_any_{what}"] for what in ("region", "zone", "node")],
                         [True] * 3)
        self.assertEqual((report["quorum"]["outcome"], report["quorum"]["weight"]), ("won", 3))
        pairs = report["fatal_losses"]["pairs_of_regions"]
        self.assertEqual([(pair["name"], pair["quorum_lost"]) for pair in pairs],
                         [("north + south", True), ("north + witness", True),
                          ("south + witness", True)])
        self.assertEqual([report["fatal_losses"][what] for what in ("regions", "zones", "nodes")],
                         [[], [], []])
        sets = report["smallest_sets"]
        self.assertEqual((sets["stop_decisions"]["nodes"]["size"],
                          sets["leave_nobody_to_lead"]["nodes"]["size"],
                          sets["decide_alone"]["nodes"]["size"],
                          sets["decide_alone"]["regions"]["size"]), (3, 4, 3, 2))
        # By symmetry each region turns half of the coalitions of the other two, and each of three
        # nodes half of its region's; the shares add up to one.
        power = report["power"]
        self.assertTrue(power["exact"])
        self.assertEqual([(one["name"], one["weight"], one["power"]) for one in power["regions"]],
                         [("north", 1, 0.5), ("south", 1, 0.5), ("witness", 1, 0.5)])
        self.assertEqual([one["power"] for one in power["nodes"]], [0.25] * 6 + [0.5])
        for kind in ("regions", "nodes"):
            self.assertAlmostEqual(sum(one["index"] for one in power[kind]), 1)
        self.assertEqual((report["findings"], report["warnings"]), ([], []))

    def test_names_a_region_that_must_not_be_lost(self):
        report = self.check("five-in-two-zones")
        self.assertEqual([report[f"survives_any_{what}"] for what in ("region", "zone", "node")],
                         [False, True, True])
        self.assertEqual([loss["name"] for loss in report["fatal_losses"]["regions"]], ["zone-a"])

    def test_names_who_decides_alone_and_a_change_that_mends_it(self):
        findings = self.check("five-in-two-zones")["findings"]
        self.assertEqual([(one["kind"], one["name"]) for one in findings],
                         [("dictator", "zone-a")])
        self.assertEqual(findings[0]["mend"], "add 2 nodes elsewhere")

    def test_failures_change_the_availability(self):
        def minutes(*words):
            report = self.check("two-sites-and-a-witness", *words)
            self.assertTrue(report["availability"]["without_primary"]["exact"])
            return report["availability"]["without_primary"]["minutes_per_year"]
        none = minutes("--failure", "region=0", "--failure", "node=0", "--failure", "link=0")
        self.assertEqual(none, 0)
        usual = minutes()
        worse = minutes("--failure", "witness=10%")
        self.assertEqual(minutes("--failure", "witness=10%", "--failure", "region=0.1%"), worse)
        self.assertGreater(usual, 0)
        self.assertGreater(worse, 5 * usual)
        report = self.check("two-sites-and-a-witness", "--failure", "region=5%", "--failure",
                            "node=4%", "--failure", "link=0")["availability"]
        self.assertEqual(report["failures"], {"region": 0.05, "node": 0.04, "link": 0})
        self.assertEqual(report["failure_exceptions"], {})
        without = report["without_primary"]
        self.assertAlmostEqual(without["minutes_per_year"], without["most"] * 365.25 * 24 * 60, 0)
        self.assertEqual(without["least"], without["most"])
        self.assertGreater(report["without_primary_plain_majority"]["most"], 0)

    def test_round_trips_change_the_timing(self):
        far = self.check("three-regions-weighted", "--rtt", "us-east~eu=500ms")["timing"]
        self.assertTrue(far["round_trips_given"])
        self.assertIn("timing.election_window", [one["path"] for one in far["problems"]])
        near = self.check("three-regions-weighted", "--rtt", "20ms")["timing"]
        self.assertEqual(near["longest_to_win_ms"], 20)
        self.assertEqual((near["longest_round_trip_ms"], far["longest_round_trip_ms"]), (20, 500))
        self.assertGreater(far["better"]["election_window_ms"], 500)
        self.assertGreater(far["better"]["lease_ms"], far["better"]["heartbeat_ms"])
        for failover in near["failovers"]:
            self.assertNotEqual(failover["lost"], failover["successor"])
            self.assertLess(failover["least_ms"], failover["typical_ms"])
            self.assertLess(failover["typical_ms"], failover["most_ms"])
        problem = far["problems"][0]
        self.assertTrue(problem["text"] and problem["mend"])
        self.assertLess(near["failovers"][0]["typical_ms"], far["failovers"][0]["typical_ms"])

    def test_says_when_nobody_has_measured(self):
        code, printed, complaint = regent("topology", "check", example("three-regions-weighted"),
                                          "--measured", "--certs", "/nowhere")
        self.assertEqual((code, printed), (1, ""))
        self.assertIn("no gateway of", complaint)

    def test_refuses_words_it_does_not_know(self):
        for words in (["--failure", "mars=1%"], ["--failure", "node=2"], ["--rtt", "80"],
                      ["--rtt", "us-east~mars=80ms"]):
            code, printed, complaint = regent("topology", "check",
                                              example("three-regions-weighted"), *words)
            self.assertEqual((code, printed), (64, ""), words)
            self.assertIn(words[1], complaint)

    def test_names_the_word_that_is_no_command(self):
        for words in (["nonsense"], ["topology", "nonsense"], ["drill", "check", "x", "nonsense"]):
            code, printed, complaint = regent(*words)
            self.assertEqual((code, printed), (64, ""), words)
            self.assertIn("'nonsense' is not known here", complaint)


class ExplainTest(unittest.TestCase):
    def explain(self, name, down):
        code, printed, _ = regent("topology", "explain", example(name), "--down", down, "--json")
        return code, json.loads(printed)

    def test_says_who_would_lead_and_what_more_may_be_lost(self):
        code, report = self.explain("two-sites-and-a-witness", "north")
        self.assertEqual(code, 0)
        self.assertEqual((report["outcome"], report["primary"]), ("won", "south"))
        self.assertEqual(report["may_lose"]["any_nodes"], 0)
        self.assertEqual(report["may_lose"]["stop_decisions"]["nodes"]["examples"],
                         [["witness/n1"]])
        self.assertEqual(report["missing"], ["north/n1", "north/n2", "north/n3"])

    def test_exit_code_2_without_quorum_and_without_leader(self):
        code, report = self.explain("two-sites-and-a-witness", "north,witness")
        self.assertEqual((code, report["outcome"], report["primary"]), (2, "lost", None))
        # us-west and eu win without us-east, and with one node of us-west they do not.
        code, report = self.explain("three-regions-weighted", "us-east,us-west/n1,us-west/n2")
        self.assertEqual((code, report["outcome"]), (2, "lost"))


class DiffTest(unittest.TestCase):
    def test_a_change_that_is_not_safe_in_one_step(self):
        words = ("topology", "diff", example("three-regions-weighted"),
                 example("three-regions-equal"))
        code, printed, _ = regent(*words, "--json")
        self.assertEqual(code, 3)
        report = json.loads(printed)
        self.assertFalse(report["safe_in_one_step"])
        apart = report["quorums_apart"]
        self.assertEqual(set(apart["old"]) & set(apart["new"]), set())
        self.assertGreaterEqual(len(report["steps"]), 2)

    def test_a_change_that_changes_nothing(self):
        same = example("three-regions-weighted")
        code, printed, _ = regent("topology", "diff", same, same, "--json")
        report = json.loads(printed)
        self.assertEqual((code, report["safe_in_one_step"], report["changes"]), (0, True, []))

    def test_a_bad_file_is_named(self):
        code, printed, complaint = regent("topology", "diff", example("three-regions-weighted"),
                                          "README.md")
        self.assertEqual((code, printed), (78, ""))
        self.assertIn("README.md", complaint)


if __name__ == "__main__":
    unittest.main()
