#!/usr/bin/python3
"""Runs all raw requests against HAProxy, nginx and Regent, as far as they are installed, and prints
what each does as the table of requests/README.md.

    tests/system/requests/table.py > tests/system/requests/README.md
"""
import datetime
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from harness import proxies, raw_requests  # noqa: E402

HEAD = """# Raw requests

What {versions} do with {count} requests that are unusual, ambiguous
or wrong, and with answers of that kind; {date}, printed by `tests/system/requests/table.py`.
The bytes are in the `.toml` files beside this one; `tests/system/test_requests.py` holds Regent to
the strict answer in every row, with the bytes sent at once and one by one.

Each proxy stands in front of a backend that keeps every byte it receives. "Closed" means that
nothing more is answered on the connection: behind each case's bytes follows another request. "✗"
marks what is less strict than the answer asked for here, which is not always wrong: some clauses
leave a choice, and a proxy may take more than it must. Another number of refusal counts as strict,
and so does passing on the sound beginning of a body before the fault in it. Everything was asked
three times; "or" joins what was not the same each time. HAProxy and nginx run with the settings of
`tests/system/harness/proxies.py`, which are their defaults but for kept connections to the backend
and X-Forwarded-*.

"""


TRIES = 3


def cell(case, proxy):
    """What the proxy does, or the two or three things that it does, the less strict one first."""
    found = {words_of(case, raw_requests.converse(proxy.address, proxy.recorder, case,
                                                  proxy.patience)) for _ in range(TRIES)}
    return " or ".join(sorted(found, reverse=True))


def words_of(case, outcome):
    words = str(outcome)
    lenient = raw_requests.leniences(case, outcome)
    if lenient:
        # Where it is right that the request goes through, the reason says what is wrong with it.
        why = "" if isinstance(case.backend, str) else f" ({'; '.join(lenient)})"
        words = f"✗ {words}{why}"
    return words.replace("|", "\\|")


def main():
    kinds = proxies.installed()
    cases = raw_requests.load()
    columns = []
    for kind in kinds:
        with kind() as proxy:
            columns.append([
                "" if case.own and kind is not proxies.Regent else cell(case, proxy)
                for case in cases])
    names = [f"{kind.name} {kind.version()}" for kind in kinds]
    versions = ", ".join(names[:-1]) + f" and {names[-1]}" if len(names) > 1 else names[0]
    print(HEAD.format(versions=versions, count=len(cases),
                      date=f"{datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d}"), end="")
    strict = [sum(1 for text in column if text and not text.startswith("✗")) for column in columns]
    print("| | strict | of |\n|---|---|---|")
    for name, count, column in zip(names, strict, columns):
        print(f"| {name} | {count} | {sum(1 for text in column if text)} |")
    topic = None
    for index, case in enumerate(cases):
        if case.topic != topic:
            topic = case.topic
            print(f"\n## {topic}\n")
            print("| case | clause | strict | " + " | ".join(kind.name for kind in kinds) + " |")
            print("|" + "---|" * (3 + len(kinds)))
        cells = [case.name.replace("|", "\\|"), case.clause, case.strict]
        print("| " + " | ".join(cells + [column[index] for column in columns]) + " |")


if __name__ == "__main__":
    main()
