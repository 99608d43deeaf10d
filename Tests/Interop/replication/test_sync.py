"""Settings of topics, access rules and quotas, as librdkafka's admin client sees them on both ends; and `plan`."""

import json
import pathlib
import tempfile

import pytest
from confluent_kafka.admin import (
    AclBinding, AclBindingFilter, AclOperation, AclPermissionType, AlterConfigOpType, ConfigEntry, ConfigResource,
    ConfigSource, ResourcePatternType, ResourceType)

from support.access import AUTHORIZER, any_rule
from support.checks import PATIENCE, check, equal
from support.clients import admin, commit, committed
from support.program import command
from support.records import produce_numbers
from support.replicators import flow, replicator
from support.topics import create_topic, delete_topic, partition_count, topic_names

IN_STEP, DIFFERENCES, USAGE = 0, 1, 2
# Where a group has committed nothing.
NONE = -1001


def alter(bootstrap, topic, **changes):
    """Settings are Kafka's keys with `_` for `.`; None takes a setting away."""
    entries = [
        ConfigEntry(
            key.replace("_", "."), None if value is None else str(value),
            incremental_operation=AlterConfigOpType.DELETE if value is None else AlterConfigOpType.SET)
        for key, value in changes.items()]
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=entries)
    client = admin(bootstrap)
    for outcome in client.incremental_alter_configs([resource]).values():
        outcome.result(PATIENCE)


def settings(bootstrap, topic):
    """What a topic sets itself."""
    resource = ConfigResource(ResourceType.TOPIC, topic)
    client = admin(bootstrap)
    entries = client.describe_configs([resource])[resource].result(PATIENCE)
    own = ConfigSource.DYNAMIC_TOPIC_CONFIG.value
    return {name: entry.value for name, entry in entries.items() if entry.source == own}


class Plan:
    """What `replicator plan` answered."""

    def __init__(self, east, west, *arguments, flows=None, text=False):
        document = {
            "clusters": {"east": {"bootstrapServers": east}, "west": {"bootstrapServers": west}},
            "flows": flows or [flow()]}
        with tempfile.TemporaryDirectory(prefix="replicator-") as folder:
            path = pathlib.Path(folder, "replicator.yaml")
            path.write_text(json.dumps(document))
            done = command("plan", "--config", str(path), *([] if text else ["--json"]), *arguments, timeout=120)
        self.status, self.output, self.errors = done.returncode, done.stdout, done.stderr
        self.flows = [] if text or not done.stdout.strip() else json.loads(done.stdout)["flows"]

    @property
    def changes(self):
        return [(c["kind"], c["change"], c["subject"], c.get("from"), c.get("to")) for f in self.flows
                for c in f["changes"]]

    @property
    def notes(self):
        return [(n["kind"], n["subject"]) for f in self.flows for n in f["notes"]]


def test_plan_of_a_new_flow(east, west):
    create_topic(east.bootstrap, "orders", partitions=3, segment_ms=60000)
    create_topic(east.bootstrap, "clicks", partitions=1)
    before = Plan(east.bootstrap, west.bootstrap)
    equal("differences: exit status", before.status, DIFFERENCES)
    equal("both topics would be created", [c[:3] for c in before.changes],
          [("topic", "create", "east.clicks"), ("topic", "create", "east.orders")])
    check("the settings are in it", "segment.ms=60000" in before.changes[1][4], before.changes)
    equal("a plan creates nothing", topic_names(west.bootstrap), set())

    table = Plan(east.bootstrap, west.bootstrap, text=True)
    rows = [line for line in table.output.splitlines() if "east." in line]
    equal("the table has a row for each", len(rows), 2)
    equal("its columns line up", len({row.index("partitions") for row in rows}), 1)

    applied = Plan(east.bootstrap, west.bootstrap, "--apply")
    equal("applied: exit status", applied.status, IN_STEP)
    equal("orders is there", partition_count(west.bootstrap, "east.orders"), 3)
    equal("with its setting", settings(west.bootstrap, "east.orders"), {"segment.ms": "60000"})
    again = Plan(east.bootstrap, west.bootstrap)
    equal("nothing is left to do", (again.status, again.changes), (IN_STEP, []))
    with replicator(east.bootstrap, west.bootstrap) as running:
        running.awaits("the flow runs", running.runs)
    equal("a run of the flow leaves nothing either", Plan(east.bootstrap, west.bootstrap).changes, [])


def test_plan_of_groups(east, west):
    """What would be committed for consumer groups, once; and what is not known yet, or left alone."""
    create_topic(east.bootstrap, "orders", partitions=2)
    produce_numbers(east.bootstrap, "orders", range(100), partitions=2)
    commit(east.bootstrap, "billing", "orders", {0: 40, 1: 10})
    new = Plan(east.bootstrap, west.bootstrap, "--apply")
    equal("before the first run: exit status", new.status, IN_STEP)
    equal("no group is changed", [c for c in new.changes if c[0] == "group"], [])
    check("and it is said why", ("groupNotCopied", "billing") in new.notes, new.notes)
    alone = flow(sync={"interval": "200ms", "groupOffsets": False})
    with replicator(east.bootstrap, west.bootstrap, alone) as running:
        running.copies(east.bootstrap, ["orders"])
    before = Plan(east.bootstrap, west.bootstrap)
    equal("differences: exit status", before.status, DIFFERENCES)
    equal("the group's positions would be created", before.changes, [
        ("group", "create", "billing east.orders", None, "2 partitions, lag 50: 0@40 1@10")])
    group = before.flows[0]["groups"][0]
    equal("each is listed", [(p["sourceOffset"], p["translatedOffset"], p["state"]) for p in group["partitions"]],
          [(40, 40, "pending"), (10, 10, "pending")])
    check("the group is idle", group["isIdleOnTarget"], group)
    table = Plan(east.bootstrap, west.bootstrap, text=True)
    check("the table has a row for it", "billing east.orders" in table.output, table.output)
    equal("a plan commits nothing", committed(west.bootstrap, "billing", "east.orders", 2), {0: NONE, 1: NONE})
    equal("applied: exit status", Plan(east.bootstrap, west.bootstrap, "--apply").status, IN_STEP)
    equal("it is committed", committed(west.bootstrap, "billing", "east.orders", 2), {0: 40, 1: 10})
    again = Plan(east.bootstrap, west.bootstrap)
    equal("nothing is left to do", (again.status, again.changes), (IN_STEP, []))


@pytest.mark.west(log_retention_hours=1)
def test_settings_follow(east, west):
    create_topic(east.bootstrap, "orders", partitions=1, segment_ms=60000)
    with replicator(east.bootstrap, west.bootstrap) as running:
        running.awaits("the flow runs", running.runs)
        equal("retention is pinned", settings(west.bootstrap, "east.orders"),
              {"segment.ms": "60000", "retention.ms": "604800000"})
        alter(east.bootstrap, "orders", segment_ms=70000, max_message_bytes=2000000, retention_ms=1000)
        expected = {"segment.ms": "70000", "max.message.bytes": "2000000", "retention.ms": "1000"}
        running.awaits("changes follow", lambda: settings(west.bootstrap, "east.orders") == expected)
        alter(east.bootstrap, "orders", segment_ms=None, retention_ms=None)
        expected = {"max.message.bytes": "2000000", "retention.ms": "604800000"}
        running.awaits("what the source drops goes", lambda: settings(west.bootstrap, "east.orders") == expected)

        alter(west.bootstrap, "east.orders", max_message_bytes=3000000)
        alter(east.bootstrap, "orders", max_message_bytes=2500000, segment_ms=80000)
        running.awaits("another change follows",
                       lambda: settings(west.bootstrap, "east.orders").get("segment.ms") == "80000")
        equal("a stranger's setting stays", settings(west.bootstrap, "east.orders")["max.message.bytes"], "3000000")
        log = running.log()
        for text in ("60000", "70000"):
            check(f"the change is logged with {text}", any("segment.ms" in l and text in l for l in log.splitlines()),
                  log)
        changes = [l for l in log.splitlines() if "changed topic setting" in l and "70000" in l and "from=60000" in l]
        equal("each change is logged once", len(changes), 1)
        says = [l for l in log.splitlines() if "max.message.bytes of east.orders is 3000000" in l
                and "says 2500000" in l]
        equal("the stranger's setting is reported once", len(says), 1)
    plan = Plan(east.bootstrap, west.bootstrap, "--apply")
    equal("plan --apply leaves it too", (plan.status, plan.changes), (IN_STEP, []))
    check("and says so", ("changedByOthers", "east.orders max.message.bytes") in plan.notes, plan.notes)
    equal("until it is told to overwrite", Plan(east.bootstrap, west.bootstrap, "--apply", "--overwrite").changes,
          [("config", "change", "east.orders max.message.bytes", "3000000", "2500000")])
    equal("then it is the source's", settings(west.bootstrap, "east.orders")["max.message.bytes"], "2500000")


GUARDED = {**AUTHORIZER, "super_users": "User:ANONYMOUS"}


def rule(operation, topic, principal="User:alice", permission="ALLOW", pattern="LITERAL", kind="TOPIC"):
    return AclBinding(
        ResourceType[kind], topic, ResourcePatternType[pattern], principal, "*", AclOperation[operation],
        AclPermissionType[permission])


def add(bootstrap, *rules):
    client = admin(bootstrap)
    for outcome in client.create_acls(list(rules)).values():
        outcome.result(PATIENCE)


def remove(bootstrap, rule):
    client = admin(bootstrap)
    exactly = AclBindingFilter(
        rule.restype, rule.name, rule.resource_pattern_type, rule.principal, rule.host, rule.operation,
        rule.permission_type)
    for outcome in client.delete_acls([exactly]).values():
        outcome.result(PATIENCE)


def rules(bootstrap):
    client = admin(bootstrap)
    return set(client.describe_acls(any_rule()).result(PATIENCE))


@pytest.mark.east(**GUARDED)
@pytest.mark.west(**GUARDED)
def test_access_rules_follow(east, west):
    create_topic(east.bootstrap, "orders", partitions=1)
    others = rule("WRITE", "east.orders", "User:bob")
    add(west.bootstrap, others)
    add(east.bootstrap, rule("ALL", "orders"), rule("WRITE", "orders", "User:carol"),
        rule("WRITE", "orders", "User:dave", "DENY"), rule("READ", "app", kind="GROUP"),
        rule("READ", "ord", pattern="PREFIXED"))
    with replicator(east.bootstrap, west.bootstrap) as running:
        expected = {others, rule("READ", "east.orders"), rule("WRITE", "east.orders", "User:dave", "DENY")}
        running.awaits("rules follow as MirrorMaker 2 copies them", lambda: rules(west.bootstrap) == expected)
        remove(east.bootstrap, rule("ALL", "orders"))
        running.awaits("ours goes with the source's, a stranger's stays",
                       lambda: rules(west.bootstrap) == expected - {rule("READ", "east.orders")})
    full = flow(sync={"interval": "200ms", "aclMode": "full", "principals": {"User:alice": "User:al"}})
    applied = Plan(east.bootstrap, west.bootstrap, "--apply", flows=[full])
    equal("full mode: exit status", applied.status, IN_STEP)
    equal("full mode adds groups and prefixes", rules(west.bootstrap), {
        others, rule("WRITE", "east.orders", "User:dave", "DENY"), rule("READ", "app", "User:al", kind="GROUP"),
        rule("READ", "east.ord", "User:al", pattern="PREFIXED")})
    equal("a second run changes nothing", Plan(east.bootstrap, west.bootstrap, flows=[full]).changes, [])


def test_clusters_without_access_rules(east, west):
    create_topic(east.bootstrap, "orders", partitions=1)
    with replicator(east.bootstrap, west.bootstrap) as running:
        running.awaits("without authorizers everything else works", running.runs)
        running.awaits("that is said", lambda: "keeps no access rules" in running.log())
        alter(east.bootstrap, "orders", segment_ms=70000)
        running.awaits("settings follow", lambda: settings(west.bootstrap, "east.orders") == {"segment.ms": "70000"})
        said = [l for l in running.log().splitlines() if "east keeps no access rules" in l]
        equal("once", len(said), 1)


def test_deletions_follow_when_told(east, west):
    for topic in ("orders", "clicks"):
        create_topic(east.bootstrap, topic, partitions=1)
    wanted = flow(sync={"interval": "200ms", "deleteTopics": {"after": "0s"}})
    with replicator(east.bootstrap, west.bootstrap, wanted) as running:
        running.awaits("the flow runs", running.runs)
        delete_topic(east.bootstrap, "orders")
        running.awaits("the copy goes too", lambda: "east.orders" not in topic_names(west.bootstrap))
        check("the other stays", "east.clicks" in topic_names(west.bootstrap))


def test_wrong_usage_is_named(east, west):
    for what, sync, word in (
            ("replication factor", {"replicationFactor": "many"}, "replicationFactor"),
            ("deletion", {"deleteTopics": "later"}, "never"),
            ("principal", {"aclMode": "full", "principals": {"alice": "User:b"}}, "User:name"),
            ("principals without effect", {"principals": {"User:a": "User:b"}}, "aclMode")):
        plan = Plan(east.bootstrap, west.bootstrap, flows=[flow(sync=sync)])
        equal(f"{what}: exit status", plan.status, USAGE)
        check(f"{what}: is named", word in plan.errors and "replicator.yaml" in plan.errors, plan.errors)
    equal("unknown flow: exit status", Plan(east.bootstrap, west.bootstrap, "--flow", "nobody").status, USAGE)
    create_topic(east.bootstrap, "orders", partitions=1)
    two = [flow("a"), {**flow("b"), "source": "west", "target": "east"}]
    both = Plan(east.bootstrap, west.bootstrap, flows=two)
    equal("two flows: the plans of both", [f["flow"] for f in both.flows], ["a", "b"])


def test_unreachable_target_is_named(east):
    gone = Plan(east.bootstrap, "127.0.0.1:1")
    equal("unreachable target: exit status", gone.status, DIFFERENCES)
    check("unreachable target: is named", "west" in gone.errors and "127.0.0.1:1" in gone.errors, gone.errors)
