"""What `doctor` finds, and that what it tells to do mends it."""

import json
import pathlib
import re
import tempfile

import pytest
from confluent_kafka.admin import AclBinding, AclOperation, AclPermissionType, ResourcePatternType, ResourceType

from support.access import AUTHORIZER
from support.checks import PATIENCE, check, equal
from support.clients import admin
from support.ports import free_address
from support.program import command
from support.records import produce_numbers
from support.replicators import flow
from support.topics import create_topic, topic_names

HEALTHY, ERRORS, USAGE = 0, 1, 2


class Doctor:
    """What `replicator doctor` answered."""

    def __init__(self, east, west, *arguments, flows=None):
        document = {
            "clusters": {"east": {"bootstrapServers": east}, "west": {"bootstrapServers": west}},
            "flows": flows or [flow()]}
        with tempfile.TemporaryDirectory(prefix="replicator-") as folder:
            path = pathlib.Path(folder, "replicator.yaml")
            path.write_text(json.dumps(document))
            done = command("doctor", "--config", str(path), *arguments, timeout=180)
        self.status, self.output = done.returncode, done.stdout + done.stderr
        self.findings = json.loads(done.stdout)["flows"][0]["findings"] if "--json" in arguments else []

    def errors(self):
        return [f for f in self.findings if f["severity"] == "error"]


@pytest.mark.east(nodes=3)
def test_healthy_clusters_pass(east, west):
    create_topic(east.bootstrap, "orders", partitions=2)
    produce_numbers(east.bootstrap, "orders", range(10), partitions=2)
    found = Doctor(east.bootstrap, west.bootstrap, "--probe", "--json")
    equal("healthy: exit status", found.status, HEALTHY)
    equal("healthy: no errors", found.errors(), [])
    kept = [f["what"] for f in found.findings if f["check"] == "fidelity"]
    equal("the target keeps what it is given", kept, ["keeps producer ids", "keeps timestamps", "takes lone markers"])
    clocks = [f["severity"] for f in found.findings if f["check"] == "clocks"]
    equal("clocks of one machine agree", clocks, ["ok"])
    equal("nothing is left behind", topic_names(west.bootstrap), set())
    text = Doctor(east.bootstrap, west.bootstrap)
    check("as text it says how many", re.search(r"0 errors, \d+ warnings?, \d+ in order", text.output), text.output)


@pytest.mark.east(**AUTHORIZER, super_users="User:admin", allow_everyone_if_no_acl_found="true")
def test_missing_permission_is_named_with_its_remedy(east, west):
    create_topic(east.bootstrap, "orders", partitions=1)

    def allow(operation):
        client = admin(east.bootstrap)
        binding = AclBinding(
            ResourceType.TOPIC, "orders", ResourcePatternType.LITERAL, "User:ANONYMOUS", "*",
            AclOperation[operation], AclPermissionType.ALLOW)
        client.create_acls([binding])[binding].result(PATIENCE)

    allow("DESCRIBE")
    found = Doctor(east.bootstrap, west.bootstrap, "--json")
    equal("missing permission: exit status", found.status, ERRORS)
    wanted = [f for f in found.findings if f["check"] == "permissions" and f["subject"] == "orders"]
    commands = [re.search(r"(--operation .*) --topic 'orders'$", f["remedy"])[1] for f in wanted]
    equal("one command gives what is lacking", commands, ["--operation Read --operation DescribeConfigs"])
    allow("READ")
    allow("DESCRIBE_CONFIGS")
    again = Doctor(east.bootstrap, west.bootstrap, "--json")
    equal("what it said mends it", [f for f in again.findings if f["subject"] == "orders" and f["severity"] != "ok"],
          [])
    equal("mended: exit status", again.status, HEALTHY)


@pytest.mark.east(nodes=2)
def test_a_bad_bootstrap_server_is_named_among_good_ones(east, west):
    create_topic(east.bootstrap, "orders", partitions=1)
    nobody = free_address()
    found = Doctor(f"{nobody},{east.bootstrap}", west.bootstrap, "--json")
    named = [f for f in found.findings if nobody in f["what"]]
    equal("it is named once, as a warning", [(f["severity"], f["subject"]) for f in named], [("warning", "east")])
    check("with the key and the reason", all(
        "clusters.east.bootstrapServers" in f["remedy"] and "refused" in f["what"] for f in named), found.output)
    equal("the flow can work", found.status, HEALTHY)
    mixed = Doctor(f"{east.bootstrap},{west.bootstrap}", west.bootstrap.replace("127.0.0.1", "localhost"), "--json")
    check("one that leads to another cluster is an error", any(
        "leads to another cluster" in f["what"] for f in mixed.errors()), mixed.output)


def test_broken_clusters_are_named(east):
    create_topic(east.bootstrap, "orders", partitions=1)
    gone = Doctor(east.bootstrap, "127.0.0.1:1", "--json")
    equal("unreachable target: exit status", gone.status, ERRORS)
    check("it is named", any(f["subject"] == "west" and "127.0.0.1:1" in f["what"] for f in gone.errors()), gone.output)
    check("the other is looked at", any(f["check"] == "versions" and f["subject"] == "east" for f in gone.findings))
    same = Doctor(east.bootstrap, east.bootstrap.replace("127.0.0.1", "localhost"), "--json")
    equal("one cluster twice: exit status", same.status, ERRORS)
    check("it is said", any("are one cluster" in f["what"] for f in same.errors()), same.output)
    equal("unknown flow: exit status", Doctor(east.bootstrap, "127.0.0.1:1", "--flow", "nobody").status, USAGE)
