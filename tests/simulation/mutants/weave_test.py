#!/usr/bin/env python3
"""Tests of weave.py on small texts."""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import weave  # noqa: E402

ON = "::regent::mutants::on"


def change(name, number, original, **new):
    return weave.Change(name, number, {"file": "a.cpp", "original": original, **new})


def woven(text, *changes):
    return weave.weave_file("a.cpp", text, changes).split('"a.cpp"\n', 1)[1]


class WeaveTest(unittest.TestCase):
    def test_switches_an_expression(self):
        self.assertEqual(woven("return a < b;", change("m", 3, "a < b", expression="true")),
                         f"return ({ON}(3) ? (true) : (a < b));")

    def test_switches_statements_and_early_ones(self):
        self.assertEqual(woven("go();", change("m", 1, "go();", statements="")),
                         f"if ({ON}(1)) {{  }} else {{ go(); }}")
        self.assertEqual(woven("go();", change("m", 1, "go();", before="return;")),
                         f"if ({ON}(1)) {{ return; }} go();")

    def test_two_mutants_of_one_place_and_one_inside_another(self):
        self.assertEqual(
            woven("x = f(a);", change("m", 1, "f(a)", expression="b"),
                  change("n", 2, "f(a)", expression="c"), change("o", 3, "a", expression="d")),
            f"x = ({ON}(1) ? (b) : (({ON}(2) ? (c) : (f(({ON}(3) ? (d) : (a)))))));")

    def test_lines_keep_their_numbers(self):
        new = "x = 1;\ny = 2;\nz = 3;"
        for kind in ("statements", "before", "text"):
            text = woven("a;\nb;\nc;\n", change("m", 1, "a;\nb;", **{kind: new}))
            self.assertEqual(text.count("\n"), 3, kind)
            self.assertTrue(text.endswith("\nc;\n"), kind)

    def test_a_text_that_is_gone_names_mutant_and_file(self):
        with self.assertRaisesRegex(weave.Problem, "half.*0 times in a.cpp"):
            woven("return c;", change("half", 1, "a < b", expression="true"))

    def test_a_text_that_stands_twice_is_refused(self):
        with self.assertRaisesRegex(weave.Problem, "half.*2 times in a.cpp"):
            woven("a < b; a < b;", change("half", 1, "a < b", expression="true"))

    def test_overlaps_are_refused(self):
        with self.assertRaisesRegex(weave.Problem, "overlaps"):
            woven("a b c", change("m", 1, "a b", expression="x"),
                  change("n", 2, "b c", expression="y"))
        with self.assertRaisesRegex(weave.Problem, "hides"):
            woven("a b c", change("m", 1, "a b c", text="x"), change("n", 2, "b", expression="y"))

    def test_a_change_has_one_kind_and_no_line_comments(self):
        with self.assertRaisesRegex(weave.Problem, "wants one of"):
            change("m", 1, "a", expression="x", text="y")
        with self.assertRaisesRegex(weave.Problem, "comments"):
            change("m", 1, "a", statements="x;  // why")


if __name__ == "__main__":
    unittest.main()
