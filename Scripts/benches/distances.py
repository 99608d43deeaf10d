"""Throughput to and from a cluster that is far away: behind a relay that delays both directions."""

import contextlib
import os
import sys
import time

from benches.harness import EAST, FAR, WEST, Case, await_true, broker, metric, produce, record_file, running
from processes import memory_megabytes

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "Tests", "Interop", "support"))
from distance import distance  # noqa: E402


def pace(records, megabytes):
    """MB/s between a quarter of the records and all of them: without the start, which takes its round trips, too."""
    marks = []

    def mark():
        copied = metric("replicator_records_total")
        marks.append((time.monotonic(), copied))
        return copied >= records
    await_true(f"{records} records", mark, pause=0.05)
    began, first = next(m for m in marks if m[1] >= records / 4)
    ended, last = marks[-1]
    if last == first:
        return float("inf")
    return megabytes * (last - first) / records / (ended - began)


def away(side, round_trip, partitions, buffer):
    """One cluster behind the relay, which its broker advertises; without a delay there is no relay."""
    @contextlib.contextmanager
    def prepare(env):
        # About eight seconds at the pace that is aimed at.
        megabytes = env.size(480 if partitions == 1 else 1600)
        path, records = record_file(env, megabytes)
        behind = {"source": EAST, "target": WEST}[side]
        relay = distance(FAR, behind, round_trip / 2) if round_trip else contextlib.nullcontext()
        far = [f"advertised.listeners=PLAINTEXT://127.0.0.1:{FAR}"] if round_trip else []
        ends = {side: FAR} if round_trip else {}
        with relay, broker(env, EAST, *(far if side == "source" else []), partitions=partitions):
            produce(EAST, "bench", path)

            def measure(program):
                with broker(env, WEST, *(far if side == "target" else [])):
                    with running(env, program, options=f"bufferBytes: {buffer}", **ends) as child:
                        return {"MB/s": pace(records, megabytes), "peak MB": memory_megabytes(child.pid)}
            yield measure
    return prepare


CASES = [
    Case(f"far {side}, {round_trip} ms, {partitions} partition{'s' * (partitions > 1)}, bufferBytes {buffer}",
         away(side, round_trip, partitions, buffer))
    for side in ("source", "target") for partitions in (1, 12) for buffer in ("32MiB", "128MiB")
    for round_trip in (0, 20, 100, 200)
]
