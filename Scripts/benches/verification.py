"""`verify` of what was copied."""

import contextlib
import os
import subprocess
import time

from benches.harness import (EAST, WEST, Case, broker, configuration, has_copied, produce, record_file, running)


def verified(options):
    @contextlib.contextmanager
    def prepare(env):
        path, records = record_file(env, env.size(1_000))
        gigabytes = 2 * os.path.getsize(path) / 1e9
        with broker(env, EAST, partitions=4), broker(env, WEST):
            produce(EAST, "bench", path)
            with running(env, env.program, options=options):
                has_copied(records)

            def measure(program):
                config, began = configuration(env, options), time.monotonic()
                before = os.times()
                subprocess.run([program, "verify", "--config", config], check=True, stdout=subprocess.DEVNULL)
                used = os.times()
                cpu = used.children_user + used.children_system - before.children_user - before.children_system
                seconds = time.monotonic() - began
                return {"s": seconds, "MB/s": 1000 * gigabytes / seconds, "CPU-s/GB": cpu / gigabytes}
            yield measure
    return prepare


CASES = [
    Case("verify, whole batches equal", verified("compression: keep")),
    Case("verify, record by record", verified("compression: zstd")),
]
