"""Faults through the control endpoint, seen by confluent-kafka."""

import subprocess
import threading
import time

import pytest
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from support.checks import check, equal
from support.control import Refused
from support.program import program


def producer(cluster, **settings):
    return Producer({"bootstrap.servers": cluster.bootstrap, "acks": "all", "linger.ms": 1, **{
        key.replace("_", "."): value for key, value in settings.items()}})


def write(cluster, topic, values, partition=0, **settings):
    """Produces values; their offsets, in order."""
    offsets = {}
    client = producer(cluster, **settings)
    for value in values:
        client.produce(topic, value, partition=partition, on_delivery=lambda error, message: offsets.__setitem__(
            message.value(), error or message.offset()))
    client.flush(30)
    return [offsets.get(value) for value in values]


def read(cluster, topic, count, partition=0, offset=0, **settings):
    """Reads up to `count` records from an offset on; stops at the end of the log."""
    consumer = Consumer({
        "bootstrap.servers": cluster.bootstrap, "group.id": "reader", "enable.auto.commit": False,
        "enable.partition.eof": True, "auto.offset.reset": "error", **settings})
    consumer.assign([TopicPartition(topic, partition, offset)])
    found, failure = [], None
    end = time.monotonic() + 20
    while len(found) < count and time.monotonic() < end:
        message = consumer.poll(0.2)
        if message is None:
            continue
        if message.error():
            if message.error().code() == KafkaError._PARTITION_EOF:
                break
            failure = message.error()
            break
        found.append((message.offset(), message.value()))
    consumer.close()
    return found, failure


def create(cluster, name, partitions=1, replicas=1, **config):
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap})
    admin.create_topics([NewTopic(name, partitions, replicas, config=config)])[name].result(20)
    return admin


@pytest.mark.cluster(nodes=2, control=True)
def test_control_refuses_what_it_cannot_do(cluster):
    control = cluster.control
    create(cluster, "t")

    def refused(what, status, code, method, path, body=None):
        try:
            control.call(method, path, body)
            check(what, False, "was taken")
        except Refused as error:
            equal(what, (error.status, error.code), (status, code))
            check(f"{what}: a reason", bool(error.reason))

    refused("unknown node", 404, "NOT_FOUND", "POST", "/nodes/9/stop")
    refused("not a node", 400, "INVALID_REQUEST", "POST", "/nodes/x/stop")
    refused("unknown topic", 404, "NOT_FOUND", "POST", "/topics/u/recreate")
    refused("markers without a word", 400, "INVALID_REQUEST", "POST", "/topics/t/markers", {})
    refused("markers of another type", 400, "INVALID_REQUEST", "POST", "/topics/t/markers", {"refused": "yes"})
    control.markers("t", True)
    control.markers("t", False)
    refused("unknown partition", 404, "NOT_FOUND", "POST", "/topics/t/partitions/7/truncate", {"offset": 0})
    refused("unknown path", 404, "NOT_FOUND", "POST", "/nothing")
    refused("no JSON", 400, "INVALID_REQUEST", "POST", "/clock", b"{")
    refused("not an object", 400, "INVALID_REQUEST", "POST", "/clock", [])
    refused("missing key", 400, "INVALID_REQUEST", "POST", "/clock", {})
    refused("too slow a disk", 400, "INVALID_REQUEST", "POST", "/disk", {"delayMs": 10_001})
    refused("less than a full disk", 400, "INVALID_REQUEST", "POST", "/disk", {"bytesLeft": -1})
    refused("no disk", 409, "NOT_POSSIBLE", "POST", "/disk", {"delayMs": 1})
    refused("unknown key", 400, "INVALID_REQUEST", "POST", "/clock", {"jumpMs": 1, "jump": 1})
    refused("wrong type", 400, "INVALID_REQUEST", "POST", "/clock", {"jumpMs": "far"})
    refused("too far", 409, "NOT_POSSIBLE", "POST", "/clock", {"jumpMs": 1 << 62})
    refused("beyond the end", 409, "NOT_POSSIBLE", "POST", "/topics/t/partitions/0/truncate", {"offset": 1})
    refused("no offset", 400, "INVALID_REQUEST", "POST", "/topics/t/partitions/0/expire", {})
    refused("not in sync", 409, "NOT_POSSIBLE", "POST", "/topics/t/partitions/0/leader", {"node": 7})
    for body in ({"api": "Pro", "action": "drop"}, {"api": "Produce", "action": "explode"},
                 {"api": "Produce", "action": "error"}, {"api": "Produce", "action": "error", "error": "NO"},
                 {"api": "Produce", "action": "delay"}, {"api": "Produce", "action": "drop", "delayMs": 3},
                 {"api": "Produce", "action": "drop", "times": 0}):
        refused(f"interception {body}", 400, "INVALID_REQUEST", "POST", "/interceptions", body)
    refused("interception at no node", 404, "NOT_FOUND", "POST", "/interceptions",
            {"api": "Produce", "action": "drop", "node": 3})
    equal("nothing was changed", control.interceptions(), [])

    def status(*arguments):
        return subprocess.run([program(), "broker", *arguments], capture_output=True, text=True, timeout=30)

    taken = status("--listen", "127.0.0.1:0", "--control", control.address.removeprefix("http://"))
    equal("a control port in use", taken.returncode, 1)
    check("says which", "--control" in taken.stderr, taken.stderr)
    check("and is not ready", "listening" not in taken.stdout, taken.stdout)
    equal("a control address that is none", status("--control", "x").returncode, 2)


@pytest.mark.cluster(nodes=3, control=True)
def test_nodes_stop_freeze_and_come_back(cluster):
    control = cluster.control
    create(cluster, "t", partitions=3, replicas=3, **{"min.insync.replicas": "2"})
    equal("nodes", [n["state"] for n in control.state()["nodes"]], ["live"] * 3)
    write(cluster, "t", [b"a", b"b"])
    first = control.topic("t")["partitions"][0]
    equal("end", first["logEndOffset"], 2)

    control.node(first["leader"], "stop")
    moved = control.topic("t")["partitions"][0]
    check("another leader", moved["leader"] not in (-1, first["leader"]), moved)
    equal("a new epoch", moved["leaderEpoch"], first["leaderEpoch"] + 1)
    check("out of the ISR", first["leader"] not in moved["isr"], moved)
    check("offsets go on", write(cluster, "t", [b"c"]) == [2])

    control.node(moved["leader"], "stop", controlled=True)
    equal("below min.insync.replicas",
          write(cluster, "t", [b"d"], message_timeout_ms=2000)[0].__class__.__name__, "KafkaError")
    control.node(first["leader"], "start")
    check("enough again", write(cluster, "t", [b"e"])[0] >= 3)
    control.node(moved["leader"], "start")
    equal("back in the ISR", sorted(control.topic("t")["partitions"][0]["isr"]), [1, 2, 3])

    leader = control.topic("t")["partitions"][0]["leader"]
    target = leader % 3 + 1
    control.partition("t", 0, "leader", node=target)
    equal("moved", control.topic("t")["partitions"][0]["leader"], target)
    check("written at the new leader", isinstance(write(cluster, "t", [b"f"])[0], int))

    control.node(target, "freeze")
    equal("frozen", control.state()["nodes"][target - 1]["state"], "frozen")
    results = []
    writer = threading.Thread(target=lambda: results.extend(write(cluster, "t", [b"g"])))
    writer.start()
    writer.join(0.5)
    check("no answer from a frozen node", not results, results)
    control.node(target, "thaw")
    writer.join(30)
    check("answered after the thaw", results and isinstance(results[0], int), results)


@pytest.mark.cluster(nodes=2, control=True)
def test_answers_are_intercepted(cluster):
    control = cluster.control
    create(cluster, "t")
    create(cluster, "other")
    control.intercept("Produce", "error", error="NOT_ENOUGH_REPLICAS", times=2, topic="t")
    equal("another topic is left alone", write(cluster, "other", [b"x"]), [0])
    equal("two wait", control.interceptions(), [
        {"action": "error", "api": "Produce", "error": "NOT_ENOUGH_REPLICAS", "times": 2, "topic": "t"}])
    equal("retried until it went through", write(cluster, "t", [b"a"], retry_backoff_ms=50), [0])
    equal("used up", control.interceptions(), [])

    control.intercept("Produce", "disconnectAfterHandling")
    equal("idempotent producer: no duplicate after a cut",
          write(cluster, "t", [b"b"], enable_idempotence=True, retry_backoff_ms=50), [1])
    equal("one record", control.topic("t")["partitions"][0]["logEndOffset"], 2)

    control.intercept("Produce", "drop")
    check("an answer lost: sent again after the time-out",
          isinstance(write(cluster, "t", [b"c"], enable_idempotence=True, socket_timeout_ms=1500)[0], int))
    equal("still one record each", control.topic("t")["partitions"][0]["logEndOffset"], 3)

    control.intercept("Metadata", "delay", delayMs=300)
    control.intercept("Produce", "disconnect", times=50)
    equal("cleared", control.clear(), [])
    check("connections are cut", control.cut() >= 0)
    equal("clients come back", write(cluster, "t", [b"d"]), [3])


@pytest.mark.cluster(control=True)
def test_logs_are_cut_expired_compacted_and_created_anew(cluster):
    control = cluster.control
    create(cluster, "t")
    for n in range(10):
        write(cluster, "t", [b"%d" % n])

    equal("expired", control.partition("t", 0, "expire", offset=4), {"logStartOffset": 4})
    found, failure = read(cluster, "t", 100, offset=0)
    check("the gap is told", failure and failure.code() == KafkaError._AUTO_OFFSET_RESET, (found, failure))
    equal("the rest is there", read(cluster, "t", 100, offset=4)[0], [(n, b"%d" % n) for n in range(4, 10)])

    equal("truncated", control.partition("t", 0, "truncate", offset=7), {"logEndOffset": 7})
    equal("epoch", control.topic("t")["partitions"][0]["leaderEpoch"], 1)
    equal("offsets are used again", write(cluster, "t", [b"new"]), [7])
    equal("what is read", read(cluster, "t", 100, offset=6)[0], [(6, b"6"), (7, b"new")])

    create(cluster, "c", **{"cleanup.policy": "compact"})
    compacted = producer(cluster)
    for n in range(100):
        compacted.produce("c", b"%d" % n, key=b"%d" % (n % 5), partition=0)
        compacted.flush(20)
    size = control.partition("c", 0, "compact")
    check("smaller", size["bytesAfter"] < size["bytesBefore"], size)
    equal("the newest of each key, where it was", read(cluster, "c", 100)[0], [(n, b"%d" % n) for n in range(95, 100)])
    try:
        control.partition("t", 0, "compact")
        check("a topic that is not compacted", False)
    except Refused as error:
        equal("a topic that is not compacted", (error.status, error.code), (409, "NOT_POSSIBLE"))

    before = control.topic("t")["id"]
    after = control.recreate("t")
    check("another id", after != before and control.topic("t")["id"] == after)
    equal("empty", control.topic("t")["partitions"][0]["logEndOffset"], 0)
    equal("and works", write(cluster, "t", [b"z"]), [0])

    day = 86_400_000
    equal("the clock jumps", control.jump(8 * day), 8 * day)
    equal("what retention lets go is gone", control.topic("t")["partitions"][0]["logStartOffset"], 1)
    now = control.state()["time"]
    check("the broker's time", abs(now - time.time() * 1000 - 8 * day) < 60_000, now)
    control.partition("t", 0, "expire", olderThan=now)
    equal("and back", control.jump(-8 * day), 0)


@pytest.mark.cluster(data=True, control=True)
def test_disk_is_full_or_slow(cluster):
    control = cluster.control
    create(cluster, "t")
    write(cluster, "t", [b"a"])

    control.disk(bytesLeft=10)
    refused = write(cluster, "t", [b"b" * 100], message_timeout_ms=1500)[0]
    check("a full disk takes nothing", isinstance(refused, KafkaError), refused)
    equal("what was there is read", read(cluster, "t", 10)[0], [(0, b"a")])
    control.disk()
    equal("it goes on where it was", write(cluster, "t", [b"c"]), [1])

    control.disk(delayMs=300)
    start = time.monotonic()
    equal("a slow disk takes it", write(cluster, "t", [b"d"]), [2])
    check("and its time", time.monotonic() - start >= 0.3)
    control.disk()
    equal("all is there", read(cluster, "t", 10)[0], [(0, b"a"), (1, b"c"), (2, b"d")])
