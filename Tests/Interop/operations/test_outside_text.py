"""Text from outside, in what people and machines read: no line, no cursor and no order of ours is forged by it."""

import json
import os
import pathlib
import signal
import stat
import subprocess
import tempfile

import pytest
from confluent_kafka import Consumer, TopicPartition

from support.brokers import broker
from support.checks import PATIENCE, check, equal, eventually
from support.program import command, program
from support.records import produce_numbers
from support.replicators import configured, flow, replicator
from support.topics import create_topic

HOSTILE = ["esc\x1b]0;pwned\x07\x1b[2J", "cr\rFORGED over", "sep\u2028\u202egnp", "nl\nFORGED"]
RAW = ["\x1b", "\r", "\x07", "\u2028", "\u202e", "\x9b"]


def is_clean(what, text):
    for raw in RAW:
        check(f"{what}: no raw {raw!r}", raw not in text, repr(text))
    check(f"{what}: no forged line", not any(line.startswith("FORGED") for line in text.splitlines()), text)


def commit(bootstrap, groups):
    for group in groups:
        consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group, "enable.auto.commit": False})
        consumer.commit(offsets=[TopicPartition("orders", 0, 3)], asynchronous=False)
        consumer.close()


def test_names_of_groups():
    with broker() as east, broker() as west:
        create_topic(east.bootstrap, "orders", 1)
        produce_numbers(east.bootstrap, "orders", range(9), partitions=1)
        commit(east.bootstrap, HOSTILE)
        with replicator(east.bootstrap, west.bootstrap, flow()) as running:
            check("every group is kept in step",
                  eventually(lambda: running.log().count("committed group offset") >= len(HOSTILE), 60), running.log())
            log = running.log()
            is_clean("the log", log)
            check("the name is there, escaped", "nl\\nFORGED" in log and "esc\\u{1B}]0;pwned" in log, log)
            for arguments in (["plan"], ["doctor"], ["status"], ["offsets", "--group", HOSTILE[0]], ["offsets", "--group", HOSTILE[3]]):
                done = command(*arguments, "--config", str(running.path))
                is_clean(" ".join(arguments[:1]), done.stdout + done.stderr)
                if arguments[0] != "plan":
                    continue
                json.loads(command("plan", "--json", "--config", str(running.path)).stdout)
            equal("it stops", running.stop(), 0)


def test_the_last_error_of_json_is_json():
    with tempfile.TemporaryDirectory(prefix="replicator-") as folder:
        path = pathlib.Path(folder, "bad.yaml")
        path.write_text("clusters: {\"a\\nFORGED\": {x: 1}}\nflows: []\n")
        for name in (["plan"], ["doctor"], ["verify"], ["status"], ["run"], ["offsets", "--group", "g"]):
            done = command(*name, "--json", "--config", str(path))
            equal(f"{name[0]}: status", done.returncode, 2)
            equal(f"{name[0]}: one line", len(done.stderr.splitlines()), 1)
            last = json.loads(done.stderr)
            equal(f"{name[0]}: what it says", (last["level"], last["exitCode"], "unknown key" in last["message"]), ("error", 2, True))
            plain = command(*name, "--config", str(path))
            is_clean(f"{name[0]} for people", plain.stderr)
        usage = command("plan", "--json", "--nonsense")
        equal("wrong usage too", (usage.returncode, json.loads(usage.stderr)["exitCode"]), (2, 2))


def test_an_early_hangup_does_not_end_it():
    with broker() as east, broker() as west, replicator(east.bootstrap, west.bootstrap, flow()) as running:
        running.kill()
        running.start()
        await_program(running.process)
        running.process.send_signal(signal.SIGHUP)
        check("it is taken for a reload", eventually(lambda: "configuration reloaded" in running.log()), running.log())
        check("it runs", running.is_alive(), running.log())
        equal("it stops", running.stop(), 0)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_an_early_stop_is_a_stop_as_asked(name):
    with broker() as east, broker() as west, configured(east.bootstrap, west.bootstrap, flow()) as running:
        running.start()
        await_program(running.process)
        running.process.send_signal(signal.Signals[name])
        equal("its exit status", running.process.wait(timeout=PATIENCE), 0)


def await_program(process):
    """Waits for the first instruction of the program; what comes before belongs to the loader of the system."""
    def has_begun():
        caught = [line for line in pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines()
                  if line.startswith("SigCgt")]
        return caught and int(caught[0].split()[1], 16) & 1 << (signal.SIGHUP - 1)

    check("the program has begun", eventually(has_begun, pause=0.002))


def test_a_report_is_for_its_owner():
    with broker() as east, broker() as west:
        create_topic(east.bootstrap, "orders", 1)
        with replicator(east.bootstrap, west.bootstrap, flow()) as running:
            report = running.folder / "report.json"
            elsewhere = running.folder / "elsewhere"
            elsewhere.write_text("mine")
            os.symlink(elsewhere, running.folder / "report.json.partial")
            done = command("verify", "--config", str(running.path), "--patience", "0", "--report", str(report))
            check("it is written", report.exists(), done.stderr)
            equal("only its owner may read it", stat.S_IMODE(report.stat().st_mode), 0o600)
            json.loads(report.read_text())
            equal("a link is not followed", elsewhere.read_text(), "mine")
