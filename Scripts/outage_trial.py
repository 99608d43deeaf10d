#!/usr/bin/env python3
"""Plays outages under load, and compares each second what the program says about itself with the truth.

usage: outage_trial.py REPLICATOR [--scenes NAME,...] [--hold SECONDS] [--oldest SECONDS] [--topics N] [--partitions N] [--rate N]
                       [--markdown FILE] [--json FILE] [--log FILE]

Two embedded clusters of three nodes, small batches, a replicator, and clients of librdkafka. The truth is where the
source's logs end, less what a consumer finds on the target. Each second `/metrics`, `/api/status` (the flow, and the sum
of its partitions), `/readyz`, `/api/history` and `replicator status` are asked. A lag that was said is right when it
was true within the last seconds; unknown when that is said; else wrong. The last line is the verdict, and the exit
status is 1 when anything said was wrong.

Needs confluent-kafka, and the support of the interoperability tests.
"""

import argparse
import concurrent.futures
import contextlib
import json
import os
import pathlib
import re
import signal
import statistics
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "Tests" / "Interop"))

from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition  # noqa: E402
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, NewTopic, ResourceType  # noqa: E402

from support.brokers import broker  # noqa: E402
from support.clients import QUIET, admin  # noqa: E402
from support.replicators import flow, replicator  # noqa: E402

# A lag that was said is right when it was true so long ago, in seconds, with what reading the truth itself takes.
FRESH = 1.5
SLACK = 0.7
# The consumer finds records a moment after the replicator knows that they are there, longer while very many come.
BEHIND = 2.0
# Trouble has to be on /readyz after so long.
NOTICED = 10.0
STUCK_AFTER = 10
NODES = (1, 2, 3)


def arguments():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("program")
    parser.add_argument("--scenes", default=",".join(SCENES))
    parser.add_argument("--hold", type=float, help="seconds of each trouble, in place of its own")
    parser.add_argument("--topics", type=int, default=50)
    parser.add_argument("--partitions", type=int, default=192)
    parser.add_argument("--rate", type=int, default=800)
    parser.add_argument("--oldest", type=float, default=5.0, help="the age in seconds that a lag may have")
    parser.add_argument("--markdown")
    parser.add_argument("--json")
    parser.add_argument("--log", help="where to leave the replicator's log")
    return parser.parse_args()


class Load:
    """Numbered records at a steady rate: the n-th of a partition holds n, so that its value is its source offset."""

    def __init__(self, bootstrap, partitions, rate):
        self.client = Producer({
            "bootstrap.servers": bootstrap, "enable.idempotence": True, "linger.ms": 5,
            "message.timeout.ms": 600_000, "queue.buffering.max.messages": 1_000_000,
            "reconnect.backoff.max.ms": 500, **QUIET})
        self.partitions = partitions
        self.next = dict.fromkeys(partitions, 0)
        self.rate = rate
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        number, began = 0, time.monotonic()
        while not self.ended.is_set():
            for _ in range(20):
                self.say(self.partitions[number % len(self.partitions)])
                number += 1
            self.client.poll(0)
            self.ended.wait(max(0.0, began + number / self.rate - time.monotonic()))

    def say(self, partition, padding=0):
        self.client.produce(partition[0], partition=partition[1],
                            value=b"%d" % self.next[partition] + b" " * padding)
        self.next[partition] += 1

    def stop(self):
        self.ended.set()
        self.thread.join()
        return self.client.flush(60)


class Arrivals:
    """What a consumer finds on the target: per source partition how many records, and how far it has looked."""

    def __init__(self, bootstrap, partitions, prefix):
        self.prefix = prefix
        self.found = {partition: (0, 0) for partition in partitions}
        self.ended = threading.Event()
        self.client = Consumer({
            "bootstrap.servers": bootstrap, "group.id": "trial", "enable.auto.commit": False,
            "enable.partition.eof": True, "fetch.wait.max.ms": 50, "reconnect.backoff.max.ms": 500,
            "isolation.level": "read_uncommitted", "socket.timeout.ms": 3000, **QUIET})
        self.client.assign([TopicPartition(prefix + topic, number, 0) for topic, number in partitions])
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.ended.is_set():
            for message in self.client.consume(500, timeout=0.2):
                place = (message.topic().removeprefix(self.prefix), message.partition())
                records, looked = self.found[place]
                if message.error() is None:
                    self.found[place] = (max(records, int(message.value().strip()) + 1), message.offset() + 1)
                elif message.error().code() == KafkaError._PARTITION_EOF:
                    self.found[place] = (records, max(looked, message.offset()))
        self.client.close()

    def stop(self):
        self.ended.set()
        self.thread.join()


class Truth:
    """The lag as it is, several times a second: between the least and the most that it can be."""

    def __init__(self, source, target, arrivals, blur):
        """With `blur` records that come and go while logs are looked at one after the other."""
        self.source, self.target, self.arrivals, self.blur = source, target, arrivals, blur
        self.series = []
        self.target_ends = {}
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    @staticmethod
    def ends(cluster):
        return {(topic["name"], p["partition"]): p["highWatermark"]
                for topic in cluster.control.state()["topics"] for p in topic["partitions"]}

    def run(self):
        while not self.ended.is_set():
            began = time.time()
            # A process that was halted holds what it held.
            with contextlib.suppress(OSError):
                found = dict(self.arrivals.found)
                sources = self.ends(self.source)
                with contextlib.suppress(OSError):
                    if not self.target.is_halted:
                        self.target_ends = self.ends(self.target)
                least = most = 0
                for place, (records, looked) in found.items():
                    end = sources.get(place, 0)
                    unread = max(0, self.target_ends.get((self.arrivals.prefix + place[0], place[1]), 0) - looked)
                    most += max(0, end - records)
                    least += max(0, end - records - unread)
                self.series.append((began, time.time(), least, most))
            self.ended.wait(max(0.0, 0.3 - (time.time() - began)))

    def stop(self):
        self.ended.set()
        self.thread.join()

    def between(self, begin, end):
        """The least and the most that it was in a time, with the readings before and after it."""
        inside = [row for row in self.series if row[1] >= begin and row[0] <= end]
        before = [row for row in self.series if row[1] < begin][-1:]
        after = [row for row in self.series if row[0] > end][:1]
        rows = before + inside + after
        return (min(r[2] for r in rows), max(r[3] for r in rows)) if rows else (0, 0)

    def at(self, moment):
        return self.between(moment, moment)

    def age(self, lag, asked, answered):
        """The number of seconds since a lag was true; None when it was not for long."""
        age = 0.0
        while age <= 60:
            least, most = self.between(asked - age - SLACK, answered + BEHIND)
            if least - self.blur <= lag <= most + self.blur:
                return age
            age += 0.5
        return None


class Questions:
    """What is asked each second, at the same time."""

    def __init__(self, running, program):
        self.running, self.program = running, program
        self.pool = concurrent.futures.ThreadPoolExecutor(5)

    def ask(self):
        asked = {name: self.pool.submit(self.timed, getattr(self, name))
                 for name in ("metrics", "status", "ready", "history", "command")}
        return {name: future.result() for name, future in asked.items()}

    @staticmethod
    def timed(question):
        asked = time.time()
        try:
            said = question()
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            said = {"error": f"{error}"}
        return {"asked": asked, "answered": time.time(), **said}

    def metrics(self):
        text = self.running.get("/metrics")
        values = {}
        for line in text.splitlines():
            name, _, value = line.rpartition(" ")
            values.setdefault(name.split("{")[0], []).append(value)
        unknown = sum(float(v) for v in values.get("replicator_partitions_lag_unknown", []))
        return {"lag": sum(float(v) for v in values.get("replicator_message_lag", []) if v != "NaN"),
                "unknown": int(unknown), "records": sum(float(v) for v in values.get("replicator_records_total", []))}

    def status(self):
        found = json.loads(self.running.get("/api/status"))["flows"][0]
        partitions = found["partitions"]
        unknown = [p for p in partitions if p["lag"] is None]
        return {"lag": found["lag"], "flow_known": found.get("knownLag"), "age": found.get("sampleAge"),
                "sum": sum(p["lag"] for p in partitions if p["lag"] is not None), "unknown": len(unknown),
                "why": unknown[0].get("lagUnknown") if unknown else None,
                "end_age": max((p.get("sourceEndAge") or 0 for p in partitions if p["lag"] is not None), default=None),
                "obstacles": sorted({p["obstacle"] for p in partitions if p.get("obstacle")})[:3],
                "waiting": [w["topic"] for w in found.get("waiting") or []]}

    def ready(self):
        lines = self.running.obstacles().splitlines()
        return {"ready": not lines, "lines": lines}

    def history(self):
        series = json.loads(self.running.get("/api/history?flow=trial&points=2000"))["series"]
        points = [sample["time"] for sample in series[0]["samples"]] if series else []
        if not points:
            return {"age": None, "gap": None}
        gaps = [b - a for a, b in zip(points, points[1:])]
        return {"age": time.time() - points[-1] / 1000, "gap": max(gaps, default=0) / 1000}

    def command(self):
        answer = subprocess.run([self.program, "status", "--url", f"http://{self.running.http}"],
                                capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL)
        line = next((l for l in answer.stdout.splitlines() if l.startswith("trial:")), "")
        known = re.search(r"lag (at least )?(unknown|[\d ]*\d)", line)
        if not known:
            raise ValueError(f"no lag in {answer.stdout[:500]!r} {answer.stderr[:500]!r}")
        lag = None if known[1] or known[2] == "unknown" else int(re.sub(r"\D", "", known[2]))
        return {"lag": lag, "unknown": int(lag is None), "exit": answer.returncode}


# Scenes

class Scene:
    """A trouble that begins, holds and ends. What /readyz has to say meanwhile is `says`; nil where it must not mind."""

    says = None
    hold = 20
    # Whether a time to catch up is measured from the end of it.
    recovers = True

    def begin(self, world):
        pass

    def end(self, world):
        pass


class Steady(Scene):
    """nothing"""
    recovers = False


class Stopped(Scene):
    """all nodes stopped, and started again"""
    hold = 60

    def __init__(self, name):
        self.name, self.says = name, name

    def begin(self, world):
        for node in NODES:
            world[self.name].control.node(node, "stop")

    def end(self, world):
        for node in NODES:
            world[self.name].control.node(node, "start")


class Frozen(Stopped):
    """all nodes frozen: connections stay, nothing is answered"""
    hold = 30

    def begin(self, world):
        for node in NODES:
            world[self.name].control.node(node, "freeze")

    def end(self, world):
        for node in NODES:
            world[self.name].control.node(node, "thaw")


class Halted(Stopped):
    """the process halted: connections are made by the system, and nothing is heard"""
    hold = 30

    def begin(self, world):
        world[self.name].is_halted = True
        world[self.name].process.send_signal(signal.SIGSTOP)

    def end(self, world):
        world[self.name].process.send_signal(signal.SIGCONT)
        world[self.name].is_halted = False


class OneByOne(Scene):
    """one node after another stopped for 10 s"""
    hold = 0

    def __init__(self, name):
        self.name = name

    def begin(self, world):
        for node in NODES:
            world[self.name].control.node(node, "stop")
            time.sleep(10)
            world[self.name].control.node(node, "start")


class Moving(Scene):
    """leaders of partitions moved, one after the other, for 20 s"""
    hold = 0

    def __init__(self, name):
        self.name = name

    def begin(self, world):
        cluster = world[self.name].control
        end = time.time() + 20
        for topic in cluster.state()["topics"]:
            for p in topic["partitions"]:
                others = [n for n in p["isr"] if n != p["leader"]]
                if others and not topic["name"].startswith("__") and time.time() < end:
                    cluster.partition(topic["name"], p["partition"], "leader", node=others[0])


class Cut(Scene):
    """all connections cut, each second for 10 s"""
    hold = 0

    def __init__(self, name):
        self.name = name

    def begin(self, world):
        for _ in range(10):
            world[self.name].control.cut()
            time.sleep(1)


class OneFrozen(Scene):
    """one node frozen for 40 s; its partitions have no other leader"""
    hold = 40

    def __init__(self, name):
        self.name, self.says = name, "made no progress|cannot be reached"

    def begin(self, world):
        world[self.name].control.node(2, "freeze")

    def end(self, world):
        world[self.name].control.node(2, "thaw")


class Paused(Scene):
    """the flow paused by an operator"""

    def begin(self, world):
        world["replicator"].post("pause")

    def end(self, world):
        world["replicator"].post("resume")


class Failed(Scene):
    """a record too large for one copy: its partition stops, until the limit is raised and it is tried again"""
    says = "t.00-0 has stopped"

    def begin(self, world):
        self.limit(world, "2000")
        time.sleep(1)
        world["load"].say(("t.00", 0), padding=10_000)

    def end(self, world):
        self.limit(world, "1048588")
        world["replicator"].post("retry")

    def limit(self, world, value):
        resource = ConfigResource(ResourceType.TOPIC, "east.t.00", incremental_configs=[
            ConfigEntry("max.message.bytes", value, incremental_operation=AlterConfigOpType.SET)])
        client = admin(world["west"].bootstrap)
        client.incremental_alter_configs([resource])[resource].result(30)


class Leaderless(Scene):
    """a node stopped that has the only replica of one topic"""
    says = "alone-0 has made no progress|alone-0 .*leader"

    def __init__(self, name):
        self.name = name

    def begin(self, world):
        topic = world[self.name].control.topic("alone" if self.name == "east" else "east.alone")
        self.node = topic["partitions"][0]["leader"]
        world[self.name].control.node(self.node, "stop")

    def end(self, world):
        world[self.name].control.node(self.node, "start")


class Silent(Scene):
    """fetches and questions about ends never answered, while the source goes on"""
    hold = 30
    says = "made no progress"

    def begin(self, world):
        for api in ("Fetch", "ListOffsets"):
            world["east"].control.intercept(api, "drop", times=1_000_000)

    def end(self, world):
        world["east"].control.clear()
        world["east"].control.cut()


class Refused(Scene):
    """each fetch answered with an error"""
    hold = 30
    says = "made no progress"

    def begin(self, world):
        world["east"].control.intercept("Fetch", "error", error="NOT_LEADER_OR_FOLLOWER", times=1_000_000)

    def end(self, world):
        world["east"].control.clear()


class RefusedByTarget(Scene):
    """each produce answered with an error"""
    hold = 30
    says = "made no progress"

    def begin(self, world):
        world["west"].control.intercept("Produce", "error", error="NOT_ENOUGH_REPLICAS", times=1_000_000)

    def end(self, world):
        world["west"].control.clear()


class Swallowed(Scene):
    """produce requests handled and never answered"""
    hold = 30
    says = "made no progress|cannot be used|not answered"

    def begin(self, world):
        world["west"].control.intercept("Produce", "drop", times=1_000_000)

    def end(self, world):
        world["west"].control.clear()


SCENES = {
    "steady": Steady(),
    "target stopped": Stopped("west"),
    "source stopped": Stopped("east"),
    "target frozen": Frozen("west"),
    "source frozen": Frozen("east"),
    "target halted": Halted("west"),
    "one target node frozen": OneFrozen("west"),
    "target nodes one by one": OneByOne("west"),
    "source nodes one by one": OneByOne("east"),
    "target leaders move": Moving("west"),
    "target connections cut": Cut("west"),
    "flow paused": Paused(),
    "partition failed": Failed(),
    "no leader at the source": Leaderless("east"),
    "no leader at the target": Leaderless("west"),
    "source silent": Silent(),
    "fetches refused": Refused(),
    "produces refused": RefusedByTarget(),
    "produces unanswered": Swallowed(),
}


# The trial

class Trial:
    def __init__(self, options):
        self.options = options
        count = options.topics
        sizes = [options.partitions // count + (n < options.partitions % count) for n in range(count)]
        self.topics = {f"t.{n:02}": size for n, size in enumerate(sizes)}
        self.places = [(topic, p) for topic, size in self.topics.items() for p in range(size)] + [("alone", 0)]
        self.rows, self.recoveries = [], []

    def run(self):
        with broker(nodes=3, control=True) as east, broker(nodes=3, control=True) as west:
            east.is_halted = west.is_halted = False
            made = [NewTopic(topic, size, 3) for topic, size in self.topics.items()] + [NewTopic("alone", 1, 1)]
            client = admin(east.bootstrap)
            for future in client.create_topics(made).values():
                future.result(60)
            with replicator(east.bootstrap, west.bootstrap, self.flow()) as running:
                running.post = lambda action: urllib.request.urlopen(urllib.request.Request(
                    f"http://{running.http}/api/flows/trial/{action}", method="POST"), timeout=30).read()
                self.play(east, west, running)
                if self.options.log:
                    pathlib.Path(self.options.log).write_text(running.log())
                self.log = running.log()

    def flow(self):
        return dict(flow(name="trial", topics=("t[.].*", "alone")), sync={}, naming={"mode": "prefix", "alias": "east"})

    def play(self, east, west, running):
        document = running.document()
        document["http"]["stuckAfter"] = f"{STUCK_AFTER}s"
        running.write(document)
        if running.is_alive():
            running.kill()
        running.start()
        self.until(lambda: len(running.partitions()) == len(self.places))
        load = Load(east.bootstrap, self.places, self.options.rate)
        arrivals = Arrivals(west.bootstrap, self.places, "east.")
        self.truth = Truth(east, west, arrivals, self.options.rate / 8)
        world = {"east": east, "west": west, "replicator": running, "load": load}
        questions = Questions(running, self.options.program)
        self.scene, self.phase, self.began = "warm up", "", time.time()
        watching = threading.Thread(target=self.watch, args=(questions,), daemon=True)
        self.is_over = threading.Event()
        watching.start()
        try:
            self.until(lambda: self.truth.series and self.truth.series[-1][3] < self.options.rate, 120)
            for name in self.options.scenes.split(","):
                self.show(name, SCENES[name], world)
        finally:
            self.is_over.set()
            watching.join()
            load.stop()
            self.truth.stop()
            arrivals.stop()

    @staticmethod
    def until(condition, patience=300):
        end = time.time() + patience
        while time.time() < end and not condition():
            time.sleep(0.1)
        return condition()

    def show(self, name, scene, world):
        hold = scene.hold if self.options.hold is None else min(scene.hold, self.options.hold)
        self.scene, self.phase, self.began = name, "trouble", time.time()
        scene.begin(world)
        time.sleep(hold)
        lag = self.truth.at(time.time())[1]
        # Whatever the source has waits from here on for the replicator alone.
        scene.end(world)
        self.phase, self.began = "after", time.time()
        if scene.recovers:
            ended = time.time()
            near = max(self.options.rate, 100)
            done = self.until(lambda: self.truth.series[-1][0] > ended and self.truth.series[-1][3] < near)
            self.recoveries.append({"scene": name, "lag": lag, "seconds": self.truth.series[-1][0] - ended if done else None})
            print(f"{name}: lag {lag}, caught up after {self.recoveries[-1]['seconds']} s", flush=True)
        time.sleep(NOTICED + 2)

    def watch(self, questions):
        due = time.time()
        while not self.is_over.is_set():
            row = {"scene": self.scene, "phase": self.phase, "since": time.time() - self.began, "time": time.time()}
            row |= questions.ask()
            # A question that the scene changed under is about both.
            row["is_stable"] = (row["scene"], row["phase"]) == (self.scene, self.phase)
            self.rows.append(row)
            due = max(due + 1, time.time())
            self.is_over.wait(max(0.0, due - time.time()))

    # Judging

    def judge(self):
        for row in self.rows:
            row["truth"] = self.truth.at(row["time"])
            verdicts = {
                "metrics": self.lag_verdict(row["metrics"], None),
                "flow": self.lag_verdict(row["status"], row["status"].get("age")),
                "partitions": self.lag_verdict(dict(row["status"], lag=row["status"].get("sum")),
                                               row["status"].get("end_age")),
                "command": self.lag_verdict(row["command"], None),
                "ready": self.ready_verdict(row), "history": self.history_verdict(row["history"])}
            row["verdicts"] = verdicts

    def lag_verdict(self, said, carried):
        if "error" in said:
            return f"no answer: {said['error']}"
        if said.get("unknown") or said["lag"] is None:
            return "unknown"
        age = self.truth.age(said["lag"], said["asked"], said["answered"])
        if age is None:
            return "WRONG"
        if age <= FRESH:
            return "right"
        return f"{age} s old" if age <= self.options.oldest else f"WRONG for {age} s"

    def ready_verdict(self, row):
        said = row["ready"]
        if "error" in said:
            return f"no answer: {said['error']}"
        scene = SCENES.get(row["scene"])
        if scene is None or not row["is_stable"]:
            return "right"
        patience = NOTICED + self.options.oldest - 5 + (STUCK_AFTER if scene.says and "progress" in scene.says else 0)
        if row["phase"] == "trouble":
            if scene.says and row["since"] > patience:
                return "right" if re.search(scene.says, "\n".join(said["lines"])) else "WRONG"
            return "right"
        if row["since"] > NOTICED + self.options.oldest - 5 and row["truth"][1] < self.options.rate and not said["ready"]:
            return "WRONG"
        return "right"

    def history_verdict(self, said):
        if "error" in said:
            return f"no answer: {said['error']}"
        if said["age"] is None:
            return "unknown"
        return "right" if said["age"] <= self.options.oldest + 1 else f"WRONG: {said['age']:.1f} s old"

    def wrong(self):
        return [(row, name, verdict) for row in self.rows for name, verdict in row["verdicts"].items()
                if verdict.startswith(("WRONG", "no answer"))]

    # Reports

    def summary(self):
        """One row a scene: how often each has said what."""
        lines = ["| scene | seconds | lag, most | " + " | ".join(SOURCES) + " | caught up after |",
                 "|---|---|---|" + "---|" * (len(SOURCES) + 1)]
        for name in dict.fromkeys(row["scene"] for row in self.rows):
            rows = [row for row in self.rows if row["scene"] == name]
            cells = []
            for source in SOURCES:
                kinds = [kind(row["verdicts"][source]) for row in rows]
                cells.append(", ".join(f"{kinds.count(k)} {k}" for k in ("right", "older", "unknown", "wrong")
                                       if k in kinds))
            times = [f"{r['seconds']:.1f} s" if r["seconds"] is not None else "never"
                     for r in self.recoveries if r["scene"] == name]
            lines.append(f"| {name} | {len(rows)} | {max(row['truth'][1] for row in rows)} | " + " | ".join(cells)
                         + f" | {', '.join(times) or '-'} |")
        return lines

    def table(self):
        lines = ["| time | scene | truth | metrics | flow (age) | partitions (age of ends) | status | readyz | history age | not right |",
                 "|---|---|---|---|---|---|---|---|---|---|"]
        for row in self.rows:
            m, s, c, h = row["metrics"], row["status"], row["command"], row["history"]
            least, most = row["truth"]
            truth = f"{most}" if least == most else f"{least} to {most}"
            ready = "yes" if row["ready"].get("ready") else f"no: {(row['ready'].get('lines') or ['?'])[0][:70]}"
            lines.append(
                f"| {time.strftime('%H:%M:%S', time.gmtime(row['time']))} | {row['scene']} {row['phase']} {row['since']:.0f} s"
                f" | {truth} | {known(m, m.get('lag'))} | {known(s, s.get('lag'), s.get('flow_known'))} ({short(s.get('age'))})"
                f" | {known(s, s.get('sum'))} ({short(s.get('end_age'))}) | {known(c, c.get('lag'))} | {ready}"
                f" | {short(h.get('age'))} | " + ", ".join(f"{n}: {v}" for n, v in row["verdicts"].items() if v != "right")
                + " |")
        return lines

    def verdict(self):
        wrong = self.wrong()
        kinds = [kind(v) for row in self.rows for v in row["verdicts"].values()]
        return (f"{len(self.rows)} seconds, {len(kinds)} answers: {kinds.count('right')} right, "
                f"{kinds.count('older')} up to {self.options.oldest:.0f} s old, {kinds.count('unknown')} unknown and said so, {len(wrong)} wrong")


SOURCES = ["metrics", "flow", "partitions", "command", "ready", "history"]


def kind(verdict):
    if verdict in ("right", "unknown"):
        return verdict
    return "older" if verdict.endswith("s old") and not verdict.startswith("WRONG") else "wrong"


def known(said, lag, at_least=None):
    if "error" in said:
        return "no answer"
    if said.get("unknown"):
        return f"{said['unknown']} unknown" + (f", ≥ {at_least:.0f}" if at_least is not None else "")
    return "unknown" if lag is None else f"{lag:.0f}"


def short(number):
    return "-" if number is None else f"{number:.1f}"


def main():
    options = arguments()
    # What a shell starts in the background has INT ignored; brokers are to end with the trial, however it ends.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    os.environ["REPLICATOR"] = options.program = str(pathlib.Path(options.program).resolve())
    trial = Trial(options)
    try:
        trial.run()
    finally:
        trial.judge()
        document = trial.summary() + ["", trial.verdict(), ""] + trial.table()
        if options.markdown:
            pathlib.Path(options.markdown).write_text("\n".join(document) + "\n")
        if options.json:
            pathlib.Path(options.json).write_text(json.dumps(
                {"rows": trial.rows, "recoveries": trial.recoveries, "verdict": trial.verdict()}, indent=1))
        print(*trial.summary(), sep="\n")
        for row, name, verdict in trial.wrong()[:100]:
            print(f"{row['scene']} {row['phase']} {row['since']:.0f} s: {name} {verdict}; truth {row['truth']}, "
                  f"said {json.dumps(row.get(name) or row['status'])[:300]}")
        print(trial.verdict())
    sys.exit(1 if trial.wrong() else 0)


if __name__ == "__main__":
    main()
