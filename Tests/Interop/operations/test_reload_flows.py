"""Reloads that add, remove and change flows and clusters: what is concerned changes alone, the others notice nothing."""

import json
import os
import signal
import socket
import urllib.error
import urllib.request

from support.brokers import secured
from support.checks import check, equal, eventually
from support.program import command
from support.records import numbers, produce_numbers
from support.replicators import configured, flow, replicator
from support.topics import create_topic, watermarks
from support.traffic import Traffic


def post(running, path):
    request = urllib.request.Request(f"http://{running.http}{path}", method="POST")
    try:
        with urllib.request.urlopen(request, timeout=120) as response:
            return response.status, json.loads(response.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def reload(running, document):
    running.write(document)
    return post(running, "/api/reload")


def named(running):
    return {f["name"]: f for f in running.status()}


def state(running, name):
    return named(running).get(name, {}).get("state")


def offset(running, name, topic):
    found = [p["sourceOffset"] for p in running.partitions() if (p["flow"], p["topic"]) == (name, topic)]
    return found[0] if found else -1


def connections(running, bootstrap):
    """Ports from which the process is connected to a broker's clients' port."""
    port = int(bootstrap.rsplit(":", 1)[1])
    own = set()
    for descriptor in os.listdir(f"/proc/{running.process.pid}/fd"):
        try:
            own.add(os.readlink(f"/proc/{running.process.pid}/fd/{descriptor}"))
        except OSError:
            continue
    found = set()
    with open(f"/proc/{running.process.pid}/net/tcp") as table:
        for line in list(table)[1:]:
            words = line.split()
            if words[3] == "01" and int(words[2].split(":")[1], 16) == port and f"socket:[{words[9]}]" in own:
                found.add(int(words[1].split(":")[1], 16))
    return found


def lines(running, text):
    return [line for line in running.log().splitlines() if text in line]


def test_flows_come_and_go_and_the_others_notice_nothing(east, west, cluster):
    """Flow `a` copies east to west throughout; what changes is about `b`, from another cluster to west."""
    create_topic(east.bootstrap, "orders", partitions=1)
    create_topic(cluster.bootstrap, "clicks", partitions=1)
    a, b = flow(name="a"), {**flow(name="b"), "source": "north"}
    with replicator(east.bootstrap, west.bootstrap, a) as running:
        alone = running.document()
        running.awaits("the flow runs", running.runs)
        orders = Traffic(east.bootstrap, "orders")
        running.awaits("records flow", lambda: offset(running, "a", "orders") > 0)
        kept = connections(running, east.bootstrap)
        check("it is connected to its source", kept)

        both = json.loads(json.dumps(alone))
        both["clusters"]["north"] = {"bootstrapServers": cluster.bootstrap}
        both["flows"].append(b)
        status, report = reload(running, both)
        equal("a flow is added", (status, report["isApplied"], report["messages"]), (200, True, ["flow b added"]))
        running.awaits("it starts", lambda: state(running, "b") == "running")
        clicks = Traffic(cluster.bootstrap, "clicks")
        running.awaits("it copies", lambda: offset(running, "b", "clicks") > 100)
        equal("the order is the file's", [f["name"] for f in running.status()], ["a", "b"])
        equal("the page shows its cluster", sorted(c["name"] for c in json.loads(running.get("/api/status"))["clusters"]),
              ["east", "north", "west"])
        check("metrics have it", 'replicator_flow_running{flow="b"} 1' in running.get("/metrics") or eventually(
            lambda: 'replicator_flow_running{flow="b"} 1' in running.get("/metrics")))

        paused = command("pause", "--url", f"http://{running.http}", "--flow", "b", "--topic", "absent")
        equal("a pause of what it does not have", paused.returncode, 1)
        changed = json.loads(json.dumps(both))
        changed["flows"][1].update(compression="zstd", shards=1)
        status, report = reload(running, changed)
        equal("a change that is none of a running flow restarts it", (status, report["messages"]), (
            200, ["flow b restarts: compression from keep to zstd; shards from none to 1"]))
        before, other = clicks.count, offset(running, "a", "orders")
        running.awaits("the other flow comes on meanwhile", lambda: offset(running, "a", "orders") > other)
        running.awaits("it runs again", lambda: state(running, "b") == "running" and len(lines(running, "flow has stopped")) == 1)
        running.awaits("it copies on behind that", lambda: offset(running, "b", "clicks") > before)

        status, report = post(running, "/api/reload")
        equal("the same again", (status, report["messages"]), (200, ["nothing changed"]))

        status, report = reload(running, alone)
        equal("a flow is removed", (status, report["messages"]), (200, ["flow b removed"]))
        running.awaits("it is gone", lambda: list(named(running)) == ["a"])
        equal("and its cluster", sorted(c["name"] for c in json.loads(running.get("/api/status"))["clusters"]),
              ["east", "west"])
        gone = lines(running, "no longer in the configuration and has stopped")
        check("the log says how its state is removed",
              len(gone) == 1 and "replicator forget --flow b --cluster 'west'" in gone[0], str(gone))
        running.awaits("no metric is left of it", lambda: 'flow="b"' not in running.get("/metrics"))
        check("nor of its cluster", eventually(lambda: 'cluster="north"' not in running.get("/metrics")))
        clicks.stop()
        end = watermarks(west.bootstrap, "north.clicks")[0][1]

        status, report = reload(running, both)
        equal("it comes back", (status, report["messages"]), (200, ["flow b added"]))
        running.copies(cluster.bootstrap, ["clicks"], ["b"])
        check("it begins where it stopped", watermarks(west.bootstrap, "north.clicks")[0][1] >= end)
        orders.stop()
        running.copies(east.bootstrap, ["orders"], ["a"])
        check("the other flow has kept its connections", kept <= connections(running, east.bootstrap),
              f"{kept} {connections(running, east.bootstrap)}")
        began = [line for line in lines(running, "flow is running") if "flow=a" in line]
        equal("and was started once", len(began), 1)
    orders.check(west.bootstrap, "east.orders")
    clicks.check(west.bootstrap, "north.clicks")


def test_what_a_reload_changes_is_told(east, west):
    for number in range(5):
        create_topic(east.bootstrap, f"old.{number}", partitions=1)
    create_topic(east.bootstrap, "new.0", partitions=1)
    with replicator(east.bootstrap, west.bootstrap, flow(topics=["old.*"])) as running:
        running.awaits("the flow runs", lambda: running.runs() and len(running.partitions()) == 5)
        metrics = running.get("/metrics")
        check("at the start the configuration was taken over", "replicator_config_last_reload_successful 1" in metrics)
        check("and when", any(float(line.split()[1]) > 1.6e9 for line in metrics.splitlines()
                              if line.startswith("replicator_config_last_reload_success_timestamp_seconds ")))

        document = running.document()
        document["flows"][0].update(topics={"allow": ["new.*", "old.1"]}, limits={"bytesPerSecond": "1MB"})
        told = ('flow flow: topics.allow now ["new.*", "old.1"]; limits.bytesPerSecond from none to 1MB; '
                '4 topics deselected; 1 topic selected')
        status, report = reload(running, document)
        equal("the answer", (status, report["isApplied"], report["messages"]), (200, True, [told]))
        equal("the status", json.loads(running.get("/api/status"))["lastReload"], report)
        events = [e for e in json.loads(running.get("/api/events"))["events"] if told in e["message"]]
        equal("the events", [e["level"] for e in events], ["info"])
        equal("the log", len(lines(running, "configuration reloaded: flow flow: topics.allow now")), 1)
        running.awaits("it is so", lambda: sorted(p["topic"] for p in running.partitions()) == ["new.0", "old.1"])

        document["flows"].append(flow(name="more", naming={"mode": "prefix", "alias": "more"}, sync={"intervall": "1s"}))
        document["flows"][0]["topics"] = {"allow": ["old.*"]}
        status, report = reload(running, document)
        equal("a mistake changes nothing", (status, report["isApplied"]), (409, False))
        check("and is named", 'did you mean "interval"' in report["messages"][0], str(report))
        equal("nothing at all", (list(named(running)), len(running.partitions())), (["flow"], 2))
        check("a metric says so", "replicator_config_last_reload_successful 0" in running.get("/metrics"))

        document["flows"].pop()
        document["http"]["listen"] = "127.0.0.1:1"
        status, report = reload(running, document)
        equal("an address cannot change", (status, report["messages"]), (
            409, ["http.listen cannot change while the process runs: restart, or restore the old value"]))
        document["http"]["listen"] = running.http
        document["flows"][0]["naming"] = {"mode": "identical"}
        status, report = reload(running, document)
        equal("what is recorded cannot either", status, 409)
        check("as at a start", 'flow "flow" was started before with naming' in report["messages"][0], str(report))
        equal("the flow runs as before", (state(running, "flow"), len(lines(running, "flow is running"))), ("running", 1))
        shown = command("status", "--url", f"http://{running.http}")
        check("status shows the refusal", "The last reload was refused:" in shown.stdout, shown.stdout)


def test_a_cluster_whose_credentials_change(east):
    """West asks for a password: a wrong one is refused before anything is stopped, the right one is taken over."""
    mechanism = {"securityProtocol": "SASL_PLAINTEXT"}
    login = lambda user, word: {"mechanism": "PLAIN", "username": user, "password": word}
    settings = {
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT",
        "sasl.enabled.mechanisms": "PLAIN",
        "listener.name.sasl_plaintext.plain.sasl.jaas.config":
            'org.apache.kafka.common.security.plain.PlainLoginModule required user_one="f1rst" user_two="s3cond";',
    }
    create_topic(east.bootstrap, "orders", partitions=1)
    with secured(settings, listeners=("PLAINTEXT", "SASL_PLAINTEXT")) as west:
        with configured(east.bootstrap, west["SASL_PLAINTEXT"]) as running:
            document = running.document()
            document["clusters"]["west"].update(mechanism, sasl=login("one", "f1rst"))
            running.write(document)
            running.start()
            running.awaits("the flow runs", running.runs)
            orders = Traffic(east.bootstrap, "orders")
            running.awaits("records flow", lambda: offset(running, "flow", "orders") > 0)

            document["clusters"]["west"]["sasl"] = login("two", "wr0ng")
            status, report = reload(running, document)
            equal("a wrong password is refused", status, 409)
            check("with the reason", "works now, and could not with the new settings" in report["messages"][0], str(report))
            before = offset(running, "flow", "orders")
            running.awaits("the flow copies as before", lambda: offset(running, "flow", "orders") > before)
            equal("it was not stopped", lines(running, "flow has stopped"), [])

            document["clusters"]["west"]["sasl"] = login("two", "s3cond")
            status, report = reload(running, document)
            equal("the right one is taken over", (status, report["messages"]), (200, [
                "flow flow restarts: settings of cluster west changed", "cluster west: sasl changed (not shown)"]))
            running.awaits("the flow restarts", lambda: len(lines(running, "flow is running")) == 2)
            running.awaits("with the new ones", running.runs)
            for secret in ("f1rst", "wr0ng", "s3cond"):
                check("no password is in the log", secret not in running.log())
                check("nor in the status", secret not in running.get("/api/status"))
            orders.stop()
            running.copies(east.bootstrap, ["orders"])
            equal("it stops with status 0", running.stop(), 0)
        orders.check(west["PLAINTEXT"], "east.orders")


def test_a_paused_part_stays_paused_over_a_restart(east, west):
    for topic in ("orders", "clicks"):
        create_topic(east.bootstrap, topic, partitions=1)
    with replicator(east.bootstrap, west.bootstrap) as running:
        running.awaits("the flow runs", lambda: running.runs() and len(running.partitions()) == 2)
        equal("a topic is paused", command("pause", "--url", f"http://{running.http}", "--flow", "flow", "--topic",
                                           "orders").returncode, 0)
        document = running.document()
        document["flows"][0]["delivery"] = "atLeastOnce"
        equal("the flow restarts", reload(running, document)[0], 200)
        running.awaits("it runs again", lambda: len(lines(running, "flow is running")) == 2 and running.runs())
        for topic in ("orders", "clicks"):
            produce_numbers(east.bootstrap, topic, range(10), partitions=1)
        running.copies(east.bootstrap, ["clicks"])
        equal("the topic is paused still", {p["topic"]: p["state"] for p in running.partitions()},
              {"orders": "paused", "clicks": "active"})
        equal("nothing of it was copied", numbers(west.bootstrap, "east.orders"), {0: []})
        series = 'replicator_message_lag{flow="flow",topic="orders"}'
        running.awaits("its lag is known", lambda: f"{series} 10\n" in running.get("/metrics"))
        document["flows"][0].update(delivery="exactlyOnce", topics={"allow": ["clicks"]})
        equal("the flow restarts without it", reload(running, document)[0], 200)
        running.awaits("it runs again", lambda: len(lines(running, "flow is running")) == 3 and running.runs())
        check("no old lag is told", series not in running.get("/metrics"), running.get("/metrics"))


def test_a_flow_that_cannot_be_reached_changes_and_goes(east, west):
    """A cluster that is down keeps neither a correction nor a removal from being taken over."""
    create_topic(east.bootstrap, "orders", partitions=1)
    produce_numbers(east.bootstrap, "orders", range(10), partitions=1)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        nowhere = "127.0.0.1:%d" % silent.getsockname()[1]
        lost = flow(name="lost", naming={"mode": "prefix", "alias": "lost"})
        with replicator(east.bootstrap, west.bootstrap, flow(), lost) as running:
            document = running.document()
            document["clusters"]["north"] = {"bootstrapServers": nowhere, "connectTimeout": "1s"}
            document["flows"][1]["source"] = "north"
            running.awaits("both run", running.runs)
            equal("a flow of another cluster under the same name is refused, once that can be told; it works now",
                  reload(running, document)[0], 409)
            document["flows"][1]["name"] = "new"
            equal("another one is taken up", reload(running, document)[0], 200)
            running.awaits("it waits", lambda: state(running, "new") == "waiting" and len(named(running)) == 2)
            document["clusters"]["north"]["bootstrapServers"] = east.bootstrap
            document["flows"][1]["naming"] = {"mode": "prefix", "alias": "again"}
            status, report = reload(running, document)
            equal("its cluster's address is corrected", status, 200)
            running.awaits("it runs", lambda: state(running, "new") == "running")
            running.copies(east.bootstrap, ["orders"], ["flow", "new"])
            equal("its copy is there", numbers(west.bootstrap, "again.orders"), {0: list(range(10))})


def test_a_file_that_changes_is_taken_over(east, west):
    """`reload: onChange`, with the file mounted as Kubernetes does, and a secret in another."""
    for topic in ("orders", "clicks"):
        create_topic(east.bootstrap, topic, partitions=1)
    with configured(east.bootstrap, west.bootstrap, flow(topics=["orders"])) as running:
        folder = running.folder
        secret = folder / "ops"
        secret.write_text("s3cret\n")
        document = running.document()
        document["reload"] = "onChange"
        document["http"]["authentication"] = {"anonymous": "read", "users": {"ops": "${file:%s}" % secret}}
        running.write(document)

        def mount(version, text):
            (folder / version).mkdir()
            (folder / version / "replicator.yaml").write_text(text)
            (folder / "fresh").symlink_to(version)
            os.replace(folder / "fresh", folder / "..data")

        text = running.path.read_text()
        running.path.unlink()
        mount("..1", text)
        running.path.symlink_to("..data/replicator.yaml")
        running.start()
        running.awaits("the flow runs", running.runs)

        document["flows"][0]["topics"]["allow"].append("clicks")
        document["flows"].append(flow(name="second", topics=["orders"], naming={"mode": "prefix", "alias": "second"}))
        mount("..2", json.dumps(document))
        running.awaits("it is taken over", lambda: list(named(running)) == ["flow", "second"])
        running.awaits("as a whole", lambda: len(running.partitions()) == 3)
        check("the log says why", lines(running, "the file has changed"), running.log())

        half = json.dumps(document)[:200]
        mount("..3", half)
        running.awaits("half a file is refused", lambda: lines(running, "configuration not reloaded"))
        secret.write_text("n3w\n")
        mount("..4", json.dumps(document))
        running.awaits("a secret that has changed is read again",
                       lambda: f"{secret} read again" in json.dumps(json.loads(running.get("/api/status"))["lastReload"]))
        equal("half a file was refused once", len(lines(running, "configuration not reloaded")), 1)
        check("no secret is in the log", "n3w" not in running.log() and "s3cret" not in running.log())
        equal("nothing else has changed", (list(named(running)), len(running.partitions())), (["flow", "second"], 3))
        running.process.send_signal(signal.SIGHUP)
        running.awaits("HUP works too", lambda: lines(running, "configuration reloaded: nothing changed"))
        equal("it stops with status 0", running.stop(), 0)


def test_a_pipe_cannot_be_watched(east, west):
    with configured(east.bootstrap, west.bootstrap) as running:
        document = running.document()
        document["reload"] = "onChange"
        result = command("run", "--config", "/dev/stdin", input=json.dumps(document))
        equal("it is refused", result.returncode, 2)
        check("with the remedy", "leave reload at onSignal" in result.stderr, result.stderr)
