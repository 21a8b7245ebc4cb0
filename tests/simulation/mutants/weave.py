#!/usr/bin/env python3
"""Weaves the mutants into copies of the sources, each behind a switch asked at run time.

Usage: weave.py ROOT OUT LIST.toml...    writes the woven copies and OUT/mutants/list.h
       weave.py --files LIST.toml...     prints the sources that the lists change, one a line

A list holds [[mutant]] tables: `name`, `wrong` (one sentence), and [[mutant.change]] tables with
`file`, `original` (text that stands exactly once in the file) and one of
  expression  used in its place when the mutant is on; both are expressions
  statements  the same for whole statements that declare nothing used later
  before      statements that run before the original when the mutant is on
  text        the new text, in which MUTANT says whether the mutant is on
Lines keep their numbers, so that a compiler's message names the right line of the original.
"""

import pathlib
import sys
import tomllib

KINDS = ("expression", "statements", "before", "text")


class Problem(Exception):
    pass


class Change:
    def __init__(self, mutant, number, table):
        self.mutant = mutant
        self.switch = f"::regent::mutants::on({number})"
        self.file = table["file"]
        self.original = table["original"].strip("\n")
        kinds = [kind for kind in KINDS if kind in table]
        if len(kinds) != 1:
            raise Problem(f"mutant {mutant}, {self.file}: wants one of {', '.join(KINDS)}")
        self.kind = kinds[0]
        self.new = table[self.kind]
        if "//" in self.new:
            raise Problem(f"mutant {mutant}, {self.file}: no // comments, it becomes one line")
        self.new = " ".join(self.new.split())

    def find(self, text):
        found = text.count(self.original)
        if found != 1:
            raise Problem(
                f"mutant {self.mutant}: its original text stands {found} times in {self.file}, "
                f"must be once; follow the change of the source in the list:\n{self.original}")
        self.start = text.index(self.original)
        self.end = self.start + len(self.original)

    def apply(self, original):
        if self.kind == "expression":
            return f"({self.switch} ? ({self.new}) : ({original}))"
        if self.kind == "statements":
            return f"if ({self.switch}) {{ {self.new} }} else {{ {original} }}"
        if self.kind == "before":
            return f"if ({self.switch}) {{ {self.new} }} {original}"
        lines = original.count("\n")  # of the original, which the new text does not repeat
        return self.new.replace("MUTANT", self.switch) + "\n" * lines


def read(lists):
    """The mutants of all lists as (name, wrong), and their changes."""
    mutants = []
    changes = []
    for path in lists:
        with open(path, "rb") as file:
            tables = tomllib.load(file)["mutant"]
        for table in tables:
            name = table["name"]
            if name in (known for known, _ in mutants):
                raise Problem(f"two mutants are called {name}")
            mutants.append((name, table["wrong"]))
            changes += [Change(name, len(mutants), change) for change in table["change"]]
    return mutants, changes


def weave(text, changes, start=0, end=None):
    """text[start:end] with the changes in it; one may stand inside another's original."""
    end = len(text) if end is None else end
    # Longer ones first where they start together: what stands inside comes after what is around.
    pending = sorted(changes, key=lambda change: (change.start, -change.end))
    woven = []
    while pending:
        outer, *pending = pending
        if outer.start < start or outer.end > end:
            raise Problem(f"mutant {outer.mutant}: its original in {outer.file} overlaps another's")
        inside = [change for change in pending if change.start < outer.end]
        if inside and outer.kind == "text":
            raise Problem(f"mutant {outer.mutant}: its text in {outer.file} hides another's change")
        pending = pending[len(inside):]
        woven.append(text[start:outer.start])
        woven.append(outer.apply(weave(text, inside, outer.start, outer.end)))
        start = outer.end
    return "".join(woven) + text[start:end]


def weave_file(name, text, changes):
    for change in changes:
        change.find(text)
    include = '#include "tests/simulation/mutants/switch.h"'
    return f'{include}\n#line 1 "{name}"\n{weave(text, changes)}'


def list_header(mutants):
    def quoted(text):
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

    rows = "".join(f"    {{{quoted(name)}, {quoted(wrong)}}},\n" for name, wrong in mutants)
    return ("#pragma once\n\nnamespace regent::mutants {\n\n"
            "struct Mutant {\n  const char* name;\n  const char* wrong;\n};\n"
            f"inline constexpr Mutant kMutants[] = {{\n{rows}}};\n\n"
            "}  // namespace regent::mutants\n")


def write_if_changed(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def main(arguments):
    if arguments[:1] == ["--files"]:
        print("\n".join(sorted({change.file for change in read(arguments[1:])[1]})))
        return 0
    if len(arguments) < 3:
        print(__doc__.split("\n\n")[1], file=sys.stderr)
        return 64
    root, out, *lists = arguments
    mutants, changes = read(lists)
    for name in sorted({change.file for change in changes}):
        text = (pathlib.Path(root) / name).read_text(encoding="utf-8")
        own = [change for change in changes if change.file == name]
        path = pathlib.Path(root, name).as_posix()
        write_if_changed(pathlib.Path(out) / name, weave_file(path, text, own))
    write_if_changed(pathlib.Path(out) / "mutants" / "list.h", list_header(mutants))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Problem as problem:
        sys.exit(f"weave.py: {problem}")
