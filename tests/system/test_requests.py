"""Every raw request (requests/*.toml) gets the strict answer from Regent, however it is cut up.

What HAProxy and nginx do with them is shown by requests/table.py; here they prove that the cases
and the recording backend tell strict from lenient.
"""
import unittest

from harness import proxies, raw_requests


class RequestsTest(unittest.TestCase):
    maxDiff = None

    def check_all(self, piece=None, most=1 << 30):
        with proxies.Regent() as regent:
            for case in raw_requests.load():
                if len(case.request) > most:
                    continue
                if piece and case.topic == raw_requests.BODIES and case.backend == "nothing":
                    case.backend = "incomplete"
                with self.subTest(case.name):
                    outcome = raw_requests.converse(regent.address, regent.recorder, case,
                                                    regent.patience, piece)
                    self.assertEqual(raw_requests.differences(case, outcome), [], str(outcome))
                    self.check_forwarded(outcome.record.requests)

    def check_forwarded(self, requests):
        """What every request carries that reaches a backend."""
        for request in requests:
            for name in (b"regent-epoch", b"regent-region", b"via", b"x-forwarded-for",
                         b"x-forwarded-proto"):
                self.assertEqual(len(request.values(name)), 1, request)
            names = [name for name, _ in request.trailers]
            for name in (b"host", b"content-length", b"transfer-encoding", b"regent-epoch"):
                self.assertNotIn(name, names, request)

    def test_all_at_once(self):
        self.check_all()

    def test_byte_by_byte(self):
        self.check_all(piece=1, most=1000)

    def test_there_are_enough(self):
        cases = raw_requests.load()
        self.assertGreaterEqual(len(cases), 80)
        self.assertEqual(len({case.name for case in cases}), len(cases), "a name is used twice")
        for case in cases:
            self.assertRegex(case.clause, r"^RFC \d+, \d")

    def test_others_are_told_from_strict_ones(self):
        """Known leniences of other proxies are seen as such, so a lenient Regent would be, too."""
        by_name = {case.name: case for case in raw_requests.load()}
        known = {"HAProxy": "two equal Content-Length", "nginx": "one header ended by LF alone"}
        for kind in proxies.installed():
            if kind.name not in known:
                continue
            case = by_name[known[kind.name]]
            with self.subTest(kind.name), kind() as proxy:
                outcome = raw_requests.converse(proxy.address, proxy.recorder, case, proxy.patience)
                self.assertEqual(raw_requests.leniences(case, outcome), ["not refused"])
                self.assertEqual(outcome.status, [200])


if __name__ == "__main__":
    unittest.main()
