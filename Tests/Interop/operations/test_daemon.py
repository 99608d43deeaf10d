"""Living with `replicator run`: signals, reload, pause and resume, limits, status and bad input, while records flow."""

import json
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

import pytest
from confluent_kafka import Consumer, TopicPartition

from support.checks import PATIENCE, check, equal, eventually, measured
from support.clients import QUIET
from support.ports import free_address
from support.program import command, program
from support.records import numbers, produce_numbers
from support.replicators import configured, flow, replicator
from support.topics import create_topic, watermarks
from support.traffic import Traffic


def post(running, path, **headers):
    request = urllib.request.Request(f"http://{running.http}{path}", method="POST", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def states(running):
    return {(p["topic"], p["partition"]): p["state"] for p in running.partitions()}


def offset(running, topic, partition=0):
    found = [p["sourceOffset"] for p in running.partitions() if (p["topic"], p["partition"]) == (topic, partition)]
    return found[0] if found else -1


def stands(running, paused, others):
    """Whether one partition stays where it is while the others come on; what was under way may still arrive."""
    before = offset(running, *paused)
    starts = [offset(running, *other) for other in others]
    moved = eventually(lambda: all(offset(running, *other) > start + 100 for other, start in zip(others, starts)))
    return moved and offset(running, *paused) == before


def test_pause_and_resume_lose_nothing(east, west):
    create_topic(east.bootstrap, "orders", partitions=2)
    create_topic(east.bootstrap, "clicks", partitions=1)
    with replicator(east.bootstrap, west.bootstrap) as running:
        running.awaits("the flow runs", running.runs)
        orders, clicks = Traffic(east.bootstrap, "orders", 2), Traffic(east.bootstrap, "clicks")
        running.awaits("records flow", lambda: offset(running, "orders") > 0 and offset(running, "clicks") > 0)

        result = command("pause", "--url", f"http://{running.http}", "--flow", "flow", "--topic", "orders",
                         "--partition", "1")
        equal("pausing a partition succeeds", (result.returncode, result.stderr), (0, ""))
        equal("it says what it did", result.stdout, "partition orders-1 of flow flow is paused\n")
        equal("only that partition is paused", states(running),
              {("orders", 0): "active", ("orders", 1): "paused", ("clicks", 0): "active"})
        running.awaits("it stands while the others go on",
                       lambda: stands(running, ("orders", 1), [("orders", 0), ("clicks", 0)]))
        running.awaits("its lag grows",
                       lambda: [p for p in running.partitions() if p["partition"] == 1][0]["sourceOffset"]
                       < watermarks(east.bootstrap, "orders")[1][1] - 100)
        equal("a pause is no obstacle", running.obstacles(), "")

        try:
            running.get("/api/flows/flow/pause")
            check("what is asked for with POST is not answered to GET", False)
        except urllib.error.HTTPError as error:
            equal("what is asked for with POST is not answered to GET", (error.code, error.headers["allow"]), (405, "POST"))
        equal("pausing it again changes nothing", post(running, "/api/flows/flow/pause?topic=orders&partition=1"),
              (200, "partition orders-1 of flow flow was paused before\n"))
        equal("the whole topic is paused", post(running, "/api/flows/flow/pause?topic=orders")[0], 200)
        status, text = post(running, "/api/flows/flow/resume?topic=orders&partition=0")
        equal("a part of it cannot be resumed alone", (status, "resume topic orders" in text), (409, True))
        equal("the topic is resumed", post(running, "/api/flows/flow/resume?topic=orders")[0], 200)
        check("every partition of it is active", eventually(lambda: set(states(running).values()) == {"active"}))

        equal("the flow is paused", post(running, "/api/flows/flow/pause")[0], 200)
        equal("every partition is", set(states(running).values()), {"paused"})
        create_topic(east.bootstrap, "late", partitions=1)
        produce_numbers(east.bootstrap, "late", range(10), partitions=1)
        running.awaits("a topic that appears is paused too", lambda: states(running).get(("late", 0)) == "paused")
        equal("nothing of it is read", offset(running, "late"), 0)
        resumed = command("resume", "--url", running.http, "--flow", "flow", "--json")
        equal("the flow is resumed, and a machine is told so", (resumed.returncode, json.loads(resumed.stdout)),
              (0, {"answers": [{"flow": "flow", "answer": "flow flow resumed"}]}))
        retried = command("retry", "--url", running.http, "--json")
        equal("a retry answers for each flow", [answer["flow"] for answer in json.loads(retried.stdout)["answers"]], ["flow"])

        orders.stop()
        clicks.stop()
        running.copies(east.bootstrap, ["orders", "clicks", "late"])
    orders.check(west.bootstrap, "east.orders")
    clicks.check(west.bootstrap, "east.clicks")
    equal("late: whole", numbers(west.bootstrap, "east.late"), {0: list(range(10))})


def test_wishes_that_cannot_be_granted(east, west):
    create_topic(east.bootstrap, "orders", partitions=1)
    with replicator(east.bootstrap, west.bootstrap) as running:
        running.awaits("the flow runs", running.runs)
        equal("an unknown flow", post(running, "/api/flows/nope/pause"),
              (404, "no flow is called nope; there are: flow\n"))
        status, text = post(running, "/api/flows/flow/pause?topic=nope")
        equal("an unknown topic", (status, "does not replicate topic nope" in text), (404, True))
        equal("an unknown partition", post(running, "/api/flows/flow/pause?topic=orders&partition=7")[0], 404)
        equal("a partition without a topic", post(running, "/api/flows/flow/pause?partition=1")[0], 400)
        equal("a partition that is no number", post(running, "/api/flows/flow/pause?topic=orders&partition=x")[0], 400)
        equal("an unknown action", post(running, "/api/flows/flow/explode")[0], 404)
        equal("a page of another site may change nothing",
              post(running, "/api/flows/flow/pause", Origin="http://evil.example")[0], 403)
        equal("our own may", post(running, "/api/flows/flow/pause", Origin=f"http://{running.http}")[0], 200)
        result = command("pause", "--url", running.http, "--flow", "nope")
        equal("the command fails with the reason", (result.returncode, result.stderr),
              (1, "no flow is called nope; there are: flow\n"))
        equal("a wrong address is wrong usage", command("status", "--url", "nonsense").returncode, 2)
        nobody = command("status", "--url", free_address())
        equal("nobody there", (nobody.returncode, "no replicator answers" in nobody.stderr), (1, True))
        # Somebody who goes away in the middle of an answer disturbs nobody.
        for _ in range(20):
            host, port = running.http.split(":")
            with socket.create_connection((host, int(port))) as connection:
                connection.sendall(b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n")
        check("it still answers", "replicator_records_total" in running.get("/metrics"))


def test_status_lines_up(east, west):
    create_topic(east.bootstrap, "a-topic-with-a-long-name", partitions=2)
    create_topic(east.bootstrap, "b", partitions=1)
    produce_numbers(east.bootstrap, "b", range(1000), partitions=1)
    with replicator(east.bootstrap, west.bootstrap) as running:
        running.copies(east.bootstrap, ["b"])
        config = ["--config", str(running.path)]
        running.awaits("topics are listed", lambda: "a-topic-with-a-long-name" in command("status", *config).stdout)
        result = command("status", "--partitions", *config)
        equal("it ends with 0 when all is well", (result.returncode, result.stderr), (0, ""))
        lines = result.stdout.splitlines()
        for title, rows in (("  TOPIC", 2), ("  PARTITION", 3)):
            top = next(i for i, line in enumerate(lines) if line.startswith(title))
            table = lines[top:top + rows + 1]
            column = table[0].index("STATE")
            check(f"columns of {title.strip()} line up", all(
                line[column:].startswith(("STATE", "active")) and line[column - 1] == " " for line in table),
                "\n".join(table))
            ends = {line.index("LAG") + 3 if i == 0 else None for i, line in enumerate(table)} - {None}
            check(f"numbers of {title.strip()} end below their title", all(
                line[:max(ends)].rstrip()[-1].isdigit() for line in table[1:]), "\n".join(table))
        document = json.loads(command("status", "--json", *config).stdout)
        equal("the JSON is that of /api/status", sorted(document), sorted(json.loads(running.get("/api/status"))))
        equal("an unknown flow is wrong usage", command("status", "--flow", "nope", *config).returncode, 2)
        watch = subprocess.Popen([program(), "status", "--watch", *config], stdout=subprocess.PIPE, text=True)
        shown = 0
        while shown < 2:
            shown += "replicator 0" in watch.stdout.readline()
        watch.send_signal(signal.SIGINT)
        watch.wait(PATIENCE)
        check("--watch shows it again and again", shown == 2)


def test_status_of_one_flow_and_of_groups(east, west):
    for topic in ("orders", "clicks"):
        create_topic(east.bootstrap, topic, partitions=1)
        produce_numbers(east.bootstrap, topic, range(10), partitions=1)
    reader = Consumer({"bootstrap.servers": east.bootstrap, "group.id": "billing", "enable.auto.commit": False, **QUIET})
    reader.commit(offsets=[TopicPartition("orders", 0, 5)], asynchronous=False)
    reader.close()
    bad = flow("bad", ["clicks"], naming={"mode": "prefix", "alias": "x" * 245})
    with replicator(east.bootstrap, west.bootstrap, flow("good", ["orders"]), bad) as running:
        config = ["--config", str(running.path)]
        running.copies(east.bootstrap, ["orders"], flows=["good"])
        running.awaits("the group is in step", lambda: any(
            g["group"] == "billing" and g["state"] == "synced" for f in running.status() for g in f["groups"]))
        running.awaits("one flow is not ready", lambda: "flow bad" in running.obstacles())
        good = command("status", "--flow", "good", *config)
        equal("the other is", good.returncode, 0)
        check("its groups are listed", re.search(r"^  GROUP +KIND +STATE .*\n  billing +classic +synced +1", good.stdout, re.M),
              good.stdout)
        check("nothing is said of the other flow", "bad" not in good.stdout, good.stdout)
        document = json.loads(command("status", "--flow", "good", "--json", *config).stdout)
        equal("as JSON the same", ([f["name"] for f in document["flows"]], document["isReady"], document["obstacles"]),
              (["good"], True, []))
        equal("as a whole it is not ready", command("status", *config).returncode, 1)


def test_reload_takes_over_what_may_change(east, west):
    for topic in ("orders", "clicks", "views"):
        create_topic(east.bootstrap, topic, partitions=1)
    with replicator(east.bootstrap, west.bootstrap, flow(topics=["orders", "clicks"])) as running:
        running.awaits("the flow runs", running.runs)
        orders, clicks = Traffic(east.bootstrap, "orders"), Traffic(east.bootstrap, "clicks")
        produce_numbers(east.bootstrap, "views", range(50), partitions=1)
        running.awaits("records flow", lambda: offset(running, "orders") > 0 and offset(running, "clicks") > 0)

        def reload(*flows, source=east.bootstrap):
            before = json.loads(running.get("/api/status")).get("lastReload", {}).get("time", 0)
            running.configure(source, west.bootstrap, *flows)
            running.process.send_signal(signal.SIGHUP)
            report = lambda: json.loads(running.get("/api/status")).get("lastReload", {})
            running.awaits("the reload is reported", lambda: report().get("time", 0) > before)
            return report()

        report = reload(flow(topics=["orders", "views"], limits={"bytesPerSecond": "5MB"}))
        check("it is applied", report["isApplied"], str(report))
        running.awaits("a topic that is allowed now is copied", running.has_copied(east.bootstrap, ["views"]))
        equal("one that is not is gone from the status", ("clicks", 0) in states(running), False)
        equal("the limit is shown", running.status()[0]["bytesPerSecondLimit"], 5_000_000)
        held = watermarks(west.bootstrap, "east.clicks")[0][1]
        before = offset(running, "orders")
        running.awaits("the others go on", lambda: offset(running, "orders") > before + 200)
        left = eventually(lambda: watermarks(west.bootstrap, "east.clicks")[0][1] == held or None, 1)
        check("nothing more of it is copied", left or watermarks(west.bootstrap, "east.clicks")[0][1] - held < 2000)

        running.configure(east.bootstrap, west.bootstrap, flow(topics=["orders"], sync={"intervall": "1s"}))
        running.process.send_signal(signal.SIGHUP)
        running.awaits("a mistake is named as at the start", lambda: 'did you mean \\"interval\\"' in json.dumps(
            json.loads(running.get("/api/status"))["lastReload"]["messages"]))
        check("the log says so too", "configuration not reloaded" in running.log())
        check("it goes on", running.is_alive() and running.runs())

        report = reload(flow(topics=["orders", "clicks", "views"]))
        check("the old topic comes back", report["isApplied"], str(report))
        orders.stop()
        clicks.stop()
        running.copies(east.bootstrap, ["orders", "clicks", "views"])
    orders.check(west.bootstrap, "east.orders")
    clicks.check(west.bootstrap, "east.clicks")


def test_a_limit_is_kept(east, west):
    create_topic(east.bootstrap, "orders", partitions=4)
    produce_numbers(east.bootstrap, "orders", range(6000), partitions=4, padding=1000)
    with replicator(east.bootstrap, west.bootstrap, flow(limits={"bytesPerSecond": "500kB"})) as running:
        running.awaits("records flow", lambda: sum(p["sourceOffset"] for p in running.partitions()) > 0)
        first = sum(p["sourceOffset"] for p in running.partitions())
        begin = time.monotonic()
        # A machine that is busy elsewhere may have shown nothing until most of it was there.
        running.awaits("some seconds' worth is copied",
                       lambda: sum(p["sourceOffset"] for p in running.partitions()) >= min(first + 3000, 6000))
        spent = time.monotonic() - begin
        passed = sum(p["sourceOffset"] for p in running.partitions()) - first
        # Batches arrive whole and a second's worth may have been saved up; a slow machine is only slower.
        measured(f"{passed * 1.03 / spent:.0f} kB/s under a limit of 500 kB/s")
        check("not faster than allowed", passed * 1000 <= 500_000 * (spent + 1) + 1_500_000,
              f"{passed} KB in {spent} s")
        running.configure(east.bootstrap, west.bootstrap, flow())
        running.process.send_signal(signal.SIGHUP)
        running.copies(east.bootstrap, ["orders"])


def test_termination_drains(east, west):
    create_topic(east.bootstrap, "orders", partitions=3)
    with configured(east.bootstrap, west.bootstrap) as running:
        running.start()
        running.awaits("the flow runs", running.runs)
        traffic = Traffic(east.bootstrap, "orders", 3)
        for _ in range(3):
            running.awaits("records flow", lambda: offset(running, "orders") > 0)
            equal("TERM ends it with 0", running.stop(), 0)
            check("it says that it stops, and that it has stopped", "flow has stopped" in running.log())
            running.start()
            running.awaits("the flow runs again", running.runs)
        traffic.stop()
        running.copies(east.bootstrap, ["orders"])
        equal("INT ends it with 0", (running.process.send_signal(signal.SIGINT), running.process.wait(PATIENCE))[1], 0)
        traffic.check(west.bootstrap, "east.orders")
        noise = [line for line in running.log().splitlines() if " warning " in line or " error " in line]
        equal("a quiet life leaves no warnings in the log", noise, [])


def test_a_full_disk_under_the_log_stops_nothing(east, west):
    create_topic(east.bootstrap, "orders", partitions=1)
    with configured(east.bootstrap, west.bootstrap) as running:
        with open("/dev/full", "wb") as full:
            running.process = subprocess.Popen(
                [program(), "run", "--config", str(running.path)], stdout=full, stderr=full)
        running.awaits("the flow runs", running.runs)
        produce_numbers(east.bootstrap, "orders", range(100), partitions=1)
        running.copies(east.bootstrap, ["orders"])
        equal("it stops with status 0", running.stop(), 0)
        equal("nothing is lost", numbers(west.bootstrap, "east.orders"), {0: list(range(100))})


@pytest.mark.east(control=True)
@pytest.mark.west(control=True)
def test_what_stands_still_is_named(east, west):
    create_topic(east.bootstrap, "orders", partitions=1)
    create_topic(east.bootstrap, "quiet", partitions=1)
    with configured(east.bootstrap, west.bootstrap) as running:
        document = running.document()
        document["http"]["stuckAfter"] = "2s"
        running.write(document)
        running.start()
        running.awaits("the flow runs", running.runs)
        produce_numbers(east.bootstrap, "orders", range(100), partitions=1)
        running.copies(east.bootstrap, ["orders"])
        equal("it is ready", eventually(lambda: running.obstacles() == ""), True)
        west.control.node(1, "freeze")
        produce_numbers(east.bootstrap, "orders", range(100, 150), partitions=1)
        running.awaits("lag without progress is an obstacle",
                       lambda: "orders-0 has made no progress for" in running.obstacles())
        check("it says where it stands and how far it is behind", "at offset 100, 50 behind" in running.obstacles(),
              running.obstacles())
        check("a partition without lag is none", "quiet" not in running.obstacles(), running.obstacles())
        running.awaits("the log says so",
                       lambda: "makes no progress although there is something to copy" in running.log())
        result = command("status", "--url", running.http)
        equal("status shows it and ends with 1", (result.returncode, "no progress for" in result.stdout), (1, True))
        west.control.node(1, "thaw")
        running.copies(east.bootstrap, ["orders"])
        running.awaits("it is ready again", lambda: running.obstacles() == "")
        equal("it was told once", running.log().count("makes no progress although"), 1)
        equal("it stops with status 0", running.stop(), 0)
    equal("nothing is lost or doubled", numbers(west.bootstrap, "east.orders"), {0: list(range(150))})


@pytest.mark.east(nodes=3, control=True)
def test_leader_moves_are_events(east, west):
    create_topic(east.bootstrap, "orders", partitions=1, replicas=3)
    with replicator(east.bootstrap, west.bootstrap) as running:
        running.awaits("the leader is known",
                       lambda: [p.get("sourceLeader") for p in running.partitions()] not in ([], [None]))
        old = running.partitions()[0]["sourceLeader"]
        new = old % 3 + 1
        # Two looks at it apart, so that there is one before.
        running.awaits("it is looked at", lambda: "orders" in running.get("/api/history?flow=flow&topics=all"))
        east.control.partition("orders", 0, "leader", node=new)
        produce_numbers(east.bootstrap, "orders", range(10), partitions=1)
        running.awaits("its move is an event",
                       lambda: f"leader on the source moved: orders-0 from broker {old} to {new}"
                       in running.get("/api/events"))
        running.copies(east.bootstrap, ["orders"])


def test_bad_surroundings_are_named(east, west):
    create_topic(east.bootstrap, "orders", partitions=1)
    with replicator(east.bootstrap, west.bootstrap) as running:
        running.awaits("the flow runs", running.runs)
        config = ["--config", str(running.path)]
        second = command("run", *config)
        equal("a port in use ends it before anything is created",
              (second.returncode, "cannot listen on" in second.stderr), (1, True))
        equal("an unknown flow", command("run", "--flow", "nope", *config).returncode, 2)
        equal("a missing file", command("run", "--config", "/nowhere/replicator.yaml").returncode, 2)
        nobody = free_address()
        with configured(f"{nobody},{east.bootstrap}", west.bootstrap, flow(name="half", naming={"mode": "prefix", "alias": "half"})) as half:
            half.start()
            half.awaits("one bootstrap server that answers is enough", half.runs)
            equal("it stops with status 0", half.stop(), 0)
            half.configure(nobody, west.bootstrap, flow(name="half", naming={"mode": "prefix", "alias": "half"}))
            gone = command("run", "--config", str(half.path))
            equal("an unreachable cluster is named",
                  (gone.returncode, "east" in gone.stderr and nobody in gone.stderr), (1, True))


def test_the_command_line_explains_itself():
    listed = [line.split()[0] for line in command("--help").stdout.split("SUBCOMMANDS:")[1].splitlines()
              if line.startswith("  ") and line[2] != " "]
    check("it lists its commands", {"run", "status", "pause", "resume", "retry", "flows", "forget", "import", "broker"} <= set(listed), str(listed))
    for name in listed:
        result = command(name, "--help")
        check(f"{name} --help says what it is for and how to use it", result.returncode == 0
              and "OVERVIEW:" in result.stdout and "USAGE:" in result.stdout and len(result.stdout) > 300,
              result.stdout)
    for shell in ("bash", "zsh", "fish"):
        script = command("--generate-completion-script", shell)
        check(f"completions for {shell}", script.returncode == 0 and "resume" in script.stdout)
    script = command("--generate-completion-script", "bash").stdout
    equal("bash reads them", subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True).stderr, "")


def test_other_configurations_can_be_imported(east, west, tmp_path):
    old, new = tmp_path / "mm2.properties", tmp_path / "replicator.yaml"
    create_topic(east.bootstrap, "orders", partitions=1)
    create_topic(east.bootstrap, "other", partitions=1)
    produce_numbers(east.bootstrap, "orders", range(10), partitions=1)
    old.write_text(
        f"clusters = east, west\neast.bootstrap.servers = {east.bootstrap}\n"
        f"west.bootstrap.servers = {west.bootstrap}\neast->west.enabled = true\n"
        "east->west.topics = orders\nreplication.policy.separator = -\ntasks.max = 4\n")
    result = command("import", str(old), "--output", str(new))
    equal("it is imported", result.returncode, 0)
    check("the next commands are told", [line.split("replicator ")[1].split()[0] for line in result.stdout.splitlines()]
          == ["doctor", "adopt", "run"], result.stdout)
    check("what has no equivalent is named", f"{old}: tasks.max: not needed here" in result.stderr, result.stderr)
    equal("nothing is overwritten", command("import", str(old), "--output", str(new)).returncode, 2)
    with configured(east.bootstrap, west.bootstrap) as running:
        running.path.write_text(new.read_text().replace("127.0.0.1:9644", running.http))
        running.start()
        running.copies(east.bootstrap, ["orders"], flows=["east-to-west"])
        equal("it runs, and stops with status 0", running.stop(), 0)
        equal("what was selected is copied under the name that it would have had",
              numbers(west.bootstrap, "east-orders"), {0: list(range(10))})
    neither = command("import", "/etc/hostname")
    equal("what is neither is refused", (neither.returncode, "neither mm2.properties" in neither.stderr), (2, True))
    nothing = tmp_path / "nothing"
    equal("what is not there is named", command("import", str(nothing)).stderr,
          f"cannot read {nothing}: no such file\n")
