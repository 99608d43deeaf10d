#!/usr/bin/env python3
"""Instructions, allocations and reference counts of the replicator for each batch, counted by callgrind.

usage: profile_batches.py REPLICATOR [--sizes 4096,102400] [--batches N] [--options 'compression: keep'] [--keep FOLDER]

Each size is replicated twice, with few batches and with many: the difference is what a batch costs, without the start.
Counts of instructions do not depend on what else the machine does, unlike times. Needs kcat and valgrind, and
a program without debugging information (`objcopy --strip-debug`), which older releases of valgrind cannot read.
"""

import argparse
import collections
import contextlib
import os
import re
import subprocess
import tempfile
import time

ARGUMENTS = argparse.ArgumentParser(usage=__doc__)
ARGUMENTS.add_argument("program")
ARGUMENTS.add_argument("--sizes", default="4096,16384,102400,1000000")
ARGUMENTS.add_argument("--batches", type=int, default=400)
ARGUMENTS.add_argument("--options", default="compression: keep")
ARGUMENTS.add_argument("--keep", help="where callgrind's files stay")
CHOSEN = ARGUMENTS.parse_args()
EAST, WEST = 27292, 27392
RECORD = 1000
FEW = 40
# Functions whose calls are counted, by the names that callgrind knows them under.
COUNTED = {
    "allocations": {"malloc", "calloc", "realloc", "posix_memalign", "aligned_alloc", "memalign"},
    "retains": {"swift_retain", "swift_bridgeObjectRetain"},
    "casts": {"swift_dynamicCast", "swift_conformsToProtocolMaybeInstantiateSuperclasses", "swift_getGenericMetadata"},
    "jobs elsewhere": {"swift_task_enqueueGlobal"},
}


@contextlib.contextmanager
def process(*arguments, ready=None):
    child = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        if ready:
            assert ready in child.stdout.readline(), f"{arguments} did not start"
        yield child
    finally:
        child.terminate()
        child.wait()


def replicated():
    """Records at the target. Asked of the broker, since what the replicator answers would be counted too."""
    topic = "bench" if "identical" in CHOSEN.options else "east.bench"
    ask = subprocess.run(["kcat", "-b", f"127.0.0.1:{WEST}", "-Q", "-t", topic + ":0:-1"], capture_output=True, text=True)
    match = re.search(r"offset (\d+)", ask.stdout)
    return int(match[1]) if match else 0


def produce(work, size, batches):
    """Batches of about `size` bytes, each with as many whole records as fit."""
    records = max(1, size // RECORD)
    path = os.path.join(work, "records")
    with open(path, "w") as file:
        for number in range(records * batches):
            file.write(f"{number:0{RECORD - 10}d}\n")
    subprocess.run(["kcat", "-b", f"127.0.0.1:{EAST}", "-t", "bench", "-P", "-l", path, "-X", "linger.ms=1000",
                    "-X", f"batch.num.messages={records}", "-X", "batch.size=2000000",
                    "-X", "message.max.bytes=2000000"], check=True)
    return records * batches


def profile(work, size, batches, folder):
    output = os.path.join(folder, f"callgrind.{size}.{batches}")
    config = os.path.join(work, "profile.yaml")
    with open(config, "w") as file:
        file.write(f"""
clusters:
  east: {{bootstrapServers: "127.0.0.1:{EAST}", requestTimeout: 300s, connectTimeout: 120s}}
  west: {{bootstrapServers: "127.0.0.1:{WEST}", requestTimeout: 300s, connectTimeout: 120s}}
flows:
  - {{name: profiled, source: east, target: west, topics: {{allow: [bench]}}, startFrom: earliest, shards: 1, {CHOSEN.options}}}
""")
    with process(CHOSEN.program, "broker", "--listen", f"127.0.0.1:{EAST}", ready="listening"), \
            process(CHOSEN.program, "broker", "--listen", f"127.0.0.1:{WEST}", ready="listening"):
        records = produce(work, size, batches)
        with process("valgrind", "--tool=callgrind", f"--callgrind-out-file={output}", CHOSEN.program, "run",
                     "--config", config) as run:
            while replicated() < records:
                assert run.poll() is None, "valgrind has ended"
                time.sleep(1)
    return counts(output)


def counts(path):
    """Instructions altogether, and calls of the functions that are counted."""
    names, found, callee = {}, collections.Counter(), ""
    with open(path) as file:
        for line in file:
            if match := re.match(r"c?fn=\((\d+)\)(?: (.*))?", line):
                if match[2]:
                    names[match[1]] = match[2].strip().split("'")[0]
                if line.startswith("cfn"):
                    callee = names[match[1]]
            elif line.startswith("calls="):
                number = int(line[6:].split()[0])
                for title, functions in COUNTED.items():
                    if callee.lstrip("_").split("@")[0] in functions:
                        found[title] += number
            elif line.startswith(("summary:", "totals:")):
                found["instructions"] = int(line.split()[1])
    return found


def main():
    columns = ["instructions", *COUNTED]
    print("| batches of | " + " | ".join(columns) + " |\n|---|" + "---|" * len(columns), flush=True)
    with tempfile.TemporaryDirectory() as work:
        folder = CHOSEN.keep or work
        os.makedirs(folder, exist_ok=True)
        for size in map(int, CHOSEN.sizes.split(",")):
            few = profile(work, size, FEW, folder)
            many = profile(work, size, FEW + CHOSEN.batches, folder)
            row = [(many[column] - few[column]) / CHOSEN.batches for column in columns]
            print(f"| {size:,} bytes | " + " | ".join(f"{value:,.0f}" if value >= 10 else f"{value:.1f}" for value in row) + " |",
                  flush=True)


main()
