"""ACLs of `replicator broker` through confluent-kafka: made, described, deleted, and seen from a second principal."""

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka.admin import (
    AclBinding, AclBindingFilter, AclOperation, AclPermissionType, AdminClient, NewTopic, ResourcePatternType,
    ResourceType)

from broker_security import USERS, secured
from harness import check, equal, eventually, main

SETTINGS = {
    "sasl.enabled.mechanisms": "PLAIN", "sasl.jaas.config": USERS, "super.users": "User:admin",
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer"}
ALICE = "User:alice"


def client(at, user):
    return {
        "bootstrap.servers": at["SASL_PLAINTEXT"], "security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN",
        "sasl.username": user, "sasl.password": {"admin": "secret", "alice": "wonder, land"}[user]}


def acl(operation, type, name, pattern=ResourcePatternType.LITERAL, permission=AclPermissionType.ALLOW, principal=ALICE):
    return AclBinding(type, name, pattern, principal, "*", operation, permission)


def anything(**wanted):
    values = {
        "restype": ResourceType.ANY, "name": None, "resource_pattern_type": ResourcePatternType.ANY,
        "principal": None, "host": None, "operation": AclOperation.ANY, "permission_type": AclPermissionType.ANY}
    values.update(wanted)
    return AclBindingFilter(**values)


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


def administration():
    with secured(SETTINGS, listeners=("SASL_PLAINTEXT",)) as at:
        admin, alice = AdminClient(client(at, "admin")), AdminClient(client(at, "alice"))
        bindings = [
            acl(AclOperation.READ, ResourceType.TOPIC, "orders"),
            acl(AclOperation.WRITE, ResourceType.TOPIC, "ord", ResourcePatternType.PREFIXED),
            acl(AclOperation.READ, ResourceType.GROUP, "*"),
            acl(AclOperation.ALL, ResourceType.TOPIC, "secret", permission=AclPermissionType.DENY),
            acl(AclOperation.DESCRIBE, ResourceType.BROKER, "kafka-cluster", principal="User:bob"),
            acl(AclOperation.WRITE, ResourceType.TRANSACTIONAL_ID, "tx"),
        ]
        create(admin, *bindings)
        equal("all are there", set(admin.describe_acls(anything()).result(20)), set(bindings))
        matching = anything(
            restype=ResourceType.TOPIC, name="orders", resource_pattern_type=ResourcePatternType.MATCH)
        equal("those that concern a topic", set(admin.describe_acls(matching).result(20)), set(bindings[:2]))
        for what, future in (
                ("create", list(alice.create_acls([bindings[0]]).values())[0]),
                ("delete", list(alice.delete_acls([anything()]).values())[0])):
            try:
                future.result(20)
                check(f"others may not {what} ACLs", False)
            except KafkaException as error:
                equal(f"others may not {what} ACLs", error.args[0].code(), KafkaError.CLUSTER_AUTHORIZATION_FAILED)
        # librdkafka hands the answer's error on as an empty list.
        equal("others see no ACLs", alice.describe_acls(anything()).result(20), [])
        deleted = list(admin.delete_acls([anything(principal="User:bob")]).values())[0].result(20)
        equal("what is deleted is told", set(deleted), {bindings[4]})
        equal("the rest stays", set(admin.describe_acls(anything()).result(20)), set(bindings) - {bindings[4]})


def enforcement():
    with secured(SETTINGS, listeners=("SASL_PLAINTEXT",)) as at:
        admin = AdminClient(client(at, "admin"))
        alice = client(at, "alice")
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
        equal("a super user is not concerned", delivery(client(at, "admin"), "orders"), None)

        other = AdminClient(alice)
        described = other.describe_cluster(include_authorized_operations=True).result(20)
        equal("operations on the cluster", described.authorized_operations or [], [])
        described = admin.describe_cluster(include_authorized_operations=True).result(20)
        equal("a super user's", len(described.authorized_operations), 7)


if __name__ == "__main__":
    main(administration, enforcement)
