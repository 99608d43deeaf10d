"""Very many topics: what `plan`, the start of a flow, its looks at the clusters and its end cost with them.

2,000 topics unless TOPICS says otherwise.
"""

import json
import os
import subprocess
import sys
import tempfile
import time

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, NewTopic, ResourceType

from support.checks import check, equal, measured
from support.clients import QUIET, admin
from support.processes import memory
from support.program import program
from support.replicators import configured, flow

TOPICS = int(os.environ.get("TOPICS", 2_000))
# Only ends what would otherwise hang.
PATIENCE = 300 + TOPICS // 5
# How long the replicator is watched while nothing happens; nothing is proved by it.
IDLE_SECONDS = 15
IN_STEP, DIFFERENCES = 0, 1


def create(bootstrap, names):
    client = admin(bootstrap)
    for start in range(0, len(names), 500):
        batch = [NewTopic(n, num_partitions=1, replication_factor=1) for n in names[start:start + 500]]
        for outcome in client.create_topics(batch, request_timeout=PATIENCE).values():
            outcome.result(PATIENCE)


def produce(bootstrap, names):
    """One record into each topic."""
    client = Producer({"bootstrap.servers": bootstrap, "linger.ms": 50, **QUIET})
    failures = []
    for name in names:
        client.produce(name, value=name.encode(), partition=0, on_delivery=lambda e, _: e and failures.append(e))
        client.poll(0)
    check("a record is produced to every topic", client.flush(PATIENCE) == 0 and not failures, f"{failures[:3]}")


def commit(bootstrap, group, offsets):
    client = Consumer({"bootstrap.servers": bootstrap, "group.id": group, **QUIET})
    client.commit(offsets=[TopicPartition(t, 0, o) for t, o in offsets.items()], asynchronous=False)
    client.close()


def committed(bootstrap, group, names):
    client = Consumer({"bootstrap.servers": bootstrap, "group.id": group, **QUIET})
    found = client.committed([TopicPartition(t, 0) for t in names], timeout=PATIENCE)
    client.close()
    return {p.topic: p.offset for p in found if p.offset >= 0}


def alter(bootstrap, topic, key, value):
    entry = ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    client = admin(bootstrap)
    for outcome in client.incremental_alter_configs([resource]).values():
        outcome.result(PATIENCE)


def setting(bootstrap, topic, key):
    resource = ConfigResource(ResourceType.TOPIC, topic)
    client = admin(bootstrap)
    return client.describe_configs([resource])[resource].result(PATIENCE)[key].value


# A process of its own, since the memory of one that starts another counts for that one too.
MEASURE = """
import json, resource, subprocess, sys
with open(sys.argv[1], "w") as out:
    status = subprocess.call(sys.argv[2:], stdout=out, stderr=subprocess.STDOUT)
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([status, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1000]))
"""


class Measured:
    """A command's output and status; its seconds and its memory at most are told."""

    def __init__(self, what, *arguments):
        started = time.monotonic()
        with tempfile.NamedTemporaryFile("r") as out:
            done = subprocess.run(
                [sys.executable, "-c", MEASURE, out.name, program(), *arguments], check=True, capture_output=True)
            self.status, cpu, megabytes = json.loads(done.stdout)
            self.output = out.read()
        measured(f"{what}: {time.monotonic() - started:.1f} s, {cpu:.1f} CPU s, {megabytes:.0f} MB")


@pytest.mark.alone
@pytest.mark.timeout(600 + max(0, TOPICS - 2_000) // 5)
def test_many_topics(east, west):
    names = [f"team-{n % 50}.orders-{n:05}" for n in range(TOPICS)]
    copies = [f"east.{name}" for name in names]
    started = time.monotonic()
    create(east.bootstrap, names)
    produce(east.bootstrap, names)
    # A group that has read everything.
    commit(east.bootstrap, "reader", {name: 1 for name in names})
    measured(f"{TOPICS} topics made with a record in each: {time.monotonic() - started:.1f} s")
    with configured(east.bootstrap, west.bootstrap, flow(sync={"interval": "5s", "acls": False})) as running:
        new = plan(running, "plan of a new flow", DIFFERENCES)
        equal("each topic would be created", len(new["changes"]), TOPICS)
        equal("all of one group's positions wait", [len(g["partitions"]) for g in new["groups"]], [TOPICS])
        runs(running, east, west, names, copies)
        after = plan(running, "plan when all is in step", IN_STEP)
        equal("nothing is left to do", (after["changes"], after["notes"]), ([], []))


def plan(running, what, status):
    configuration = str(running.path)
    table = Measured(what, "plan", "--config", configuration)
    equal(f"{what}: exit status", table.status, status)
    check(f"{what}: no line without end", longest(table.output) < 1_000, longest(table.output))
    return json.loads(Measured(f"{what}, as JSON", "plan", "--config", configuration, "--json").output)["flows"][0]


def longest(text):
    return max(map(len, text.splitlines()), default=0)


def runs(running, east, west, names, copies):
    started = time.monotonic()

    def lap(what):
        nonlocal started
        now = time.monotonic()
        measured(f"{what}: {now - started:.1f} s, {running.cpu_seconds():.1f} CPU s so far, "
              f"{memory(running.process, 'VmHWM'):.0f} MB at most")
        started = time.monotonic()

    running.start()
    running.awaits("the flow runs", running.runs, PATIENCE)
    lap(f"{TOPICS} topics created and started")
    running.awaits(
        "every topic is copied", lambda: sum(p["sourceOffset"] > 0 for p in running.partitions()) == TOPICS, PATIENCE)
    lap("a record of each copied")
    running.awaits(
        "every position of the group follows",
        lambda: committed(west.bootstrap, "reader", copies) == {copy: 1 for copy in copies}, PATIENCE)
    lap("all positions of a group committed")
    alter(east.bootstrap, names[-1], "segment.ms", "70000")
    running.awaits(
        "a setting of the last topic follows", lambda: setting(west.bootstrap, copies[-1], "segment.ms") == "70000",
        PATIENCE)
    lap("a setting of the last topic changed")
    create(east.bootstrap, ["team-0.late"])
    produce(east.bootstrap, ["team-0.late"])
    running.awaits(
        "a topic that comes later is copied",
        lambda: any(p["topic"] == "team-0.late" and p["sourceOffset"] > 0 for p in running.partitions()), PATIENCE)
    lap("one more topic found and copied")
    before = running.cpu_seconds()
    # Nothing is waited for: this is the time over which it is measured.
    time.sleep(IDLE_SECONDS)
    measured(f"idle: {(running.cpu_seconds() - before) / IDLE_SECONDS * 100:.0f} % of a core")
    check("no line of the log without end", longest(running.log()) < 5_000, longest(running.log()))
    check("memory is bounded", memory(running.process, "VmHWM") < 300 + TOPICS / 20, memory(running.process, "VmHWM"))
    started = time.monotonic()
    equal("the replicator stops with status 0", running.stop(), 0)
    measured(f"stopped in {time.monotonic() - started:.1f} s")
