"""Metrics against runs whose true values are known, and their exposition against Prometheus' own parser."""

import json
import os
import pathlib
import re
import time

import pytest
from confluent_kafka import Producer
from prometheus_client.parser import text_string_to_metric_families

from support.brokers import set_arguments, start_on_free_ports, stopped_at_the_end
from support.checks import PATIENCE, check, equal, measured
from support.clients import QUIET, commit
from support.processes import open_files
from support.program import command
from support.records import fetch, produce_numbers, raw_batches
from support.replicators import configured, flow, replicator
from support.topics import create_topic, limit_client
from support.traffic import Traffic


def metrics(running):
    """Every sample: (name, labels as a frozenset) → value. Parsing fails on what is no valid exposition."""
    samples, unexplained, doubled = {}, [], []
    for family in text_string_to_metric_families(running.get("/metrics")):
        if not family.documentation or family.type == "unknown":
            unexplained.append(family.name)
        for sample in family.samples:
            labels = {k: float(v) if k == "le" else v for k, v in sample.labels.items()}
            key = (sample.name, frozenset(labels.items()))
            if key in samples:
                doubled.append(key)
            samples[key] = sample.value
    equal("every metric has a help text and a type", unexplained, [])
    equal("every series stands there once", doubled, [])
    return samples


def value(samples, name, **labels):
    """The sum over the series that have these labels."""
    wanted = set(labels.items())
    return sum(v for (n, have), v in samples.items() if n == name and wanted <= have)


def test_counts_and_bytes_are_true(east, west):
    create_topic(east.bootstrap, "orders", partitions=2)
    create_topic(east.bootstrap, "empty", partitions=1)
    produce_numbers(east.bootstrap, "orders", range(2000), partitions=2, padding=100)
    with replicator(east.bootstrap, west.bootstrap) as running:
        running.copies(east.bootstrap, ["orders", "empty"])
        running.awaits("lag is reported", lambda: value(metrics(running), "replicator_message_lag", topic="orders") == 0
                       and value(metrics(running), "replicator_records_total", topic="orders") == 2000)
        found = metrics(running)
        size = sum(len(fetch(west.bootstrap, "east.orders", p, 0)) for p in range(2))
        read = sum(len(fetch(east.bootstrap, "orders", p, 0)) for p in range(2))
        batches = sum(len(raw_batches(east.bootstrap, "orders", p)) for p in range(2))
        equal("records", value(found, "replicator_records_total", flow="flow", topic="orders"), 2000)
        equal("bytes written", value(found, "replicator_throughput_bytes_total", topic="orders"), size)
        equal("bytes read", value(found, "replicator_bytes_in_total", topic="orders"), read)
        equal("batches taken in", value(found, "replicator_batches_total", topic="orders"), batches)
        equal("nothing was rewritten", value(found, "replicator_batches_total", topic="orders", path="rewrite"), 0)
        equal("nothing was skipped", value(found, "replicator_skipped_records_total"), 0)
        equal("nothing failed", value(found, "replicator_failures_total"), 0)
        equal("an empty topic counts nothing", value(found, "replicator_records_total", topic="empty"), 0)
        check("every batch written has its latency", value(
            found, "replicator_pipeline_latency_seconds_count", topic="orders") >= 2)
        for cluster in ("east", "west"):
            running.awaits(f"{cluster} is up",
                           lambda: value(metrics(running), "replicator_cluster_up", cluster=cluster) == 1)
            equal(f"{cluster} never throttled", value(found, "replicator_throttle_seconds_total", cluster=cluster), 0)


def test_latency_runs_from_the_records_timestamp(east, west):
    create_topic(east.bootstrap, "orders", partitions=1)
    client = Producer({"bootstrap.servers": east.bootstrap, **QUIET})
    written = time.time()
    for minutes in (10, 20, 30):
        client.produce("orders", value=b"x", timestamp=int((written - 60 * minutes) * 1000))
        client.flush(PATIENCE)
    with replicator(east.bootstrap, west.bootstrap) as running:
        running.copies(east.bootstrap, ["orders"])
        found = metrics(running)
        spent = time.time() - written
        count = value(found, "replicator_replication_latency_seconds_count", topic="orders")
        total = value(found, "replicator_replication_latency_seconds_sum", topic="orders")
        # Batches may be merged on the way; each counts its newest record.
        check("latency is the age of the newest record of each batch",
              600 * count <= total <= 1800 * count + spent * count,
              f"{total} s in {count}")
        check("none is below ten minutes", value(
            found, "replicator_replication_latency_seconds_bucket", topic="orders", le=300.0) == 0)
        check("all are within the hour", value(
            found, "replicator_replication_latency_seconds_bucket", topic="orders", le=3600.0) == count)
        own = value(found, "replicator_pipeline_latency_seconds_sum", topic="orders")
        check("our own part of it is not counted from there", 0 < own <= spent * count, f"{own} s")


def test_lag_and_failures_name_what_stands(east, west):
    create_topic(east.bootstrap, "good", partitions=1)
    create_topic(east.bootstrap, "large", partitions=1)
    create_topic(west.bootstrap, "east.large", partitions=1, max_message_bytes=1000)
    with replicator(east.bootstrap, west.bootstrap, flow(sync={"interval": "200ms", "topicConfigs": False})) as running:
        running.awaits("the flow runs", running.runs)
        produce_numbers(east.bootstrap, "large", range(7), partitions=1, padding=5000)
        produce_numbers(east.bootstrap, "good", range(7), partitions=1)
        running.copies(east.bootstrap, ["good"])
        running.awaits("the failure is counted", lambda: value(
            metrics(running), "replicator_failures_total", topic="large", reason="refusedByTarget") == 1)
        running.awaits("what it leaves behind is its lag", lambda: value(
            metrics(running), "replicator_message_lag", topic="large") == 7)
        equal("the other topic has none", value(metrics(running), "replicator_message_lag", topic="good"), 0)
        check("it is told why the process is not ready", "large-0 has stopped" in running.obstacles())
        running.awaits("stuck partitions are counted", lambda: value(
            metrics(running), "replicator_stuck_partitions", flow="flow") == 1)


def test_a_cluster_that_goes_away_is_down(east, west):
    create_topic(east.bootstrap, "orders", partitions=1)
    with replicator(east.bootstrap, west.bootstrap) as running:
        running.awaits("the flow runs", running.runs)
        running.awaits("both are up", lambda: value(metrics(running), "replicator_cluster_up") == 2)
        west.kill()
        running.awaits("west is down", lambda: value(metrics(running), "replicator_cluster_up", cluster="west") == 0)
        equal("east is not", value(metrics(running), "replicator_cluster_up", cluster="east"), 1)
        running.awaits("that is why it is not ready", lambda: "cluster west cannot be reached" in running.obstacles())
        west.restart_on_same_ports()
        running.awaits("west is up again",
                       lambda: value(metrics(running), "replicator_cluster_up", cluster="west") == 1)


@pytest.mark.long
@pytest.mark.east(quota_window_size_seconds=1, quota_window_num=3)
def test_quotas_of_the_brokers_are_obeyed_and_shown(east, west):
    create_topic(east.bootstrap, "orders", partitions=2)
    produce_numbers(east.bootstrap, "orders", range(4000), partitions=2, padding=1000, **{"batch.size": 20_000})
    limit_client(east.bootstrap, "consumer_byte_rate", 400_000)
    with replicator(east.bootstrap, west.bootstrap) as running:
        started = time.monotonic()
        running.awaits("the flow runs", running.runs)
        running.copies(east.bootstrap, ["orders"])
        spent = time.monotonic() - started
        found = metrics(running)
        throttled = value(found, "replicator_throttle_seconds_total", cluster="east")
        measured(f"throttled {throttled:.1f} s of {spent:.1f} s")
        check("the cluster that throttles is named", throttled > 1, f"{throttled} s")
        equal("the other is not", value(found, "replicator_throttle_seconds_total", cluster="west"), 0)
        clusters = {c["name"]: c for c in json.loads(running.get("/api/status"))["clusters"]}
        equal("the status says the same", clusters["east"]["throttleSeconds"], throttled)
        # 4 MB at 400 kB/s, less what three seconds' window lets through at once.
        check("the quota is kept", spent > 4, f"{spent} s")
        equal("each record once", value(found, "replicator_records_total"), 4000)


def test_refused_credentials_are_counted(east, tmp_path):
    users = 'org.apache.kafka.common.security.plain.PlainLoginModule required user_replicator="right";'

    def arguments(port):
        return ["--listen", f"127.0.0.1:{port}", *set_arguments({
            "listeners": "SASL_PLAINTEXT://", "sasl.enabled.mechanisms": "PLAIN", "sasl.jaas.config": users})]

    password = tmp_path / "password"
    password.write_text("right")
    create_topic(east.bootstrap, "orders", partitions=1)
    with stopped_at_the_end(start_on_free_ports(1, arguments)[0]) as target, \
            configured(east.bootstrap, target.bootstrap) as running:
        document = running.document()
        document["clusters"]["west"] |= {"securityProtocol": "SASL_PLAINTEXT", "sasl": {
            "mechanism": "PLAIN", "username": "replicator", "password": f"${{file:{password}}}"}}
        running.write(document)
        running.start()
        running.awaits("the flow runs", running.runs)
        equal("none yet", value(metrics(running), "replicator_auth_errors_total"), 0)
        password.write_text("wrong-and-secret")
        # Open connections stay; they are lost with the broker.
        target.kill()
        target.restart_on_same_ports()
        running.awaits("they are counted", lambda: value(
            metrics(running), "replicator_auth_errors_total", cluster="west") > 0)
        equal("for the cluster that refuses",
              value(metrics(running), "replicator_auth_errors_total", cluster="east"), 0)
        running.awaits("it is said why it is not ready", lambda: "cluster west cannot be reached" in running.obstacles()
                       and "authenticat" in running.obstacles())
        check("the password is shown nowhere",
              "wrong-and-secret" not in running.log() + running.obstacles() + running.get("/api/status"))
        password.write_text("right")
        running.awaits("with the right password it is up again", lambda: value(
            metrics(running), "replicator_cluster_up", cluster="west") == 1)
        equal("it stops with status 0", running.stop(), 0)


def test_many_topics_stay_readable(east, west):
    for n in range(20):
        create_topic(east.bootstrap, f"topic-{n}", partitions=1)
    with replicator(east.bootstrap, west.bootstrap) as running:
        running.awaits("all are taken up", lambda: len(running.partitions()) == 20)
        found = metrics(running)
        per_topic = len([1 for (_, labels) in found if ("topic", "topic-7") in labels])
        measured(f"{per_topic} series per topic")
        check("a topic has a bounded number of series", per_topic < 120, str(per_topic))


def seconds_of(pid):
    """Processor time and start of a process, as proc(5) has them."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    ticks = os.sysconf("SC_CLK_TCK")
    boot = int(re.search(r"^btime (\d+)$", pathlib.Path("/proc/stat").read_text(), re.M).group(1))
    return (int(fields[11]) + int(fields[12])) / ticks, boot + int(fields[19]) / ticks


def test_the_process_and_its_build(east, west):
    create_topic(east.bootstrap, "orders", partitions=1)
    version = command("--version").stdout.strip()
    with replicator(east.bootstrap, west.bootstrap) as running:
        running.awaits("the flow runs", running.runs)
        pid = running.process.pid
        before, started = seconds_of(pid)
        found = metrics(running)
        after, _ = seconds_of(pid)
        check("processor time is the system's", before <= value(found, "process_cpu_seconds_total") <= after,
              f"{before} {found} {after}")
        equal("so is the start", value(found, "process_start_time_seconds"), started)
        limit = int(re.search(r"^Max open files +(\d+)", pathlib.Path(f"/proc/{pid}/limits").read_text(), re.M).group(1))
        equal("so is the limit of descriptors", value(found, "process_max_fds"), limit)
        opened = value(found, "process_open_fds")
        check("descriptors are counted", abs(opened - open_files(running.process)) <= 10, str(opened))
        memory, addresses = value(found, "process_resident_memory_bytes"), value(found, "process_virtual_memory_bytes")
        check("memory is a plausible number of bytes", 5e6 < memory < addresses, f"{memory} {addresses}")
        builds = [dict(labels) for name, labels in found if name == "replicator_build_info"]
        equal("the version is the program's", [b["version"] for b in builds], [version])
        states = {dict(labels)["state"]: v for (name, labels), v in found.items() if name == "replicator_flow_state"}
        running.awaits("the flow's state is told", lambda: {
            dict(labels)["state"] for (name, labels), v in metrics(running).items()
            if name == "replicator_flow_state" and v == 1} == {"running"})
        check("with those in which it is not", {"starting", "waiting", "draining", "stopped"} <= set(states), str(states))


def test_series_are_bounded_and_the_status_is_not(east, west):
    """One topic has series of its own, the others share a set: sums are as without a bound."""
    names = ["a", "b", "c"]
    for name in names:
        create_topic(east.bootstrap, name, partitions=2)
        produce_numbers(east.bootstrap, name, range(100), partitions=2)
    with configured(east.bootstrap, west.bootstrap) as running:
        document = running.document()
        document["http"]["metrics"] = {"topics": 1, "groups": 0}
        running.write(document)
        running.start()
        running.copies(east.bootstrap, names)
        running.awaits("all records are counted", lambda: value(metrics(running), "replicator_records_total") == 300)
        found = metrics(running)
        labels = {dict(l)["topic"] for name, l in found if name == "replicator_records_total"}
        equal("series of topics", labels, {"a", "(others)"} if "a" in labels else labels)
        equal("there are two sets", (len(labels), "(others)" in labels), (2, True))
        equal("the others are summed up", value(found, "replicator_records_total", topic="(others)"), 200)
        running.awaits("their number is told",
                       lambda: value(metrics(running), "replicator_topics_summed", flow="flow") == 2)
        equal("pausing a topic", command("pause", "--url", running.http, "--flow", "flow", "--topic", "a").returncode, 0)
        equal("and another", command("pause", "--url", running.http, "--flow", "flow", "--topic", "b").returncode, 0)
        running.awaits("paused partitions are counted over all",
                       lambda: value(metrics(running), "replicator_partitions_paused", flow="flow") == 4)
        command("resume", "--url", running.http, "--flow", "flow")
        command("resume", "--url", running.http, "--flow", "flow", "--topic", "a")
        command("resume", "--url", running.http, "--flow", "flow", "--topic", "b")
        running.awaits("and those that go on are not",
                       lambda: value(metrics(running), "replicator_partitions_paused", flow="flow") == 0)
        # Rates of each topic are from its own counts.
        traffic = {name: Traffic(east.bootstrap, name, 2) for name in names}
        rates = lambda: {t["topic"]: t["recordsPerSecond"] for f in running.status() for t in f["topics"]}
        running.awaits("each topic has its rate", lambda: all(rates().get(name, 0) > 0 for name in names))
        for each in traffic.values():
            each.stop()


@pytest.mark.west(control=True)
def test_group_lag_on_both_sides(east, west):
    create_topic(east.bootstrap, "orders", partitions=1)
    produce_numbers(east.bootstrap, "orders", range(100), partitions=1)
    commit(east.bootstrap, "billing", "orders", {0: 60})
    with replicator(east.bootstrap, west.bootstrap) as running:
        running.copies(east.bootstrap, ["orders"])
        lag = lambda name: {dict(labels)["group"]: v for (n, labels), v in metrics(running).items() if n == name}
        running.awaits("it is 40 at the source", lambda: lag("replicator_group_lag") == {"billing": 40})
        running.awaits("and on the target", lambda: lag("replicator_group_target_lag") == {"billing": 40})
        produce_numbers(east.bootstrap, "orders", range(100, 150), partitions=1)
        running.awaits("it grows with the log", lambda: lag("replicator_group_lag") == {"billing": 90}
                       and lag("replicator_group_target_lag") == {"billing": 90})
        commit(east.bootstrap, "billing", "orders", {0: 150})
        running.awaits("and is over when the group is at the end", lambda: lag("replicator_group_lag") == {"billing": 0}
                       and lag("replicator_group_target_lag") == {"billing": 0})
        west.control.node(1, "freeze")
        running.awaits("without the target nobody knows", lambda: lag("replicator_group_target_lag") == {})
        west.control.node(1, "thaw")
        # Out of reach for longer than a session: the fence of the one who comes back takes an offset.
        running.awaits("it is known again", lambda: lag("replicator_group_target_lag") in ({"billing": 0}, {"billing": 1}))
