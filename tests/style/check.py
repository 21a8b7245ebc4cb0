#!/usr/bin/env python3
"""Checks the rules of the source tree that no compiler checks.

Usage: check.py ROOT

Prints FILE:LINE: PROBLEM for each violation and exits with 1 when there was one.
  - includes point downwards: quorum < topology, security < region < gateway
  - gateway/client/, which others link, uses quorum, security and the clock only
  - quorum/ is pure: standard headers and quorum headers only; no clock, socket, file, thread, log
  - files have at most 500 lines, functions 70 (by matching braces), lines 100 columns
  - headers start with #pragma once; no test is skipped or disabled; nothing is left for later
"""

import pathlib
import re
import sys

ALLOWED = {
    "quorum": {"quorum"},
    "topology": {"topology", "quorum"},
    "security": {"security", "quorum"},
    "region": {"region", "topology", "security", "quorum"},
    "gateway": {"gateway", "region", "topology", "security", "quorum"},
}
# A part of a layer that sees less than the layer: folder, and what it may include.
APART = {"gateway/client": ("gateway/client/", "quorum/", "security/", "region/clock.h")}
PURE_HEADERS = {
    "algorithm", "array", "bit", "charconv", "chrono", "compare", "concepts", "cstddef", "cstdint",
    "deque", "functional", "initializer_list", "iterator", "limits", "list", "map", "memory",
    "numeric", "optional", "ranges", "set", "span", "string", "string_view", "tuple",
    "type_traits", "unordered_map", "unordered_set", "utility", "variant", "vector",
}
# CHECK stops the process, which takes these two.
PURE_EXCEPTIONS = {"quorum/check.h": {"cstdio", "cstdlib"}}
IMPURE = re.compile(
    r"\b(?:steady_clock|system_clock|high_resolution_clock|clock_gettime|random_device"
    r"|getenv|thread_local|mutex|jthread|sleep_for|sleep_until"
    r"|cout|cerr|clog|fopen|printf|ofstream|ifstream|log_event|boot_now)\b"
    r"|std::thread\b|\b(?:socket|connect|time|rand)\s*\(")
SKIPPED = re.compile(r"\bGTEST_SKIP\b|\bDISABLED_\w|\bSUCCEED\s*\(")
UNFINISHED = re.compile(r"\b(?:TODO|FIXME|XXX)\b")
INCLUDE = re.compile(r'\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)')
TYPE_OR_NAMESPACE = re.compile(r"\b(?:namespace|class|struct|union|enum)\b|\bextern\s*$")

MAX_FILE_LINES = 500
MAX_FUNCTION_LINES = 70
MAX_COLUMNS = 100
SUFFIXES = {".h", ".cpp", ".proto", ".py"}


def blank(text):
    """The code with comments, literals and preprocessor lines blanked; line breaks stay."""
    pattern = re.compile(
        r'R"(?P<tag>[^\s()\\]{0,16})\(.*?\)(?P=tag)"'  # raw string
        r"|//[^\n]*|/\*.*?\*/"
        r'|"(?:\\.|[^"\\\n])*"'
        r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'"  # not the separator in 1'000
        r"|^[ \t]*#(?:[^\n]*\\\n)*[^\n]*",
        re.DOTALL | re.MULTILINE)
    return pattern.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), text)


def functions(code):
    """(first line, number of lines) of each function at namespace or class level."""
    found = []
    scopes = []  # per open brace: True for a namespace or type
    head_start = 0
    function = None  # (first line, depth at which it opened)
    line = 1
    for index, char in enumerate(code):
        if char == "\n":
            line += 1
        elif char == "{":
            head = code[head_start:index]
            parameters = head.find("(")
            is_type = TYPE_OR_NAMESPACE.search(head[:parameters] if parameters >= 0 else head)
            is_scope = bool(is_type) or (parameters < 0 and "=" not in head and not head.strip())
            if function is None and all(scopes) and not is_type and parameters >= 0:
                first = line - head.lstrip().count("\n")
                function = (first, len(scopes))
            scopes.append(is_scope)
            head_start = index + 1
        elif char == "}":
            if scopes:
                scopes.pop()
            if function is not None and len(scopes) == function[1]:
                found.append((function[0], line - function[0] + 1))
                function = None
            head_start = index + 1
        elif char == ";" and function is None:
            head_start = index + 1
    return found


class Checker:
    def __init__(self, root):
        self.root = root
        self.problems = []

    def report(self, name, line, problem):
        self.problems.append((name, line, problem))

    def sources(self):
        for folder in (*ALLOWED, "tests"):
            for path in sorted((self.root / folder).rglob("*")):
                if path.suffix in SUFFIXES and path.is_file() and "__pycache__" not in path.parts:
                    yield path

    def check_includes(self, name, lines):
        layer = name.split("/")[0]
        if layer not in ALLOWED:
            return
        for number, line in enumerate(lines, 1):
            include = INCLUDE.match(line)
            if not include:
                continue
            own, system = include.groups()
            target = own.split("/")[0] if own else None
            if target in (*ALLOWED, "tests") and target not in ALLOWED[layer]:
                self.report(name, number, f"{layer} must not include {own}")
            for folder, allowed in APART.items():
                if name.startswith(folder + "/") and own and not own.startswith(allowed):
                    self.report(name, number, f"{folder} must not include {own}")
            if own and "/" not in own and (self.root / name).with_name(own).exists():
                self.report(name, number, f"include from the root: {layer}/{own}")
            if layer != "quorum":
                continue
            if own and target not in ALLOWED:
                self.report(name, number, f"quorum is pure and must not include {own}")
            if system and system not in PURE_HEADERS | PURE_EXCEPTIONS.get(name, set()):
                self.report(name, number, f"quorum is pure and must not include <{system}>")

    def check_purity(self, name, code):
        if not name.startswith("quorum/"):
            return
        for number, line in enumerate(code.split("\n"), 1):
            word = IMPURE.search(line)
            if word:
                self.report(name, number, f"quorum is pure and must not use {word.group()}")

    def check_sizes(self, name, lines, code):
        if len(lines) > MAX_FILE_LINES:
            self.report(name, len(lines), f"file has more than {MAX_FILE_LINES} lines: split it")
        for number, line in enumerate(lines, 1):
            if len(line) > MAX_COLUMNS:
                self.report(name, number, f"line has {len(line)} columns, at most {MAX_COLUMNS}")
        if not name.endswith((".h", ".cpp")):
            return
        for first, length in functions(code):
            if length > MAX_FUNCTION_LINES:
                self.report(name, first,
                            f"function has {length} lines, at most {MAX_FUNCTION_LINES}")

    def check_words(self, name, text, lines, code):
        if name.endswith(".h") and "#pragma once" not in text:
            self.report(name, 1, "header without #pragma once")
        for number, line in enumerate(code.split("\n"), 1):
            if SKIPPED.search(line):
                self.report(name, number, "every test runs: no skipping or disabling")
        for number, line in enumerate(lines, 1):
            if UNFINISHED.search(line):
                self.report(name, number, "finish it or remove it; plans belong in the tracker")

    def run(self):
        for path in self.sources():
            name = path.relative_to(self.root).as_posix()
            text = path.read_text(encoding="utf-8")
            lines = text.splitlines()
            is_python = path.suffix == ".py"
            code = "" if is_python else blank(text)
            self.check_includes(name, lines)
            self.check_purity(name, code)
            self.check_sizes(name, lines, code)
            if path.resolve() != pathlib.Path(__file__).resolve():
                self.check_words(name, text, lines, code)
        return self.problems


def main():
    if len(sys.argv) != 2:
        print(__doc__.split("\n\n")[1], file=sys.stderr)
        return 64
    problems = Checker(pathlib.Path(sys.argv[1]).resolve()).run()
    for name, line, problem in problems:
        print(f"{name}:{line}: {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
