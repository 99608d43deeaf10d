"""`replicator import`: configurations of other replicators, from files and pipes, become one that `plan` works with."""

import json
import socket
import subprocess

import pytest

from support.checks import check, equal
from support.program import command, program
from support.topics import create_topic


def mirror_maker(source, target):
    return f"""\
clusters = east, west
east.bootstrap.servers = {source}
west.bootstrap.servers = {target}
east->west.enabled = true
east->west.topics = orders.*, \\
    payments
east->west.groups = .*
west->east.enabled = false
west->east.topics = .*
replication.factor = 1
sync.group.offsets.enabled = true
tasks.max = 4
"""


def connector(source, target):
    return json.dumps({"name": "mirror", "config": {
        "connector.class": "org.apache.kafka.connect.mirror.MirrorSourceConnector",
        "source.cluster.alias": "east", "target.cluster.alias": "west",
        "source.cluster.bootstrap.servers": source, "target.cluster.bootstrap.servers": target,
        "topics": "orders.*,payments", "replication.factor": "1"}})


def strimzi(source, target):
    return f"""\
apiVersion: kafka.strimzi.io/v1
kind: KafkaMirrorMaker2
metadata: {{name: mirror}}
spec:
  target: {{alias: west, bootstrapServers: "{target}"}}
  mirrors:
    - source: {{alias: east, bootstrapServers: "{source}"}}
      sourceConnector: {{config: {{replication.factor: 1}}}}
      topicsPattern: "orders.*, payments"
"""


@pytest.mark.parametrize("original", [mirror_maker, connector, strimzi])
def test_what_comes_out_of_a_pipe_is_planned_from_a_pipe(east, west, original):
    create_topic(east.bootstrap, "orders.eu", partitions=2)
    create_topic(east.bootstrap, "payments", partitions=1)
    create_topic(east.bootstrap, "clicks", partitions=1)

    imported = command("import", "-", input=original(east.bootstrap, west.bootstrap))
    equal("a pipe is read", imported.returncode, 0)

    planned = command("plan", "--json", "--config", "/dev/stdin", input=imported.stdout)
    check("plan takes what import wrote, and says what is to be done", planned.returncode == 1, planned.stderr)
    for topic in ["east.orders.eu", "east.payments"]:
        check(f"{topic} is to be made", topic in planned.stdout, planned.stdout)
    check("clicks was not selected", "east.clicks" not in planned.stdout, planned.stdout)


def test_a_shell_may_hand_in_the_configuration(east, west):
    create_topic(east.bootstrap, "orders.eu", partitions=2)
    script = f"{program()} plan --config <({program()} import <(cat) 2>/dev/null) --json"
    planned = subprocess.run(
        ["bash", "-c", script], input=mirror_maker(east.bootstrap, west.bootstrap), capture_output=True, text=True,
        timeout=90)

    check("<(…) is read, by import and by plan", planned.returncode == 1, planned.stderr)
    check("and planned", "east.orders.eu" in planned.stdout, planned.stdout)


def test_a_socket_is_a_standard_input_too():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        process = subprocess.Popen(
            [program(), "import", "-"], stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        theirs.close()
        ours.sendall(mirror_maker("a:1", "b:1").encode())
        ours.shutdown(socket.SHUT_WR)
        output, errors = process.communicate(timeout=30)

    equal("it is read", process.returncode, 0)
    check("and understood", 'name: "east-to-west"' in output, errors)


def test_what_matters_most_is_said_first():
    imported = command("import", "-", input=mirror_maker("a:1", "b:1") + """
east->west.transforms = mask
east->west.transforms.mask.type = org.apache.kafka.connect.transforms.MaskField$Value
east.security.protocol = SASL_SSL
east.sasl.mechanism = GSSAPI
""")
    lines = imported.stderr.splitlines()

    equal("the first line is loud", lines[0], "-: NOT DONE HERE, although the original did it:")
    check("logins that are not known come first", "Kerberos" in lines[1], imported.stderr)
    check("then what changed records", "transforms = mask" in lines[2], imported.stderr)
    check("what is not needed comes last", lines[-1].endswith("tasks.max: not needed here"), imported.stderr)
    equal("a flow that is not enabled has one line", sum("west->east" in line for line in lines), 1)


@pytest.mark.parametrize("path, reason", [
    ("/", "it is a directory"), ("/nowhere/mm2.properties", "no such file"), ("/dev/null/x", "not a directory"),
])
def test_what_cannot_be_read_is_told_in_words(path, reason):
    for arguments in [("import", path), ("plan", "--config", path)]:
        result = command(*arguments)
        equal(f"{arguments[0]} ends with 2", result.returncode, 2)
        check(f"{arguments[0]} says why", path in result.stderr and reason in result.stderr, result.stderr)
        check("in words", "Error" not in result.stderr and "CocoaError" not in result.stderr, result.stderr)


def test_a_file_that_is_there_is_not_replaced(tmp_path):
    output = tmp_path / "replicator.yaml"
    output.write_text("mine")
    result = command("import", "-", "--output", str(output), input=mirror_maker("a:1", "b:1"))

    equal("it ends with 2", result.returncode, 2)
    equal("and leaves the file alone", output.read_text(), "mine")

    result = command("import", "-", "--output", str(tmp_path / "x" / "y"), input=mirror_maker("a:1", "b:1"))
    equal("a folder that is not there ends it with 2", result.returncode, 2)
    check("and is named in words", "its folder does not exist" in result.stderr, result.stderr)
