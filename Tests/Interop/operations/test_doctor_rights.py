"""From no rights at all to a flow that runs, by nothing but the commands that `doctor` tells."""

import contextlib
import json
import shlex

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import (
    AclBinding, AclOperation, AclPermissionType, AdminClient, NewTopic, ResourcePatternType, ResourceType)

from support.access import AUTHORIZER, USERS, plain_client
from support.brokers import secured
from support.checks import PATIENCE, check, equal
from support.clients import QUIET
from support.program import command
from support.replicators import configured, flow

SETTINGS = {
    **AUTHORIZER, "sasl.enabled.mechanisms": "PLAIN", "sasl.jaas.config": USERS, "super.users": "User:admin"}
TOPICS = ["orders", "clicks", "users"]
GROUPS = ["billing", "shipping", "audit"]
# kafka-acls and librdkafka write the same words differently.
RESOURCES = {"--topic": ResourceType.TOPIC, "--group": ResourceType.GROUP, "--cluster": ResourceType.BROKER}


def operation(word):
    return AclOperation["".join("_" + c if c.isupper() else c for c in word).strip("_").upper()]


def bindings(line):
    """The access rules that a kafka-acls command would make."""
    words = shlex.split(line)
    check("it names a file with the administrator's credentials", "--command-config" in words, line)
    equal("it is the tool for access rules", words[0], "kafka-acls.sh")
    operations, resources, principal, pattern = [], [], None, ResourcePatternType.LITERAL
    index = 1
    while index < len(words):
        option = words[index]
        value = words[index + 1] if index + 1 < len(words) else None
        if option == "--operation":
            operations.append(operation(value))
        elif option == "--cluster":
            resources.append((RESOURCES[option], "kafka-cluster"))
            index -= 1
        elif option in RESOURCES:
            resources.append((RESOURCES[option], value))
        elif option == "--allow-principal":
            principal = value
        elif option == "--resource-pattern-type":
            pattern = ResourcePatternType[value.upper()]
        elif option == "--add":
            index -= 1
        else:
            check("the options are known", option in ("--bootstrap-server", "--command-config"), line)
        index += 2
    return [AclBinding(kind, name, pattern, principal, "*", op, AclPermissionType.ALLOW)
            for kind, name in resources for op in operations]


def seed(at):
    """Topics with records, and groups that have read some of them."""
    everything = {**plain_client(at, "admin"), **QUIET}
    client = AdminClient(everything)
    for future in client.create_topics([NewTopic(t, 2, 1) for t in TOPICS]).values():
        future.result(PATIENCE)
    producer = Producer(everything)
    for topic in TOPICS:
        for n in range(20):
            producer.produce(topic, b"%d" % n, partition=n % 2)
    equal("the records are produced", producer.flush(PATIENCE), 0)
    for group in GROUPS:
        consumer = Consumer({**everything, "group.id": group, "enable.auto.commit": False})
        consumer.commit(offsets=[TopicPartition("orders", p, 5) for p in range(2)], asynchronous=False)
        consumer.close()


@pytest.mark.parametrize("naming", [{"mode": "prefix", "alias": "east"}, {"mode": "identical"}])
def test_what_doctor_tells_is_enough_and_little(naming):
    with contextlib.ExitStack() as stack:
        east = stack.enter_context(secured(SETTINGS, listeners=("SASL_PLAINTEXT",)))
        west = stack.enter_context(secured(SETTINGS, listeners=("SASL_PLAINTEXT",)))
        seed(east)
        running = stack.enter_context(configured("x:1", "x:1", flow(naming=naming, topics=["orders", "clicks", "users"])))
        document = running.document()
        for name, at in (("east", east), ("west", west)):
            document["clusters"][name] = {
                "bootstrapServers": at["SASL_PLAINTEXT"], "securityProtocol": "SASL_PLAINTEXT",
                "sasl": {"mechanism": "PLAIN", "username": "alice", "password": "wonder, land"}}
        running.write(document)

        rounds, given = 0, []
        while rounds < 5:
            done = command("doctor", "--config", str(running.path), "--json")
            findings = json.loads(done.stdout)["flows"][0]["findings"]
            wanted = [f["remedy"].split("; or ")[0] for f in findings if f["severity"] != "ok"]
            wanted = sorted({w for w in wanted if w.startswith("kafka-acls.sh")} - set(given))
            if not wanted:
                break
            rounds += 1
            for line in wanted:
                given.append(line)
                at = next(at for at in (east, west) if at["SASL_PLAINTEXT"] in line)
                client = AdminClient({**plain_client(at, "admin"), **QUIET})
                for future in client.create_acls(bindings(line)).values():
                    future.result(PATIENCE)
        equal("nothing stands against it any more",
              [(f["subject"], f["what"]) for f in findings if f["severity"] == "error"], [])
        check(f"it takes few commands: {len(given)} in {rounds} rounds", len(given) <= 9 and rounds <= 3,
              "\n".join(given))

        running.start()
        running.awaits("it copies all topics", lambda: sorted(
            {p["topic"] for p in running.partitions() if p["sourceOffset"] == 10}) == sorted(TOPICS))
        running.awaits("it keeps all groups in step", lambda: sorted(
            g["group"] for f in running.status() for g in f["groups"] if g["state"] in ("synced", "inStep")) ==
            sorted(GROUPS))
        running.awaits("it is ready", lambda: running.obstacles() == "")
        check("no right is missed", "lacks" not in running.log(), running.log()[-2000:])
        equal("it stops with status 0", running.stop(), 0)
