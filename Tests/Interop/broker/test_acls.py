"""ACLs of `replicator broker` through confluent-kafka: made, described, deleted, and seen from a second principal."""

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka.admin import (
    AclBinding, AclOperation, AclPermissionType, AdminClient, NewTopic, ResourcePatternType, ResourceType)

from support.access import AUTHORIZER, USERS, any_rule, plain_client
from support.brokers import secured
from support.checks import check, equal, eventually

SETTINGS = {
    **AUTHORIZER, "sasl.enabled.mechanisms": "PLAIN", "sasl.jaas.config": USERS, "super.users": "User:admin"}
ALICE = "User:alice"


def acl(operation, type, name, pattern=ResourcePatternType.LITERAL, permission=AclPermissionType.ALLOW,
        principal=ALICE):
    return AclBinding(type, name, pattern, principal, "*", operation, permission)


def create(admin, *bindings):
    for future in admin.create_acls(list(bindings)).values():
        future.result(20)


def delivery(settings, topic):
    """The code of the error that a write ends with; None when it is taken."""
    errors = []
    producer = Producer({**settings, "message.timeout.ms": 10000})
    producer.produce(topic, "value", callback=lambda error, _: errors.append(error))
    producer.flush(20)
    return errors[0].code() if errors and errors[0] else None


@pytest.fixture
def at():
    """The addresses of a broker that asks for a password and has access rules."""
    with secured(SETTINGS, listeners=("SASL_PLAINTEXT",)) as addresses:
        yield addresses


def test_rules_are_made_described_and_deleted(at):
    admin, alice = AdminClient(plain_client(at, "admin")), AdminClient(plain_client(at, "alice"))
    bindings = [
        acl(AclOperation.READ, ResourceType.TOPIC, "orders"),
        acl(AclOperation.WRITE, ResourceType.TOPIC, "ord", ResourcePatternType.PREFIXED),
        acl(AclOperation.READ, ResourceType.GROUP, "*"),
        acl(AclOperation.ALL, ResourceType.TOPIC, "secret", permission=AclPermissionType.DENY),
        acl(AclOperation.DESCRIBE, ResourceType.BROKER, "kafka-cluster", principal="User:bob"),
        acl(AclOperation.WRITE, ResourceType.TRANSACTIONAL_ID, "tx"),
    ]
    create(admin, *bindings)
    equal("all are there", set(admin.describe_acls(any_rule()).result(20)), set(bindings))
    matching = any_rule(
        restype=ResourceType.TOPIC, name="orders", resource_pattern_type=ResourcePatternType.MATCH)
    equal("those that concern a topic", set(admin.describe_acls(matching).result(20)), set(bindings[:2]))
    for what, future in (
            ("create", list(alice.create_acls([bindings[0]]).values())[0]),
            ("delete", list(alice.delete_acls([any_rule()]).values())[0])):
        try:
            future.result(20)
            check(f"others may not {what} ACLs", False)
        except KafkaException as error:
            equal(f"others may not {what} ACLs", error.args[0].code(), KafkaError.CLUSTER_AUTHORIZATION_FAILED)
    # librdkafka hands the answer's error on as an empty list.
    equal("others see no ACLs", alice.describe_acls(any_rule()).result(20), [])
    deleted = list(admin.delete_acls([any_rule(principal="User:bob")]).values())[0].result(20)
    equal("what is deleted is told", set(deleted), {bindings[4]})
    equal("the rest stays", set(admin.describe_acls(any_rule()).result(20)), set(bindings) - {bindings[4]})


def test_rules_decide_who_may_do_what(at):
    admin = AdminClient(plain_client(at, "admin"))
    alice = plain_client(at, "alice")
    for future in admin.create_topics([NewTopic("orders", 2, 1), NewTopic("hidden", 1, 1)]).values():
        future.result(20)
    equal("no ACL: no write", delivery(alice, "orders"), KafkaError.TOPIC_AUTHORIZATION_FAILED)
    equal("no ACL: no topics", list(AdminClient(alice).list_topics(timeout=20).topics), [])
    create(admin, acl(AclOperation.WRITE, ResourceType.TOPIC, "ord", ResourcePatternType.PREFIXED))
    equal("with an ACL", delivery({**alice, "enable.idempotence": True}, "orders"), None)
    equal("others stay hidden", list(AdminClient(alice).list_topics(timeout=20).topics), ["orders"])

    def first_error_or_value():
        settings = {**alice, "group.id": "readers", "auto.offset.reset": "earliest"}
        consumer = Consumer(settings)
        consumer.subscribe(["orders"])
        try:
            message = eventually(lambda: consumer.poll(0.5), 20)
            return message.error().code() if message.error() else message.value()
        finally:
            consumer.close()

    equal("no READ on the group", first_error_or_value(), KafkaError.GROUP_AUTHORIZATION_FAILED)
    create(admin, acl(AclOperation.READ, ResourceType.GROUP, "readers"))
    equal("no READ on the topic", first_error_or_value(), KafkaError.TOPIC_AUTHORIZATION_FAILED)
    create(admin, acl(AclOperation.READ, ResourceType.TOPIC, "orders"))
    equal("with READ on both", first_error_or_value(), b"value")
    create(admin, acl(AclOperation.WRITE, ResourceType.TOPIC, "*", permission=AclPermissionType.DENY))
    equal("a denial wins", delivery(alice, "orders"), KafkaError.TOPIC_AUTHORIZATION_FAILED)
    equal("a super user is not concerned", delivery(plain_client(at, "admin"), "orders"), None)

    other = AdminClient(alice)
    described = other.describe_cluster(include_authorized_operations=True).result(20)
    equal("operations on the cluster", described.authorized_operations or [], [])
    described = admin.describe_cluster(include_authorized_operations=True).result(20)
    equal("a super user's", len(described.authorized_operations), 7)
