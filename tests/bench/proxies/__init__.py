"""Proxies side by side: what tests/bench/proxy.py and tests/bench/connections.py have in common."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "system"))
