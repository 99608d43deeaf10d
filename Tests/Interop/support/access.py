"""Users and access rules that the tests of secured clusters share."""

from confluent_kafka.admin import AclBindingFilter, AclOperation, AclPermissionType, ResourcePatternType, ResourceType

USERS = ('org.apache.kafka.common.security.plain.PlainLoginModule required '
         'user_admin="secret" user_alice="wonder, land";')
AUTHORIZER = {"authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer"}


def plain_client(at, user):
    """Settings of a librdkafka client of one of these users, at the addresses of a `secured` broker."""
    return {
        "bootstrap.servers": at["SASL_PLAINTEXT"], "security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN",
        "sasl.username": user, "sasl.password": {"admin": "secret", "alice": "wonder, land"}[user]}


def any_rule(**wanted):
    """A filter for access rules."""
    return AclBindingFilter(**{
        "restype": ResourceType.ANY, "name": None, "resource_pattern_type": ResourcePatternType.ANY,
        "principal": None, "host": None, "operation": AclOperation.ANY, "permission_type": AclPermissionType.ANY,
        **wanted})
