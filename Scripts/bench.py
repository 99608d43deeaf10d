#!/usr/bin/env python3
"""Benchmarks of whole processes: medians and spread over rounds, with what each is compared with in the same rounds.

usage: bench.py REPLICATOR [--against OTHER] [--only TEXT ...] [--quick] [--rounds N] [--json FILE]
       bench.py --list | --table FILE

--against OTHER  another build does the same in turn: medians of both, and the ratio of each pair
--brokers OTHER  the build that the brokers are of
--only TEXT      cases whose names contain one of the texts
--quick          short runs with less data: shows that it works, and roughly how fast
--json FILE      all figures of all rounds
--table FILE     measures nothing: prints what such a file holds, as tables

Everything listens on loopback; ports are fixed, below those that the system hands out. Needs kcat, haproxy, openssl,
and Python's confluent-kafka.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from benches import CASES
from benches.harness import Environment


def arguments():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("program", nargs="?")
    parser.add_argument("--against")
    parser.add_argument("--brokers")
    parser.add_argument("--only", nargs="+", default=[])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--json")
    parser.add_argument("--table")
    parser.add_argument("--list", action="store_true")
    chosen = parser.parse_args()
    if not (chosen.program or chosen.table or chosen.list):
        parser.error("which REPLICATOR?")
    return chosen


def measured(case, env, programs, rounds):
    """Figures of each round, by who was measured; the order changes from round to round."""
    found = {name: [] for name in programs}
    has_yardstick = case.yardstick and shutil.which("haproxy")
    if has_yardstick:
        found["relay"] = []
    with case.prepare(env) as measure:
        for number in range(rounds):
            names = list(programs)
            for name in names[number % len(names):] + names[:number % len(names)]:
                found[name].append(measure(programs[name]))
            if has_yardstick:
                found["relay"].append(case.yardstick(env))
    return found


def text(value):
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.0f}"


def spread(values):
    """The median, and the lowest and highest where there are several."""
    middle = text(statistics.median(values))
    return middle if len(values) == 1 else f"{middle} ({text(min(values))} to {text(max(values))})"


def columns(found):
    """Figures of this build by name, then ratios: to the relay, and to the other build pair by pair."""
    this = found["this"]
    named = {figure: spread([row[figure] for row in this]) for figure in this[0]}
    if found.get("relay") and "CPU-s/GB" in this[0]:
        ratios = [row["CPU-s/GB"] / yard["CPU-s/GB"] for row, yard in zip(this, found["relay"]) if yard["CPU-s/GB"]]
        if ratios:
            named["of the relay"] = spread(ratios)
    for figure in this[0] if found.get("other") else []:
        ratios = [row[figure] / other[figure] for row, other in zip(this, found["other"]) if other[figure]]
        if ratios:
            named[f"{figure} to the other"] = spread(ratios)
    return named


def table(document):
    """The figures as tables in Markdown: one for each set of columns, in the order of the cases."""
    lines, heads = [], None
    for name, found in document["cases"].items():
        named = columns(found)
        if list(named) != heads:
            heads = list(named)
            lines += ["", "| | " + " | ".join(heads) + " |", "|" + "---|" * (len(heads) + 1)]
        lines.append(f"| {name} | " + " | ".join(named.values()) + " |")
    return "\n".join(lines[1:])


def main():
    chosen = arguments()
    if chosen.table:
        with open(chosen.table) as file:
            return print(table(json.load(file)))
    cases = [case for case in CASES if not chosen.only or any(part in case.name for part in chosen.only)]
    if chosen.list:
        return print("\n".join(case.name for case in cases))
    if not cases:
        sys.exit("no case has such a name; --list tells them")
    rounds = chosen.rounds or (1 if chosen.quick else 5)
    programs = {"this": chosen.program, **({"other": chosen.against} if chosen.against else {})}
    version = subprocess.run([chosen.program, "--version"], capture_output=True, text=True).stdout.strip()
    document = {"version": version, "machine": platform.machine(), "cores": os.cpu_count(),
                "began": int(time.time()), "rounds": rounds, "quick": chosen.quick, "cases": {}}
    print(f"{version}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, rounds: {rounds}, everything on this machine; "
          "medians (lowest to highest)\n", flush=True)
    if not shutil.which("haproxy"):
        print("haproxy is not installed: nothing is compared with a relay\n", flush=True)
    failed = []
    for case in cases:
        # A folder for each: records, configuration and logs of one case are of no use to the next.
        with tempfile.TemporaryDirectory() as work:
            try:
                found = measured(case, Environment(chosen.brokers or chosen.program, work, chosen.quick), programs, rounds)
            except (OSError, TimeoutError, RuntimeError, subprocess.CalledProcessError) as error:
                failed.append(case.name)
                print(f"{case.name}: failed: {error}", flush=True)
                continue
        document["cases"][case.name] = found
        print(f"{case.name}: " + "; ".join(f"{k} {v}" for k, v in columns(found).items()), flush=True)
        if chosen.json:
            with open(chosen.json, "w") as file:
                json.dump(document, file, indent=1)
    if failed:
        sys.exit(f"\n{len(failed)} of {len(cases)} cases failed")


if __name__ == "__main__":
    main()
