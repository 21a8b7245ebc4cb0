"""The promise, checked against what the backends wrote down, ordered by the host's clock."""
import json

# How soon after a gateway goes on a write is taken that it was stopped in the middle of.
WOKEN_NS = 200_000_000
PROMISE = ("each epoch belongs to one region, epochs never go back, nothing without an "
           "Idempotency-Key is written twice, and nothing that was acknowledged is missing")


def read_records(paths):
    """All records of the files, oldest first. A line cut off by kill -9 was never acknowledged."""
    records = []
    for path in paths:
        try:
            with open(path, encoding="utf-8") as file:
                for line in file:
                    if line.endswith("\n"):
                        records.append(json.loads(line))
        except FileNotFoundError:
            continue
    return sorted(records, key=lambda record: record["time_ns"])


def region_changes(records):
    """The regions in the order in which they took writes, without the first: each was a change."""
    regions = [record["region"] for record in records]
    return [new for old, new in zip(regions, regions[1:]) if old != new]


def violations(records, writers=(), pauses=()):
    """What of the promise was broken, as sentences; an empty list when all is well.
    records: sorted by time_ns; what carried an Idempotency-Key is marked "key" there, and may have
    been taken again by another region, whose backends know nothing of the first. writers: what
    clients remember. pauses: (region, time_ns at which a gateway of it went on after SIGSTOP). A
    process can be stopped between its look at the lease and its write, which no lease can prevent:
    one late write is excused for each pause."""
    found = []
    pauses = list(pauses)
    region_of = {}
    times = {}
    highest = None
    for record in records:
        epoch, region = record["epoch"], record["region"]
        owner = region_of.setdefault(epoch, record)
        if owner["region"] != region:
            found.append(f"epoch {epoch} was used by two regions: {owner} and {record}")
        if highest is not None and epoch < highest["epoch"] and not _excused(record, pauses):
            late = (record["time_ns"] - highest["time_ns"]) / 1e6
            found.append(f"epoch went back: {record} was taken {late:.3f} ms after {highest}")
        if highest is None or epoch > highest["epoch"]:
            highest = record
        if epoch == 0:
            found.append(f"taken without an epoch: {record}")
        times.setdefault(record["id"], []).append(record)
    for order_id, taken in times.items():
        if len(taken) > 1 and not taken[0].get("key"):
            found.append(f"{order_id} was taken {len(taken)} times: {taken}")
    for writer in writers:
        for attempt in writer.acknowledged():
            taken = times.get(attempt.id)
            if not taken:
                found.append(f"acknowledged but in no record: {attempt}")
            elif not taken[0].get("key") and \
                    (str(taken[0]["epoch"]), taken[0]["region"]) != (attempt.epoch, attempt.region):
                found.append(f"answered under another name: {attempt}, but {taken[0]}")
    return found


def _excused(record, pauses):
    """Whether the write was one that a pause held up; that pause then excuses no other."""
    for pause in pauses:
        region, resumed_ns = pause
        if record["region"] == region and 0 <= record["time_ns"] - resumed_ns <= WOKEN_NS:
            pauses.remove(pause)
            return True
    return False
