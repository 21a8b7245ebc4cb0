"""What the reports of a drill must be: for readers of continuous integration, and in a browser."""
import json
import pathlib
import xml.etree.ElementTree

from . import browser


class ReportChecks:
    """For test cases."""

    def reports(self, folder, name):
        """The report of the drill's last run, as JSON, and the paths of its page and its XML."""
        found = sorted(pathlib.Path(folder).glob(f"{name}-*"))[-3:]
        self.assertEqual([report.suffix for report in found], [".html", ".json", ".xml"])
        self.assertEqual(len({report.stem for report in found}), 1)
        return json.loads(found[1].read_text()), found[0], found[2]

    def check_junit(self, path, checks):
        """What Jenkins' and Ant's schemas ask for."""
        root = xml.etree.ElementTree.parse(path).getroot()
        self.assertEqual((root.tag, [child.tag for child in root]), ("testsuites", ["testsuite"]))
        suite = root[0]
        for name in ("name", "tests", "failures", "errors", "time", "timestamp", "hostname"):
            self.assertTrue(suite.get(name), name)
        self.assertEqual([child.tag for child in suite],
                         ["properties"] + ["testcase"] * len(checks) + ["system-out", "system-err"])
        failed = [case.get("name") for case in suite.findall("testcase")
                  if case.find("failure") is not None]
        self.assertEqual(failed, [f"{check['name']}: {check['expected']}" for check in checks
                                  if not check["passed"]])
        self.assertEqual((suite.get("tests"), suite.get("failures")),
                         (str(len(checks)), str(len(failed))))
        for case in suite.findall("testcase"):
            self.assertTrue(case.get("name") and case.get("classname") and case.get("time"))

    def check_page(self, path, report):
        """Opens the page in a browser, as on a desk and on a telephone; returns the former look."""
        looks, console = browser.look_at(path)
        self.assertEqual(console, [], "nothing is run or fetched")
        self.assertEqual([look["width"] for look in looks], list(browser.WIDTHS))
        for look in looks:
            self.assertEqual(browser.flaws(look), [])
            text = " ".join(look["text"].split())
            self.assertIn(" ".join(report["verdict"].split()), text)
            self.assertLess(look["verdict"], 400, "the verdict comes first")
            self.assertIn(report["drill"], look["title"])
        lanes = [text["text"] for picture in looks[0]["pictures"] for text in picture["texts"]]
        rows = {table["caption"]: table["rows"] for table in looks[0]["tables"]}
        for action in report["actions"]:
            self.assertIn(action["text"], lanes)
            self.assertTrue(any(action["text"] in row for row in rows["What the drill did"]))
        for check in report["checks"]:
            self.assertTrue(any(check["name"] in row and " ".join(check["actual"].split()) in row
                                for row in rows["What was expected"]), check)
        return looks[0]

    def check_failover(self, look, old, new, others):
        """Every lane and table of a failover between two regions is there."""
        lanes = [text["text"] for picture in look["pictures"] for text in picture["texts"]]
        for lane in (f"primary: {old}", f"primary: {new}", f"lease left: {new}",
                     *(f"writes through {region}.gw1" for region in (old, new, *others)),
                     f"link: {new}.gw1 to {old}.gw1", f"quorum at {new}.gw1"):
            self.assertIn(lane, lanes)
        rows = {table["caption"]: table["rows"] for table in look["tables"]}
        self.assertEqual([row.split(":")[0].split(" ")[0] for row in rows["Phases"]],
                         ["detect", "lease", "vote", "publish", "first"])
        for row in rows["Phases"]:
            self.assertRegex(row, r"\d\.\d\d s \d\.\d\d s$")
        sums = rows["Sums at each change"]
        self.assertTrue(any(f"{old} 3/3 (needs 2): +1" in row and row.endswith("3 of 3 2 1 won")
                            for row in sums), sums)
        self.assertTrue(any(f"{old} 0/3 (needs 2): 0" in row and row.endswith("2 of 3 2 0 won")
                            for row in sums), sums)

    def check_screenshots(self, path, folder):
        for width in browser.WIDTHS:
            png = browser.screenshot(path, f"{folder}/page-{width}.png", width)
            self.assertEqual(png[1:4] + png[16:20], b"PNG" + width.to_bytes(4, "big"))
