"""`adopt` of a copy that another program has made."""

import contextlib
import json
import os
import subprocess

from benches.harness import EAST, WEST, Case, broker, configuration, produce, record_file

SIZE = 100


@contextlib.contextmanager
def adopted(env):
    """A million records of one partition on both sides, the copies with timestamps of their own; nothing is recorded, so
    that the next round finds the same."""
    path, _ = record_file(env, env.size(100), size=SIZE)
    with broker(env, EAST, partitions=1), broker(env, WEST, partitions=1):
        for port, topic in ((EAST, "bench"), (WEST, "east.bench")):
            produce(port, topic, path, size=SIZE)

        def measure(program):
            process = subprocess.Popen(
                [program, "adopt", "--config", configuration(env), "--flow", "bench", "--all", "--dry-run", "--json"],
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            answer = process.stdout.read()
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode:
                raise RuntimeError(f"adopt ended with status {process.returncode}")
            report = json.loads(answer)
            return {"records": report["recordsRead"], "s": report["seconds"],
                    "records/s": report["recordsRead"] / report["seconds"],
                    "CPU-s": used.ru_utime + used.ru_stime, "peak MB": used.ru_maxrss / 1024}
        yield measure


CASES = [Case("adopt, a million records on each side", adopted)]
