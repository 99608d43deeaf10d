"""`replicator status` in terminals and pipes: within their width and height, trouble first, colours where they are wanted."""

import json
import os
import subprocess

from support.checks import check, equal
from support.program import program
from support.statuses import cluster, document, flow, instance, partition, serving, topic
from support.terminals import ESCAPE, Terminal, plain, screens

REASON = "the target refuses a batch of 1.2 MB (MESSAGE_TOO_LARGE); raise max.message.bytes of the target topic"
LONG = "orders.of.the.north.region.in.the.year.of.the.great.move"


def world():
    topics = [topic(f"{LONG}.{i:03}", lag=123456789) for i in range(300)] + [
        topic("zz.failed", state="failed", lag=None), topic("zz.waits", state="waiting", lag=None, reason="no right")]
    bad = flow("east-to-west", condition="partly failed", topics=topics, lag=None, knownLag=123, lagUnknownPartitions=2,
               partitions=[partition("zz.failed", state="failed", lag=None, reason=REASON)],
               waiting=[{"topic": "zz.waits", "targetTopic": "east.zz.waits", "partitions": 1, "reason": "no right", "since": 0}],
               obstacles=[f"flow east-to-west: zz.failed-0 has stopped: {REASON}",
                          "flow east-to-west: topic zz.waits is not replicated: no right"])
    bad["groups"] = [{"group": "billing", "targetGroup": "billing", "state": "refused", "reason": "outside the known range",
                      "partitions": []}]
    return document([flow("fine", topics=[topic("a")]), bad], [cluster("east"), cluster("west", up=False)])


def status(server, *arguments, **environment):
    return subprocess.run(
        [program(), "status", "--url", f"http://{server.address}", *arguments], capture_output=True, text=True,
        env={**os.environ, **environment})


def order(lines, *words):
    """Whether lines with these words follow each other."""
    places = [next((i for i, line in enumerate(lines) if word in line), None) for word in words]
    return None not in places and places == sorted(places)


def test_status_keeps_within_the_width():
    with serving(world()) as server:
        for columns in (60, 80, 120, 240):
            with Terminal("status", "--url", f"http://{server.address}", columns=columns) as terminal:
                terminal.read()
                lines = plain(terminal.text)
                check(f"{columns} columns: no line is longer", max(map(len, lines)) <= columns, max(lines, key=len))
                check(f"{columns} columns: trouble first",
                      order(lines, "NOT READY", "zz.failed-0 has stopped", "CLUSTER", "east-to-west: east", "zz.failed ", "fine: east"),
                      "\n".join(lines[:40]))
                check(f"{columns} columns: what is not shown is counted", any("and 202 more topics" in line for line in lines))
                check(f"{columns} columns: the whole reason", " ".join(" ".join(lines).split()).count(REASON) >= 2,
                      "\n".join(lines))
                shortened = [line for line in lines if "orders" in line and "…" in line]
                equal(f"{columns} columns: long names lose their middle, and nothing where there is room",
                      bool(shortened), columns < 240)
                check(f"{columns} columns: so that they can be told apart", all(".0" in line for line in shortened))


def test_status_in_a_pipe_is_plain_and_whole():
    with serving(world()) as server:
        result = status(server)
        check("no escapes", not ESCAPE.search(result.stdout) and "\x1b" not in result.stdout, result.stdout[:200])
        equal("exit status", result.returncode, 1)
        check("names in full", f"{LONG}.000" in result.stdout, result.stdout[:2000])
        found = json.loads(status(server, "--json").stdout)
        equal("JSON has all topics", len(found["flows"][1]["topics"]), 302)
        lines = []
        with subprocess.Popen([program(), "status", "--watch", "--url", f"http://{server.address}"],
                              stdout=subprocess.PIPE, text=True) as watching:
            while sum("NOT READY" in line for line in lines) < 2:
                lines.append(watching.stdout.readline())
            watching.terminate()
        check("no escapes with --watch either", not any("\x1b" in line for line in lines), repr(lines[:3]))


def test_colours_are_for_terminals_that_want_them():
    def seen(**environment):
        with Terminal("status", "--url", f"http://{server.address}", **environment) as terminal:
            terminal.read()
            return terminal.text

    with serving(world()) as server:
        check("red for trouble", "\x1b[31mNOT READY" in seen() and "\x1b[31mfailed" in seen())
        check("none with NO_COLOR", "\x1b" not in seen(NO_COLOR="1"))
        check("none for a dumb terminal", "\x1b" not in seen(TERM="dumb"))
        check("an empty NO_COLOR says nothing", "\x1b[31m" in seen(NO_COLOR=""))


def test_watch_redraws_within_the_height():
    with serving(world()) as server:
        with Terminal("status", "--watch", "--url", f"http://{server.address}", columns=80, rows=24) as terminal:
            check("it is drawn again", terminal.read(lambda text: text.count("\x1b[H") >= 3), terminal.text[-500:])
            check("without clearing the screen, which flickers", "\x1b[2J" not in terminal.text)
            first, second = screens(terminal.text)[:2]
            check("it fits", len(first) <= 24 and max(map(len, first)) <= 80, "\n".join(first))
            check("most important first", order(first, "NOT READY", "has stopped", "CLUSTER", "east-to-west: east"), "\n".join(first))
            check("the rest is counted", any(line.strip().startswith("and ") for line in first), "\n".join(first))

            Terminal.resize(terminal.descriptor, 100, 60)
            check("a larger window gets more", terminal.read(lambda text: any(len(s) > 40 for s in screens(text))),
                  "\n".join(screens(terminal.text)[-1]))
            check("all of which fits", max(len(s) for s in screens(terminal.text)) <= 60)

            server.answers["/api/status"] = "nonsense"
            check("what cannot be asked any more is said, above what was known", terminal.read(
                lambda text: any("as this version does" in s[0] and any("east-to-west:" in line for line in s)
                                 for s in screens(text) if s)), terminal.text[-2000:])
            server.answers["/api/status"] = document([flow("fine")])
            check("and it goes on when it can", terminal.read(
                lambda text: any("ready" in s[0] and "NOT" not in s[0] for s in screens(text)[-1:] if s)), terminal.text[-1000:])


def shared():
    """A flow of three instances, one of which does not answer."""
    obstacle = "flow shared: nothing is known of the part of instance replicator-2: nothing listens there"
    return document([flow(
        "shared", condition="partly unknown", topics=[topic("orders")], lag=None, knownLag=7, obstacles=[obstacle],
        partitions=[partition("orders", 0, instance="replicator-0"),
                    partition("orders", 1, state="failed", lag=None, reason=REASON, instance="replicator-1")],
        instances=[instance("replicator-0", 4, is_self=True, tasks=["topics", "groups"], age=3600),
                   instance("replicator-1", 5, tasks=["metadata"]),
                   instance("replicator-2", reason="http://replicator-2.example:9644 does not answer: nothing listens there")])])


def test_instances_are_a_table_of_who_copies_how_much():
    with serving(shared()) as server:
        lines = status(server, "--partitions").stdout.splitlines()
        rows = {line.split()[0]: line.split() for line in lines if line.startswith("  replicator-")}
        equal("the one that answers", rows["replicator-0"][:4], ["replicator-0", "answers", "4", "topics,groups"])
        equal("another one", rows["replicator-1"][:4], ["replicator-1", "up", "5", "metadata"])
        equal("one that is silent, of which nothing is claimed", rows["replicator-2"][:4], ["replicator-2", "SILENT", "?", "?"])
        check("the silent one comes first, with its reason", order(lines, "replicator-2 ", "replicator-0 ", "replicator-1 ")
              and any("replicator-2" in line and "nothing listens there" in line for line in lines), "\n".join(lines))
        check("the lag is not claimed to be known", any("lag at least 7, unknown of other instances' partitions" in line
                                                        for line in lines), "\n".join(lines))
        check("each partition with its instance",
              any("orders-0" in line and "replicator-0" in line for line in lines)
              and any("orders-1" in line and "replicator-1" in line for line in lines), "\n".join(lines))
        equal("it is not ready", status(server).returncode, 1)
        with Terminal("status", "--url", f"http://{server.address}", columns=80) as terminal:
            terminal.read()
            lines = plain(terminal.text)
            check("no line is longer than 80 columns", max(map(len, lines)) <= 80, max(lines, key=len))
            check("who, how many and why are there all the same",
                  all(any(name in line and word in line for line in lines) for name, word in (
                      ("replicator-0", "answers"), ("replicator-1", "5"), ("replicator-2", "SILENT")))
                  and "nothing listens there" in " ".join(" ".join(lines).split()), "\n".join(lines))


def test_a_lone_instance_is_no_table():
    with serving(document([flow("alone", topics=[topic("a")], instances=[instance("replicator-0", is_self=True)])])) as server:
        check("nothing of instances", "INSTANCE" not in status(server, "--partitions").stdout)
