"""`replicator migrate`: moves once, can be interrupted and run again, and says whether all is equal."""

import contextlib
import json
import pathlib
import signal
import subprocess
import tempfile
import time

from confluent_kafka import Consumer, TopicPartition

from harness import broker, check, equal, eventually, main, program
from replicator import QUIET, create_topic, delete_records, flow, numbers, produce_numbers


@contextlib.contextmanager
def configuration(source, target, **settings):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "replicator.yaml"
        # startFrom says nothing to a migration: it begins with the earliest record.
        path.write_text(json.dumps({
            "clusters": {"east": {"bootstrapServers": source}, "west": {"bootstrapServers": target}},
            "flows": [flow(**{"startFrom": "latest", "naming": {"mode": "identical"}, **settings})]}))
        yield path


def start(path, *arguments):
    return subprocess.Popen(
        [program(), "migrate", "--config", str(path), "--yes", "--json", "--patience", "10", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ended(process):
    """Its exit status, its report, and what it said on standard error."""
    output, errors = process.communicate(timeout=180)
    try:
        return process.returncode, json.loads(output), errors
    except ValueError:
        return process.returncode, None, errors


def commit(bootstrap, topic, group, offset):
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group, "enable.auto.commit": False, **QUIET})
    consumer.commit(offsets=[TopicPartition(topic, 0, offset)], asynchronous=False)
    consumer.close()


def committed(bootstrap, topic, group):
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group, "enable.auto.commit": False, **QUIET})
    try:
        return consumer.committed([TopicPartition(topic, 0)], timeout=30)[0].offset
    finally:
        consumer.close()


def moves_everything_once():
    with broker() as east, broker() as west:
        create_topic(east.bootstrap, "orders", partitions=3)
        produce_numbers(east.bootstrap, "orders", range(30_000))
        commit(east.bootstrap, "orders", "readers", 4_321)
        with configuration(east.bootstrap, west.bootstrap) as path:
            report = path.parent / "report.json"
            status, found, errors = ended(start(path, "--report", str(report)))
            equal("status 0", status, 0)
            check("the report says that it is complete", found and found["isComplete"], errors)
            equal("the report is written too", json.loads(report.read_text()), found)
            equal("the records are there", numbers(west.bootstrap, "orders"), numbers(east.bootstrap, "orders"))
            equal("the group stands where it stood", committed(west.bootstrap, "orders", "readers"), 4_321)
            status, found, errors = ended(start(path))
            equal("a second run finds nothing to do", (status, found["migration"]["copiedOffsets"]), (0, 0))
            produce_numbers(west.bootstrap, "orders", [7], partitions=1)
            status, found, errors = ended(start(path))
            equal("a foreign record on the target is a difference", status, 1)


def cuts_over_when_told():
    with broker() as east, broker() as west:
        create_topic(east.bootstrap, "orders", partitions=3)
        produce_numbers(east.bootstrap, "orders", range(3_000))
        with configuration(east.bootstrap, west.bootstrap) as path:
            signal_file = path.parent / "cut-over"
            process = start(path, "--cut-over", str(signal_file))
            check("it copies", eventually(lambda: count(west.bootstrap, "orders") == 3_000, seconds=60))
            produce_numbers(east.bootstrap, "orders", range(3_000, 6_000))
            check("it follows", eventually(lambda: count(west.bootstrap, "orders") == 6_000, seconds=60))
            check("it waits for the word", process.poll() is None)
            signal_file.touch()
            status, found, errors = ended(process)
            equal("then it is done", (status, found and found["isComplete"]), (0, True))


def count(bootstrap, topic):
    try:
        return sum(len(found) for found in numbers(bootstrap, topic).values())
    except Exception:
        return 0


def interrupted_and_run_again():
    with broker() as east, broker() as west:
        create_topic(east.bootstrap, "orders", partitions=3)
        produce_numbers(east.bootstrap, "orders", range(60_000), padding=500)
        with configuration(east.bootstrap, west.bootstrap, limits={"bytesPerSecond": "10MB"}) as path:
            process = start(path)
            eventually(lambda: count(west.bootstrap, "orders") > 0, seconds=60)
            second = start(path)
            status, found, errors = ended(second)
            equal("a second migration at the same time is refused", status, 1)
            check("and told who is at work", "is being migrated by" in errors, errors)
            process.send_signal(signal.SIGINT)
            status, found, errors = ended(process)
            equal("an interrupted migration ends with status 1", status, 1)
            check("and says what to do", "run it again" in errors, errors)
            status, found, errors = ended(start(path))
            equal("run again it comes to the same end", (status, found and found["isComplete"]), (0, True))
            equal("with nothing missing or doubled", numbers(west.bootstrap, "orders"),
                  numbers(east.bootstrap, "orders"))


def killed_and_run_again():
    with broker() as east, broker() as west:
        create_topic(east.bootstrap, "orders", partitions=3)
        produce_numbers(east.bootstrap, "orders", range(60_000), padding=500)
        with configuration(east.bootstrap, west.bootstrap, limits={"bytesPerSecond": "10MB"}) as path:
            process = start(path)
            eventually(lambda: count(west.bootstrap, "orders") > 0, seconds=60)
            process.kill()
            process.communicate()
            # The lock of the dead one holds for 20 s.
            status, found, errors = ended(start(path))
            equal("the dead one's lock still holds", status, 1)
            status = 1
            end = time.monotonic() + 60
            while status == 1 and time.monotonic() < end:
                status, found, errors = ended(start(path))
            equal("run again it comes to the same end", (status, found and found["isComplete"]), (0, True))
            equal("with nothing missing or doubled", numbers(west.bootstrap, "orders"),
                  numbers(east.bootstrap, "orders"))


def refuses_what_cannot_end_well():
    with broker() as east, broker() as west:
        create_topic(east.bootstrap, "orders", partitions=1)
        produce_numbers(east.bootstrap, "orders", range(100), partitions=1)
        with configuration(east.bootstrap, west.bootstrap) as path:
            status, _, errors = ended(start(path, "--report", "/nowhere/report.json"))
            equal("a report that cannot be written", status, 2)
            done = subprocess.run(
                [program(), "migrate", "--config", str(path)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                timeout=60)
            equal("nobody to ask", done.returncode, 2)
            check("says --yes", "--yes" in done.stderr, done.stderr)
            (path.parent / "there").touch()
            status, _, errors = ended(start(path, "--cut-over", str(path.parent / "there")))
            equal("a cut-over that has happened already", status, 2)
        with configuration(east.bootstrap, east.bootstrap) as path:
            status, _, errors = ended(start(path))
            equal("source and target are one cluster", status, 2)
        with configuration(east.bootstrap, "127.0.0.1:1") as path:
            status, _, errors = ended(start(path))
            equal("an unreachable target", status, 1)


main(moves_everything_once, cuts_over_when_told, interrupted_and_run_again, killed_and_run_again,
     refuses_what_cannot_end_well)
