#!/usr/bin/env python3
"""Shows that check.py finds each kind of violation at its line, and nothing in clean code."""

import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import check  # noqa: E402

HEADER = "#pragma once\n"
LONG_BODY = "int f(int a) {\n" + "  ++a;\n" * 69 + "}\n"  # 71 lines
CASES = [
    ("clean", "quorum/a.h", HEADER + "#include <vector>\nint f(int a);\n", None),
    ("downwards", "region/a.cpp", '#include "quorum/a.h"\n#include "security/b.h"\n', None),
    ("upwards", "quorum/a.cpp", '\n#include "region/clock.h"\n', ("quorum/a.cpp", 2)),
    ("sideways", "topology/a.cpp", '#include "security/tls.h"\n', ("topology/a.cpp", 1)),
    ("from the top", "region/a.cpp", '#include "gateway/route.h"\n', ("region/a.cpp", 1)),
    ("apart", "gateway/client/a.cpp", '#include "gateway/client/a.h"\n#include "region/clock.h"\n',
     None),
    ("apart and upwards", "gateway/client/a.cpp", '\n#include "gateway/route.h"\n',
     ("gateway/client/a.cpp", 2)),
    ("apart and sideways", "gateway/client/a.cpp", '#include "region/log.h"\n',
     ("gateway/client/a.cpp", 1)),
    ("library", "quorum/a.cpp", "#include <Poco/Net/Socket.h>\n", ("quorum/a.cpp", 1)),
    ("stream", "quorum/a.cpp", "#include <iostream>\n", ("quorum/a.cpp", 1)),
    ("clock", "quorum/a.cpp", "\n\nauto t = std::chrono::steady_clock::now();\n",
     ("quorum/a.cpp", 3)),
    ("clock in comment", "quorum/a.cpp", "// unlike steady_clock\n", None),
    ("printf", "quorum/a.cpp", "void f() { std::printf(\"\"); }\n", ("quorum/a.cpp", 1)),
    ("long file", "region/a.cpp", "int a;\n" * 501, ("region/a.cpp", 501)),
    ("allowed file", "region/a.cpp", "int a;\n" * 500, None),
    ("long line", "region/a.cpp", "\n// " + "x" * 98 + "\n", ("region/a.cpp", 2)),
    ("long function", "region/a.cpp", "namespace n {\n" + LONG_BODY + "}\n", ("region/a.cpp", 2)),
    ("long method", "region/a.cpp", "namespace {\nstruct A {\n" + LONG_BODY + "};\n}\n",
     ("region/a.cpp", 3)),
    ("long class", "region/a.cpp", "class A {\n" + "  int f() { return 1; }\n" * 80 + "};\n", None),
    ("struct returned", "region/a.cpp", "A f(struct B b) {\n" + "\n" * 70 + "}\n",
     ("region/a.cpp", 1)),
    ("brace in text", "region/a.cpp",
     'auto f() { return "{"; }\n' + "int a;\n" * 80 + "char g() { return '}'; }\n", None),
    ("no pragma", "region/a.h", "int a;\n", ("region/a.h", 1)),
    ("skipped", "tests/unit/a.cpp", "\nTEST(A, B) { GTEST_SKIP(); }\n", ("tests/unit/a.cpp", 2)),
    ("unfinished", "tests/unit/a.cpp", "// TO" + "DO later\n", ("tests/unit/a.cpp", 1)),
]


def main():
    failures = 0
    for title, name, text, expected in CASES:
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / name
            path.parent.mkdir(parents=True)
            path.write_text(text, encoding="utf-8")
            problems = check.Checker(pathlib.Path(folder)).run()
        found = [(file, line) for file, line, _ in problems]
        if found != ([expected] if expected else []):
            print(f"{title}: expected {expected}, found {problems}")
            failures += 1
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
