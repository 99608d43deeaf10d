#!/usr/bin/env python3
"""Whole-process figures: CPU seconds per GB and memory of the replicator, beside a plain TCP relay in the same run.

usage: bench.py REPLICATOR [RECORDS] [--against OTHER]

With another build both replicate the same records in turn, in the same run: medians, and the ratio of each pair.

Needs kcat and haproxy. Everything listens on loopback; ports are fixed, below those that the system hands out.
"""

import argparse
import contextlib
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

from processes import cpu_seconds, memory_megabytes

ARGUMENTS = argparse.ArgumentParser(usage=__doc__)
ARGUMENTS.add_argument("program")
ARGUMENTS.add_argument("records", type=int, nargs="?", default=1_000_000)
ARGUMENTS.add_argument("--against")
CHOSEN = ARGUMENTS.parse_args()
PROGRAM, RECORDS = CHOSEN.program, CHOSEN.records
ROUNDS = 5
EAST, WEST, HTTP, RELAY, SINK = 27092, 27192, 27644, 27700, 27701


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


def metric(name):
    text = urllib.request.urlopen(f"http://127.0.0.1:{HTTP}/metrics", timeout=5).read().decode()
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
               if line.startswith((name + "{", name + " ")))


def produce(path):
    subprocess.run(["kcat", "-b", f"127.0.0.1:{EAST}", "-t", "bench", "-P", "-K:", "-l", path], check=True)


def replicate(name, work, gigabytes, options, program=PROGRAM):
    """Replicates everything that east holds into a fresh west."""
    config = os.path.join(work, name + ".yaml")
    with open(config, "w") as file:
        file.write(f"""
clusters:
  east: {{bootstrapServers: "127.0.0.1:{EAST}"}}
  west: {{bootstrapServers: "127.0.0.1:{WEST}"}}
flows:
  - {{name: {name}, source: east, target: west, topics: {{allow: [bench]}}, startFrom: earliest, {options}}}
http: {{listen: "127.0.0.1:{HTTP}"}}
""")
    with process(PROGRAM, "broker", "--listen", f"127.0.0.1:{WEST}", ready="listening"):
        begin = time.monotonic()
        with process(program, "run", "--config", config) as run:
            while True:
                with contextlib.suppress(OSError):
                    if metric("replicator_records_total") >= RECORDS:
                        break
                # A scrape takes the replicator 0.6 ms: asked fifty times a second it would be an eighth of what is measured.
                time.sleep(0.1)
            seconds = time.monotonic() - begin
            cpu = cpu_seconds(run.pid)
            return {"MB/s": gigabytes * 1000 / seconds, "CPU-s/GB": cpu / gigabytes, "peak MB": memory_megabytes(run.pid)}


def relay(work, gigabytes):
    """The same number of bytes through haproxy in TCP mode."""
    config = os.path.join(work, "haproxy.cfg")
    with open(config, "w") as file:
        file.write(f"""
defaults
  mode tcp
  timeout client 60s
  timeout server 60s
  timeout connect 5s
listen relay
  bind 127.0.0.1:{RELAY}
  server sink 127.0.0.1:{SINK}
""")
    total = int(gigabytes * 1e9)

    def drain(listener):
        connection, _ = listener.accept()
        buffer = bytearray(1 << 20)
        while connection.recv_into(buffer):
            pass

    with socket.create_server(("127.0.0.1", SINK)) as listener, process("haproxy", "-db", "-f", config) as haproxy:
        reader = threading.Thread(target=drain, args=(listener,))
        reader.start()
        while True:
            try:
                sender = socket.create_connection(("127.0.0.1", RELAY))
                break
            except OSError:
                time.sleep(0.02)
        chunk, sent, begin = bytes(1 << 20), 0, time.monotonic()
        while sent < total:
            sender.sendall(chunk)
            sent += len(chunk)
        sender.close()
        reader.join()
        seconds = time.monotonic() - begin
        return {"MB/s": sent / 1e6 / seconds, "CPU-s/GB": cpu_seconds(haproxy.pid) / (sent / 1e9),
                "peak MB": memory_megabytes(haproxy.pid)}


def compare(work, gigabytes):
    """This build and the other one in turn."""
    print(f"{'CPU-s/GB, medians of ' + str(ROUNDS):32}{'this':>8}{'other':>8}{'ratio of each pair':>22}")
    for name, options in {"pass-through": "compression: keep", "loop headers": "naming: {mode: identical}",
                          "recompressed to lz4": "compression: lz4"}.items():
        pairs = []
        for _ in range(ROUNDS):
            pairs.append([replicate("compared", work, gigabytes, options, program)["CPU-s/GB"]
                          for program in (PROGRAM, CHOSEN.against)])
        mine, other = (statistics.median(pair[i] for pair in pairs) for i in (0, 1))
        ratios = sorted(pair[0] / pair[1] for pair in pairs)
        print(f"{name:32}{mine:8.2f}{other:8.2f}{ratios[0]:8.2f} {statistics.median(ratios):6.2f} {ratios[-1]:6.2f}", flush=True)


def main():
    with tempfile.TemporaryDirectory() as work:
        data = os.path.join(work, "records")
        with open(data, "w") as file:
            for number in range(RECORDS):
                file.write(f"{number:08d}:{number:01010d}\n")
        gigabytes = os.path.getsize(data) / 1e9
        with process(PROGRAM, "broker", "--listen", f"127.0.0.1:{EAST}", "--set", "num.partitions=3",
                     ready="listening") as east:
            print(f"broker, idle: {memory_megabytes(east.pid, 'VmRSS'):.0f} MB resident")
            produce(data)
            if CHOSEN.against:
                return compare(work, gigabytes)
            rows = [
                ("plain TCP relay (haproxy)", relay(work, gigabytes)),
                ("pass-through", replicate("forward", work, gigabytes, "compression: keep")),
                ("loop headers", replicate("headers", work, gigabytes, "naming: {mode: identical}")),
                ("recompressed to lz4", replicate("lz4", work, gigabytes, "compression: lz4")),
            ]
        print(f"{RECORDS} records, {gigabytes:.2f} GB, {os.cpu_count()} cores, everything on this machine\n")
        print(f"{'':28}{'MB/s':>8}{'CPU-s/GB':>10}{'of relay':>10}{'peak MB':>9}")
        base = rows[0][1]["CPU-s/GB"]
        for name, row in rows:
            print(f"{name:28}{row['MB/s']:8.0f}{row['CPU-s/GB']:10.2f}{row['CPU-s/GB'] / base:9.1f}x{row['peak MB']:9.0f}")


main()
