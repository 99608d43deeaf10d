"""A cluster behind a relay that delays both directions: large fetches on several connections, many batches under way, and
nothing is doubled, lost or out of order, also when the line breaks."""

import contextlib
import time

import pytest

from support.brokers import broker, start_on_free_ports, stopped_at_the_end
from support.checks import PATIENCE, equal, measured
from support.distance import distance
from support.records import numbers, produce_numbers
from support.replicators import flow, replicator
from support.topics import create_topic

PARTITIONS = 4
ROUND_TRIP = 100
# Of 10 KB each.
RECORDS = 4_000


@contextlib.contextmanager
def far_broker():
    """A broker that advertises the relay in front of it; yields its nearby address, the relay's ports, and the relay."""
    def arguments(first):
        return ["--listen", f"127.0.0.1:{first}", "--set", f"advertised.listeners=PLAINTEXT://127.0.0.1:{first + 1}"]

    running, first = start_on_free_ports(2, arguments)
    with stopped_at_the_end(running):
        with contextlib.ExitStack() as relays:
            def lay():
                return relays.enter_context(distance(first + 1, first, ROUND_TRIP / 2))
            yield f"127.0.0.1:{first}", f"127.0.0.1:{first + 1}", lay(), lay


def produce(bootstrap, first, count):
    produce_numbers(bootstrap, "t", range(first, first + count), PARTITIONS, padding=10_000, **{"batch.size": 1_000_000})


def written(running):
    return sum(partition["written"] for partition in running.partitions())


@pytest.mark.parametrize("side", ["source", "target"])
def test_far(side):
    with far_broker() as (near, far, relay, lay), broker() as other:
        source, target = (far, other.bootstrap) if side == "source" else (other.bootstrap, far)
        at_source, at_target = (near, other.bootstrap) if side == "source" else (other.bootstrap, near)
        create_topic(at_source, "t", partitions=PARTITIONS)
        produce(at_source, 0, RECORDS)
        began = time.monotonic()
        with replicator(source, target, flow()) as running:
            running.awaits("everything has passed", lambda: written(running) == RECORDS, seconds=2 * PATIENCE)
            seconds = time.monotonic() - began
            # The line breaks with requests under way, and comes back.
            relay.kill()
            relay.wait()
            lay()
            produce(at_source, RECORDS, PARTITIONS)
            running.awaits(
                "what came since has passed", lambda: written(running) == RECORDS + PARTITIONS, seconds=2 * PATIENCE)
            equal("none has stopped", running.failures(), [])
        wanted = {p: list(range(p, RECORDS + PARTITIONS, PARTITIONS)) for p in range(PARTITIONS)}
        equal("each record is there once, in its order", numbers(at_target, "east.t"), wanted)
        measured(f"far {side}: {RECORDS // 100} MB over {ROUND_TRIP} ms in {seconds:.1f} s, the start included")
