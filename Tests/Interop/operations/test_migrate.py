"""`replicator migrate`: moves once, can be interrupted and run again, and says whether all is equal."""

import contextlib
import fcntl
import json
import os
import pathlib
import pty
import re
import signal
import struct
import subprocess
import tempfile
import termios
import threading
import time

import pytest
from confluent_kafka import Producer

from support.checks import check, equal, eventually
from support.clients import QUIET, commit, committed
from support.copier import Copier
from support.program import command, program
from support.records import numbers, produce_numbers
from support.replicators import flow
from support.topics import create_topic, delete_records, delete_topic


# What is produced here takes a minute at it: whoever interrupts a migration comes in time, however slow the machine.
SLOW = {"bytesPerSecond": "500kB"}


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


def test_moves_everything_once(east, west):
    create_topic(east.bootstrap, "orders", partitions=3)
    produce_numbers(east.bootstrap, "orders", range(30_000))
    commit(east.bootstrap, "readers", "orders", {0: 4_321})
    with configuration(east.bootstrap, west.bootstrap) as path:
        report = path.parent / "report.json"
        status, found, errors = ended(start(path, "--report", str(report)))
        equal("status 0", status, 0)
        check("the report says that it is complete", found and found["isComplete"], errors)
        equal("the report is written too", json.loads(report.read_text()), found)
        migration = found["migration"]
        check("records and bytes are counted", migration["copiedRecords"] == 30_000
              and migration["copiedBytes"] == migration["sourceBytes"] > 300_000, migration)
        equal("the records are there", numbers(west.bootstrap, "orders"), numbers(east.bootstrap, "orders"))
        equal("the group stands where it stood", committed(west.bootstrap, "readers", "orders", 1), {0: 4_321})
        status, found, errors = ended(start(path))
        equal("a second run finds nothing to do", (status, found["migration"]["copiedOffsets"]), (0, 0))
        produce_numbers(west.bootstrap, "orders", [7], partitions=1)
        status, found, errors = ended(start(path))
        equal("a foreign record on the target is a difference", status, 1)


def test_continues_a_copy_that_was_adopted(east, west):
    create_topic(east.bootstrap, "orders", partitions=3)
    create_topic(west.bootstrap, "orders", partitions=3)
    produce_numbers(east.bootstrap, "orders", range(6_000))
    Copier(east.bootstrap, west.bootstrap, "orders", "orders", None, seed=7).run(0.5)
    with configuration(east.bootstrap, west.bootstrap, startFrom="earliest") as path:
        status, _, errors = ended(start(path))
        check("what another program has copied is no beginning", status == 1 and "adopt" in errors, errors)
        adopted = command("adopt", "--config", str(path), "--flow", "flow")
        equal("the copy is adopted", adopted.returncode, 0)
        status, found, errors = ended(start(path))
        equal("the migration continues it", status, 0)
        check("it is complete", found and found["isComplete"], errors)
        check("what was copied is not copied again", found["migration"]["copiedRecords"] < 6_000, found["migration"])
    equal("each record is there once", numbers(west.bootstrap, "orders"), numbers(east.bootstrap, "orders"))


def test_cuts_over_when_told(east, west):
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


def test_interrupted_and_run_again(east, west):
    create_topic(east.bootstrap, "orders", partitions=3)
    produce_numbers(east.bootstrap, "orders", range(60_000), padding=500)
    with configuration(east.bootstrap, west.bootstrap, limits=SLOW) as path:
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
    with configuration(east.bootstrap, west.bootstrap) as path:
        status, found, errors = ended(start(path))
        equal("run again it comes to the same end", (status, found and found["isComplete"]), (0, True))
        equal("with nothing missing or doubled", numbers(west.bootstrap, "orders"),
              numbers(east.bootstrap, "orders"))


@pytest.mark.long
def test_killed_and_run_again(east, west):
    create_topic(east.bootstrap, "orders", partitions=3)
    produce_numbers(east.bootstrap, "orders", range(60_000), padding=500)
    with configuration(east.bootstrap, west.bootstrap, limits=SLOW) as path:
        process = start(path)
        eventually(lambda: count(west.bootstrap, "orders") > 0, seconds=60)
        process.kill()
        process.communicate()
        # The lock of the dead one holds for 20 s.
        status, found, errors = ended(start(path))
        equal("the dead one's lock still holds", status, 1)
    with configuration(east.bootstrap, west.bootstrap) as path:
        status = 1
        end = time.monotonic() + 60
        while status == 1 and time.monotonic() < end:
            status, found, errors = ended(start(path))
        equal("run again it comes to the same end", (status, found and found["isComplete"]), (0, True))
        equal("with nothing missing or doubled", numbers(west.bootstrap, "orders"),
              numbers(east.bootstrap, "orders"))


def test_shows_how_far_it_is(east, west):
    """On a terminal: a bar with offsets, records, bytes and the time left."""
    create_topic(east.bootstrap, "orders", partitions=3)
    produce_numbers(east.bootstrap, "orders", range(30_000), padding=500)
    with configuration(east.bootstrap, west.bootstrap, limits={"bytesPerSecond": "4MB"}) as path:
        terminal, end = pty.openpty()
        # Wide enough for everything.
        fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 200, 0, 0))
        process = subprocess.Popen(
            [program(), "migrate", "--config", str(path), "--yes"], stdout=subprocess.PIPE, stderr=end, text=True)
        os.close(end)
        shown = []
        reader = threading.Thread(target=drain, args=(terminal, shown))
        reader.start()
        output, _ = process.communicate(timeout=180)
        reader.join(60)
        bar = b"".join(shown).decode(errors="replace")
        equal("it succeeds", process.returncode, 0)
        check("the bar tells offsets, records, bytes of all bytes, rates and the time left",
              re.search(r"copying  \[[#·]+\] \d+ %  [\d ]+ of 30 000 offsets, [\d.]+ .?B/s, [\d.]+ m?s left, [\d ]+ records, "
                        r"[\d.]+ .?B of 15\.\d MB, [\d ]+ records/s", bar), bar[-2000:])
        check("the report tells them too", "30 000 records, 15." in output and "holds 15." in output, output)


def drain(terminal, shown):
    with contextlib.suppress(OSError):
        while data := os.read(terminal, 65536):
            shown.append(data)
    os.close(terminal)


def test_says_when_the_source_is_still_written_to(east, west):
    create_topic(east.bootstrap, "orders", partitions=3)
    done = threading.Event()
    thread = threading.Thread(target=keep_producing, args=(east.bootstrap, "orders", done))
    thread.start()
    try:
        with configuration(east.bootstrap, west.bootstrap) as path:
            status, found, errors = ended(start(path))
            equal("a source that is still written to: status 1", status, 1)
            check("what comes after the cut-over is told", found and found["migration"]["writtenAfterCutOver"] > 0,
                  f"{found} {errors}")
            check("what was copied is equal, none of it missing",
                  found and not any(found["migration"]["verification"]["partitions"][p]["differences"]["counts"][kind]
                                    for p in range(3) for kind in ("missing", "extra", "altered")), found)
    finally:
        done.set()
        thread.join()


def test_says_how_far_it_is_without_a_terminal(east, west):
    create_topic(east.bootstrap, "orders", partitions=3)
    produce_numbers(east.bootstrap, "orders", range(300))
    with configuration(east.bootstrap, west.bootstrap) as path:
        signal_file = path.parent / "cut-over"
        process = start(path, "--cut-over", str(signal_file))
        said = []

        def read():
            for line in process.stderr:
                said.append(line)
        reader = threading.Thread(target=read)
        reader.start()
        # Patience is 10 s: a line at least as often.
        check("it is never silent for longer than its patience", eventually(
            lambda: sum("following: 100 %, 300 of 300 offsets" in line for line in said) >= 2, seconds=180), str(said))
        signal_file.touch()
        report = json.loads(process.stdout.read())
        equal("status 0", process.wait(), 0)
        reader.join()
        equal("everything is accounted for", [a["state"] for a in report["migration"]["accounts"]], ["complete"] * 3)


def keep_producing(bootstrap, topic, done):
    client = Producer({"bootstrap.servers": bootstrap, "linger.ms": 5, **QUIET})
    n = 0
    while not done.is_set():
        client.produce(topic, value=b"%d" % n, partition=n % 3)
        n += 1
        client.poll(0.001)
    client.flush(60)


def test_stops_where_records_expire_before_they_are_copied(east, west):
    create_topic(east.bootstrap, "orders", partitions=1)
    produce_numbers(east.bootstrap, "orders", range(60_000), partitions=1, padding=500)
    with configuration(east.bootstrap, west.bootstrap, limits=SLOW) as path:
        process = start(path)
        check("it copies", eventually(lambda: count(west.bootstrap, "orders") > 0, seconds=60))
        delete_records(east.bootstrap, "orders", 0, 59_000)
        status, found, errors = ended(process)
        equal("records that expired before they were copied: status 1", status, 1)
        check("and says which", "orders-0" in errors and "59000" in errors, errors)
    with configuration(east.bootstrap, west.bootstrap, policies={"expired": "continue"}) as path:
        status, found, errors = ended(start(path))
        check("by policy it goes on behind them, and counts them",
              status == 0 and found["migration"]["skippedOffsets"].get("expired", 0) > 0, f"{found} {errors}")


@pytest.mark.long
@pytest.mark.east(data=True)
@pytest.mark.west(data=True)
@pytest.mark.parametrize("lost", ["east", "west"])
def test_a_lost_cluster_ends_it_and_it_can_go_on(east, west, lost):
    create_topic(east.bootstrap, "orders", partitions=3)
    produce_numbers(east.bootstrap, "orders", range(60_000), padding=500)
    dying = {"east": east, "west": west}[lost]
    with configuration(east.bootstrap, west.bootstrap, limits=SLOW) as path:
        process = start(path)
        check(f"{lost}: it copies", eventually(lambda: count(west.bootstrap, "orders") > 0, seconds=60))
        dying.kill()
        status, found, errors = ended(process)
        equal(f"{lost} lost: status 1", status, 1)
        check(f"{lost} lost: says so", f"{lost} has not answered" in errors and "run migrate again" in errors, errors)
        dying.restart_on_same_ports()
    with configuration(east.bootstrap, west.bootstrap) as path:
        # A claim that could not be given up holds for 20 s.
        end = time.monotonic() + 60
        status, found, errors = ended(start(path))
        while status == 1 and "is being migrated by" in errors and time.monotonic() < end:
            status, found, errors = ended(start(path))
        check(f"{lost} back: it goes on where it stopped", status == 0 and found["isComplete"], f"{found} {errors}")
        equal(f"{lost} back: nothing missing or doubled", numbers(west.bootstrap, "orders"),
              numbers(east.bootstrap, "orders"))


def test_interrupted_with_nobody_at_the_other_end(east, west):
    """A closed terminal, a pipe that nobody reads, a target that is gone when it is interrupted."""
    create_topic(east.bootstrap, "orders", partitions=3)
    produce_numbers(east.bootstrap, "orders", range(60_000), padding=500)
    with configuration(east.bootstrap, west.bootstrap, limits=SLOW) as path:
        process = start(path)
        check("it copies", eventually(lambda: count(west.bootstrap, "orders") > 0, seconds=60))
        process.send_signal(signal.SIGHUP)
        status, found, errors = ended(process)
        equal("a closed terminal interrupts it in order",
              (status, found and found["migration"]["phase"]), (1, "interrupted"))
    with configuration(east.bootstrap, west.bootstrap) as path:
        report = path.parent / "report.json"
        process = start(path, "--report", str(report))
        process.stdout.close()
        process.stderr.close()
        equal("a pipe that nobody reads does not end it", process.wait(timeout=180), 0)
        check("and the report is written", json.loads(report.read_text())["isComplete"])


def test_refuses_a_target_that_holds_something_else(east, west):
    create_topic(east.bootstrap, "orders", partitions=1)
    produce_numbers(east.bootstrap, "orders", range(100), partitions=1)
    with configuration(west.bootstrap, east.bootstrap) as path:
        status, _, errors = ended(start(path))
        check("an empty source, as when clusters are swapped", status == 1 and "nothing to migrate" in errors, errors)
    create_topic(west.bootstrap, "orders", partitions=1)
    produce_numbers(west.bootstrap, "orders", range(3), partitions=1)
    with configuration(east.bootstrap, west.bootstrap) as path:
        status, _, errors = ended(start(path))
        check("a target that is not empty", status == 1 and "orders-0 (3 offsets)" in errors, errors)
    equal("nothing was copied", count(west.bootstrap, "orders"), 3)
    delete_topic(west.bootstrap, "orders")
    with configuration(east.bootstrap, west.bootstrap) as path:
        status, found, errors = ended(start(path))
        check("an empty one", status == 0 and found["isComplete"], errors)
    with configuration(west.bootstrap, east.bootstrap) as path:
        status, _, errors = ended(start(path))
        check("clusters swapped after it", status == 1 and "have changed places" in errors, errors)


def test_refuses_what_cannot_end_well(east, west):
    create_topic(east.bootstrap, "orders", partitions=1)
    produce_numbers(east.bootstrap, "orders", range(100), partitions=1)
    with configuration(east.bootstrap, west.bootstrap) as path:
        status, _, errors = ended(start(path, "--report", "/nowhere/report.json"))
        equal("a report that cannot be written", status, 2)
        equal("is noticed before anything is copied", count(west.bootstrap, "orders"), 0)
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
