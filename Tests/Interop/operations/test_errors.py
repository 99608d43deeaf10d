"""What goes wrong is said clearly, with the right exit code, and leaves nothing half-started behind."""

import os
import pathlib
import re
import socket
import subprocess
import tempfile

import pytest

from support.brokers import broker
from support.checks import check, equal
from support.ports import free_address
from support.program import command, program
from support.records import numbers, produce_numbers
from support.replicators import flow, replicator
from support.topics import create_topic, topic_names

USAGE, FAILED = 2, 1

# Words of a crash, not of a message.
CRASH = re.compile(r"Fatal error|Stack dump|Swift\.\w+Error|Thread \d+ crashed|Optional\(|0x[0-9a-f]{8}")


def run(text, *arguments, environment=None):
    """Exit status and output of `replicator run` with a configuration; it must end by itself."""
    with tempfile.TemporaryDirectory(prefix="replicator-") as folder:
        if text is not None:
            pathlib.Path(folder, "my.yaml").write_text(text)
        process = subprocess.Popen(
            [program(), "run", "--config", "my.yaml", *arguments], cwd=folder, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, env={**os.environ, **(environment or {})})
        try:
            output, _ = process.communicate(timeout=90)
        except subprocess.TimeoutExpired:
            process.kill()
            return "still running", process.communicate()[0]
        return process.returncode, output


def refused(what, text, *words, status=USAGE, arguments=(), environment=None):
    found, output = run(text, *arguments, environment=environment)
    equal(f"{what}: exit status", found, status)
    for word in words:
        check(f"{what}: says {word!r}", word in output, output)
    check(f"{what}: no crash", not CRASH.search(output), output)
    check(f"{what}: says it in few lines", 0 < len(output.splitlines()) <= 8, output)


def config(source="127.0.0.1:1", target="127.0.0.1:2", flow="", more="", topics='{allow: [".*"]}'):
    # Lines matter: flows begin at 4, what is added to the flow stands on line 8.
    return f"""clusters:
  east: {{bootstrapServers: "{source}"}}
  west: {{bootstrapServers: "{target}"}}
flows:
  - name: flow
    source: east
    target: west
    {flow or 'startFrom: earliest'}
    topics: {topics}
{more}"""


def test_files_that_are_no_configuration():
    refused("missing file", None, "my.yaml", "no such file", "--config")
    refused("empty file", "", "my.yaml", "empty")
    refused("not YAML", "clusters: [\n", "my.yaml:2", "not valid YAML")
    refused("a list", "- a\n- b\n", "my.yaml:1", "mapping")
    refused("no flows", "clusters:\n  a: {bootstrapServers: 'x:1'}\n", "flows", "missing required key")
    refused("no clusters", "flows:\n  - {name: f, source: a, target: b, topics: {allow: ['.*']}}\n", "clusters",
            "missing")


def test_keys_and_values_that_are_wrong():
    refused("unknown key", config(flow="startFom: earliest"), "my.yaml:8:5", "flows[0].startFom", "unknown key",
            'did you mean "startFrom"')
    refused("unknown key at the top", config(more="htpp: {}\n"), "my.yaml:10:1", "htpp", 'did you mean "http"')
    refused("duplicate key", config(flow="name: again"), "my.yaml", "name", "again in line")
    refused("wrong type", config(flow="naming: prefix"), "my.yaml:8", "flows[0].naming", "mapping", '"prefix"')
    refused("wrong boolean", config(flow="sync: {acls: maybe}"), "my.yaml:8", "flows[0].sync.acls", "true or false",
            "maybe")
    refused("wrong number", config(flow="shards: many"), "my.yaml:8", "flows[0].shards", "integer", "many")
    refused("number out of range", config(flow="shards: 0"), "my.yaml:8", "flows[0].shards", "1…64")
    refused("wrong time span", config(flow="sync: {interval: 5}"), "my.yaml:8", "interval", "5s")
    refused("wrong word", config(flow="compression: brotli"), "my.yaml:8", "compression", "zstd", "brotli")
    refused("wrong start", config(flow="startFrom: yesterday"), "my.yaml:8", "startFrom", "yesterday", "ISO-8601")
    refused("bad expression", config(topics='{allow: ["orders.*", "(unclosed"]}'), "my.yaml:9", "flows[0].topics.allow",
            "(unclosed", "not a regular expression")
    refused("selects nothing", config(topics="{allow: []}"), "my.yaml:9", "allow", "selects nothing")
    refused("bad address", config(source="localhost"), "my.yaml:2", "clusters.east.bootstrapServers", "localhost",
            "HOST:PORT")
    refused("unknown cluster", config().replace("target: west", "target: wets"), "my.yaml:7", "wets", "east, west")
    refused("bad http address", config(more="http: {listen: here}\n"), "my.yaml:10", "http.listen", "HOST:PORT")
    refused("missing variable", config(source="${env:NOT_THERE}"), "my.yaml:2", "NOT_THERE")
    two = config(flow="startFom: x", topics='{allow: ["("]}')
    refused("all problems at once", two, "my.yaml:8", "my.yaml:9")
    refused("same name twice", config(more=config().split("flows:\n")[1]), "flow", "already")
    secret = config(flow="compression: ${env:SECRET}")
    status, output = run(secret, environment={"SECRET": "hunter2"})
    equal("a wrong value from the environment: exit status", status, USAGE)


def test_wrong_usage():
    refused("unknown flow", config(), "my.yaml", '"other"', "flow", arguments=("--flow", "other"))
    refused("unknown option", config(), "--nonsense", arguments=("--nonsense",))
    refused("unknown level", config(), "loud", arguments=("--log-level", "loud"))
    for arguments, word in ((["nonsense"], "nonsense"), (["broker", "--set", "x"], "KEY=VALUE"),
                            (["broker", "--listen", "x"], "HOST:PORT")):
        done = command(*arguments)
        equal(f"{arguments}: exit status", done.returncode, USAGE)
        check(f"{arguments}: says {word}", word in done.stderr, done.stderr)
    for arguments in ([], ["--help"], ["run", "--help"], ["broker", "--help"]):
        done = command(*arguments)
        equal(f"{arguments}: exit status", done.returncode, 0)
        check(f"{arguments}: shows how", "USAGE" in done.stdout, done.stdout)


@pytest.mark.cluster(nodes=2)
def test_source_and_target_are_one_cluster(cluster):
    refused("same name", config().replace("target: west", "target: east"), "my.yaml:7", "same cluster", "east")
    refused("same address", config("127.0.0.1:1,127.0.0.1:9", "127.0.0.1:1"), "my.yaml:7", "same cluster",
            "127.0.0.1:1")
    first, second = cluster.addresses
    create_topic(cluster.bootstrap, "t")
    before = topic_names(cluster.bootstrap)
    refused("two addresses of one cluster", config(first, second), "same cluster", "east", "west", status=FAILED)
    equal("nothing is created", topic_names(cluster.bootstrap), before)


def test_clusters_that_cannot_be_reached(east):
    nobody = free_address()
    create_topic(east.bootstrap, "t")
    before = topic_names(east.bootstrap)
    refused("target that nobody serves", config(east.bootstrap, nobody), "west", nobody, "refused", status=FAILED)
    refused("source that nobody serves", config(nobody, east.bootstrap), "east", nobody, "refused", status=FAILED)
    refused("name that does not resolve", config(east.bootstrap, "no-such-host.invalid:9092"), "west",
            "no-such-host.invalid", status=FAILED)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = "127.0.0.1:%d" % silent.getsockname()[1]
        text = config(east.bootstrap, address).replace(
            f'west: {{bootstrapServers: "{address}"',
            f'west: {{connectTimeout: 1s, requestTimeout: 2s, bootstrapServers: "{address}"')
        refused("listener that says nothing", text, "west", address, status=FAILED)
    equal("nothing is created", topic_names(east.bootstrap), before)


def test_http_port_in_use(east, west):
    with socket.socket() as other:
        create_topic(east.bootstrap, "t")
        other.bind(("127.0.0.1", 0))
        other.listen()
        address = "127.0.0.1:%d" % other.getsockname()[1]
        text = config(east.bootstrap, west.bootstrap, more=f"http: {{listen: '{address}'}}\n")
        status, output = run(text)
        equal("http port in use: exit status", status, FAILED)
        check("http port in use: says which", address in output and "in use" in output.lower(), output)
        check("http port in use: no crash", not CRASH.search(output), output)
        equal("http port in use: nothing is created on the target", topic_names(west.bootstrap), set())


def test_a_topic_that_the_target_cannot_have_is_named_and_keeps_no_other_back(east, west):
    """The target refuses a topic's name: said at once, with topic and cluster, and the others are copied."""
    long = "x" * 249
    create_topic(east.bootstrap, long, partitions=1)
    create_topic(east.bootstrap, "orders", partitions=1)
    produce_numbers(east.bootstrap, "orders", range(10), partitions=1)
    with replicator(east.bootstrap, west.bootstrap) as running:
        running.copies(east.bootstrap, ["orders"])
        obstacles = running.obstacles()
        check("it is not ready, and says why", long in obstacles, obstacles)
        check("the log names topic and cluster", f"east.{long}" in running.log() and "west" in running.log(),
              running.log())
        check("status lists the topic with its reason",
              any(t["topic"] == long and t["reason"] for f in running.status() for t in f["waiting"]))
        check("no crash", not CRASH.search(running.log()), running.log())
        equal("it stops with status 0", running.stop(), 0)


def test_flow_keeps_its_identity(east, west):
    create_topic(east.bootstrap, "t", partitions=1)
    produce_numbers(east.bootstrap, "t", range(10), partitions=1)
    with replicator(east.bootstrap, west.bootstrap, flow()) as running:
        running.copies(east.bootstrap, ["t"])
    before = topic_names(west.bootstrap)

    def now(what, *words, source=east, **settings):
        text = config(source.bootstrap, west.bootstrap, **settings)
        refused(what, text, 'flow "flow"', *words, "__replicator.flow.progress", status=FAILED)
        equal(f"{what}: nothing is created", topic_names(west.bootstrap), before)

    now("other naming", "naming", "identical", flow="startFrom: earliest\n    naming: {mode: identical}")
    now("other alias", "naming", "elsewhere", flow="startFrom: earliest\n    naming: {mode: prefix, alias: elsewhere}")
    now("other start", "startFrom", "latest", flow="startFrom: latest")
    with broker() as another:
        create_topic(another.bootstrap, "t", partitions=1)
        now("other source", "source cluster id", source=another)
    with replicator(east.bootstrap, west.bootstrap, flow()) as running:
        produce_numbers(east.bootstrap, "t", range(10, 20), partitions=1)
        running.copies(east.bootstrap, ["t"])
    equal("with the old settings it goes on", numbers(west.bootstrap, "east.t"), {0: list(range(20))})
