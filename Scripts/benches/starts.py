"""From the start of the process to its first record."""

import contextlib
import time

from benches.harness import EAST, WEST, Case, await_true, broker, is_in_step, metric, produce, record_file, running
from processes import cpu_seconds


def first_record():
    @contextlib.contextmanager
    def prepare(env):
        path, _ = record_file(env, 1)
        with broker(env, EAST):
            produce(EAST, "bench", path)

            def measure(program):
                with broker(env, WEST):
                    began = time.monotonic()
                    with running(env, program):
                        await_true("a record", lambda: metric("replicator_records_total") > 0, pause=0.01)
                        first = time.monotonic() - began
                    began = time.monotonic()
                    with running(env, program) as child:
                        await_true("it has found its place", lambda: is_in_step(3), pause=0.01)
                        return {"first record ms": 1000 * first, "again in step ms": 1000 * (time.monotonic() - began),
                                "CPU-s": cpu_seconds(child.pid)}
            yield measure
    return prepare


CASES = [Case("start to the first record", first_record())]
