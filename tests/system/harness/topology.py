"""Topologies under test, as plain dictionaries in the shape of the topology file."""
import copy
import re

REGIONS = ("us-east", "us-west", "eu")


def region(number, nodes=3, gateways=1, described_nodes=None, **extra):
    """Region number R: gateways at 10.0.R.10, .15, …; nodes at 10.0.R.11 and up (or as described);
    Redis at 10.0.R.20. `extra` adds keys; the value None takes one away."""
    made = {
        "weight": 1,
        "priority": 110 - 10 * number,
        "gateways": {f"gw{i + 1}": f"10.0.{number}.{10 if i == 0 else 14 + i}"
                     for i in range(gateways)},
        "nodes": described_nodes or {f"n{i + 1}": f"10.0.{number}.{11 + i}" for i in range(nodes)},
        "redis": f"10.0.{number}.20:6379",
    }
    made.update(extra)
    return {key: value for key, value in made.items() if value not in (None, {})}


def topology(regions=None, quorum="hierarchical", hold="1s"):
    """Three regions of three nodes and one gateway, or `regions` ({name: region(...)})."""
    regions = regions or {name: region(i + 1) for i, name in enumerate(REGIONS)}
    backends = {name: [f"10.0.{i + 1}.31:9000", f"10.0.{i + 1}.32:9000"]
                for i, name in enumerate(regions) if not regions[name].get("witness")}
    return {
        "cluster": "shop",
        "version": 1,
        "quorum": quorum,
        "timing": {"heartbeat": "250ms", "lease": "1500ms", "clock_drift_ppm": 1000},
        "failback": {"policy": "manual"},
        "ports": {"peer": 7400, "forward": 7443, "admin": 7480, "node": 7500},
        "regions": copy.deepcopy(regions),
        "services": {"orders": {
            "protocol": "http", "port": 8080, "reads": "local", "hold": hold, "min_backends": 1,
            "health": {"path": "/health", "interval": "500ms", "timeout": "500ms", "rise": 2,
                       "fall": 3},
            "backends": backends,
        }},
    }


def nodes_of(described):
    """{name: address} of all nodes of a region, whatever the depth of its zones."""
    found = {}
    for name, node in described.get("nodes", {}).items():
        found[name] = node["address"] if isinstance(node, dict) else node
    for zone in described.get("zones", {}).values():
        found.update(nodes_of(zone))
    return found


def to_yaml(value, indent=0):
    """YAML in block style of dictionaries, lists of texts or flat dictionaries, texts, numbers and
    booleans."""
    lines = []
    for key, item in value.items():
        if isinstance(item, dict):
            lines.append(f"{'  ' * indent}{key}:\n{to_yaml(item, indent + 1)}")
        elif isinstance(item, list):
            lines.append(f"{'  ' * indent}{key}: [{', '.join(map(_scalar, item))}]\n")
        else:
            lines.append(f"{'  ' * indent}{key}: {_scalar(item)}\n")
    return "".join(lines)


def _scalar(value):
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key}: {_scalar(item)}" for key, item in value.items()) + " }"
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    return text if re.fullmatch(r"[\w./:-]+", text) else f'"{text}"'
