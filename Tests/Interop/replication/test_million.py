"""A million records of 1 KB over three partitions: none missing, none twice, in order; and what that costs."""

import time

import pytest

from support.checks import check, equal, measured
from support.processes import memory
from support.records import numbers, produce_numbers
from support.replicators import replicator
from support.topics import create_topic

COUNT = 1_000_000
SIZE = 1000


def differences(found, expected):
    """What is wrong with a partition: nothing, or how many are missing, doubled, foreign, out of order."""
    if found == expected:
        return ""
    missing = set(expected) - set(found)
    doubled = len(found) - len(set(found))
    backwards = sum(1 for a, b in zip(found, found[1:]) if b <= a)
    return f"{len(missing)} missing {sorted(missing)[:3]}, {doubled} doubled, {backwards} out of order"


@pytest.mark.alone
@pytest.mark.east(data=True)
@pytest.mark.west(data=True)
def test_million_records(east, west):
    measured(f"broker at rest {memory(east.process):.0f} MB")
    create_topic(east.bootstrap, "million")
    started = time.monotonic()
    produce_numbers(east.bootstrap, "million", range(COUNT), padding=SIZE - 8)
    measured(f"librdkafka produced {rate(started):.0f} MB/s")
    started = time.monotonic()
    with replicator(east.bootstrap, west.bootstrap) as running:
        running.copies(east.bootstrap, ["million"], seconds=300)
        measured(f"replicated {rate(started):.0f} MB/s, from the start of the process on")
        cpu = running.cpu_seconds() / (COUNT * SIZE / 1e9)
        measured(f"the replicator took {cpu:.2f} CPU seconds per GB")
        peak = memory(running.process, "VmHWM")
        measured(f"the replicator had at most {peak:.0f} MB, a broker {memory(west.process, 'VmHWM'):.0f} MB")
        # The buffer is 32 MiB.
        check("the replicator stays within 250 MB", peak < 250, f"{peak} MB")
        equal("no partition has stopped", running.failures(), [])
    started = time.monotonic()
    found = numbers(west.bootstrap, "east.million")
    measured(f"librdkafka consumed {rate(started):.0f} MB/s")
    equal("the copy has three partitions", sorted(found), [0, 1, 2])
    for partition, values in found.items():
        wrong = differences(values, list(range(partition, COUNT, 3)))
        check(f"partition {partition} holds exactly what the source holds", not wrong, wrong)


def rate(started):
    return COUNT * SIZE / 1e6 / (time.monotonic() - started)


@pytest.mark.alone
def test_cost_at_rest(east, west):
    """What it costs to replicate nothing: 30 partitions without traffic."""
    for n in range(10):
        create_topic(east.bootstrap, f"quiet-{n}")
    with replicator(east.bootstrap, west.bootstrap) as running:
        running.copies(east.bootstrap, ["quiet-0"])
        before = running.cpu_seconds()
        started = time.monotonic()
        # Nothing is waited for: this is the time over which it is measured.
        time.sleep(3)
        used = (running.cpu_seconds() - before) / (time.monotonic() - started)
        measured(f"at rest the replicator has {memory(running.process):.0f} MB and uses {used:.1%} of a core")
