"""`replicator retry`: a partition that has stopped goes on where it stopped, without a restart."""

import json
import signal

from confluent_kafka import Producer
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from support.checks import PATIENCE, check, equal
from support.clients import QUIET, admin
from support.program import command
from support.records import numbers, produce_numbers
from support.replicators import flow, replicator
from support.topics import create_topic


def set_maximum_message(bootstrap, topic, size):
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[
        ConfigEntry("max.message.bytes", str(size), incremental_operation=AlterConfigOpType.SET)])
    client = admin(bootstrap)
    client.incremental_alter_configs([resource])[resource].result(PATIENCE)


def states(running):
    return {p["topic"]: p["state"] for p in running.partitions()}


def test_a_stopped_partition_is_taken_up_again(east, west):
    create_topic(east.bootstrap, "large", partitions=1)
    create_topic(east.bootstrap, "small", partitions=1)
    with replicator(east.bootstrap, west.bootstrap,
                    flow(sync={"interval": "200ms", "topicConfigs": False})) as running:
        running.awaits("both topics are copied", lambda: states(running) == {"large": "active", "small": "active"})
        set_maximum_message(west.bootstrap, "east.large", 2000)
        produce_numbers(east.bootstrap, "large", range(1), partitions=1, padding=10_000)
        running.awaits("the large record stops its partition", lambda: states(running)["large"] == "failed")
        produce_numbers(east.bootstrap, "large", range(1, 10), partitions=1)
        produce_numbers(east.bootstrap, "small", range(10), partitions=1)
        running.copies(east.bootstrap, ["small"])
        at = ["--url", f"http://{running.http}"]

        done = command("retry", *at, "--flow", "flow", "--topic", "small")
        equal("nothing had stopped there", (done.returncode, done.stdout),
              (0, "nothing had stopped in topic small of flow flow\n"))
        done = command("retry", *at)
        equal("one is tried again", (done.returncode, done.stdout), (0, "1 partition of flow flow is tried again\n"))
        running.awaits("it stops again, since nothing has changed", lambda: states(running)["large"] == "failed")
        check("readiness still says why", "large-0" in running.obstacles(), running.obstacles())

        set_maximum_message(west.bootstrap, "east.large", 1_000_000)
        done = command("retry", *at, "--flow", "flow", "--topic", "large", "--partition", "0")
        equal("it is tried again", (done.returncode, done.stdout), (0, "1 partition of flow flow is tried again\n"))
        running.copies(east.bootstrap, ["large", "small"])
        equal("nothing is missing, nothing came twice",
              [int(v.split(b":")[0]) if isinstance(v, bytes) else v for v in numbers(west.bootstrap, "east.large")[0]],
              list(range(10)))
        running.awaits("it is ready", lambda: running.obstacles() == "")
        unknown = command("retry", *at, "--flow", "flow", "--topic", "absent")
        equal("an unknown topic", unknown.returncode, 1)
        check("is named", "does not replicate topic absent" in unknown.stderr, unknown.stderr)
        equal("a topic needs its flow", command("retry", *at, "--topic", "large").returncode, 2)


def test_a_partition_whose_checkpoint_is_damaged_is_not_said_to_be_fine(east, west):
    create_topic(east.bootstrap, "orders", partitions=1)
    create_topic(east.bootstrap, "clicks", partitions=1)
    state = "__replicator.flow.progress"
    create_topic(west.bootstrap, state, partitions=1, cleanup_policy="compact")
    client = Producer({"bootstrap.servers": west.bootstrap, **QUIET})
    client.produce(state, key=b"partition/orders/0", value=b"damaged")
    equal("a damaged checkpoint is there", client.flush(PATIENCE), 0)
    with replicator(east.bootstrap, west.bootstrap) as running:
        running.awaits("its partition stops", lambda: states(running) == {"orders": "failed", "clicks": "active"})
        done = command("retry", "--url", f"http://{running.http}")
        equal("it cannot be tried again", (done.returncode, done.stdout), (
            0, "1 partition of flow flow cannot be tried again, since it is not known where to begin: their reasons in "
               "status say what to do\n"))
        equal("it stays", states(running)["orders"], "failed")
        reason = next(p["reason"] for p in running.partitions() if p["topic"] == "orders")
        check("its reason says what to do", "partition/orders/0" in reason, reason)
        done = command("retry", "--url", f"http://{running.http}", "--flow", "flow", "--topic", "clicks")
        equal("of another topic nothing had stopped", done.stdout, "nothing had stopped in topic clicks of flow flow\n")


def test_a_policy_is_taken_over_by_reload(east, west):
    create_topic(east.bootstrap, "orders", partitions=1)
    produce_numbers(east.bootstrap, "orders", range(10), partitions=1)
    with replicator(east.bootstrap, west.bootstrap) as running:
        running.copies(east.bootstrap, ["orders"])
        document = running.document()
        document["flows"][0]["policies"] = {"expired": "continue"}
        running.write(document)
        running.process.send_signal(signal.SIGHUP)
        running.awaits("it is taken over", lambda: "configuration reloaded" in running.log())
        report = json.loads(running.get("/api/status"))["lastReload"]
        check("the report says so", report["isApplied"], str(report))
