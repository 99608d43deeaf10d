"""Metrics against runs whose true values are known, and their exposition against Prometheus' own parser."""

import json
import time

import pytest
from confluent_kafka import Producer
from prometheus_client.parser import text_string_to_metric_families

from support.brokers import set_arguments, start_on_free_ports, stopped_at_the_end
from support.checks import PATIENCE, check, equal, measured
from support.clients import QUIET
from support.records import fetch, produce_numbers, raw_batches
from support.replicators import configured, flow, replicator
from support.topics import create_topic, limit_client


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
