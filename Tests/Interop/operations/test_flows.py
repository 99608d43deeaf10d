"""`replicator flows` and `replicator forget`: what flows have left on clusters, and its removal."""

import json
import time

from confluent_kafka import Producer

from support.checks import PATIENCE, check, equal
from support.clients import QUIET
from support.program import command
from support.records import produce_numbers
from support.replicators import configured, flow, replicator
from support.topics import create_topic, topic_names

FORMER = {
    "version": 1, "sourceClusterID": "elsewhere-0000000000", "targetClusterID": "west-00000000000000",
    "naming": "prefix far.", "startFrom": "earliest"}


def leave_memory(bootstrap, name, age):
    """What a flow that ran `age` seconds ago has left, with nothing but its identity and one partition in it."""
    topic = f"__replicator.{name}.progress"
    create_topic(bootstrap, topic, partitions=1, cleanup_policy="compact")
    then = int((time.time() - age) * 1000)
    checkpoint = {
        "sourceOffset": 7, "targetOffset": 7, "sourceLeaderEpoch": 0, "sourceTopicID": "0" * 32}
    client = Producer({"bootstrap.servers": bootstrap, **QUIET})
    client.produce(topic, key="flow", value=json.dumps(FORMER), timestamp=then)
    client.produce(topic, key="partition/orders/0", value=json.dumps(checkpoint), timestamp=then)
    equal("the former flow's memory is written", client.flush(PATIENCE), 0)
    return topic


def known(configuration, *arguments):
    done = command("flows", "--config", str(configuration.path), "--json", *arguments)
    return done.returncode, {f["flow"]: f for f in json.loads(done.stdout)["flows"]}


def test_flows_lists_those_of_today_and_of_yesterday(east, west):
    create_topic(east.bootstrap, "orders")
    produce_numbers(east.bootstrap, "orders", range(300))
    leave_memory(west.bootstrap, "former", 86_400)
    with replicator(east.bootstrap, west.bootstrap) as running:
        running.copies(east.bootstrap, ["orders"])
        equal("it stops with status 0", running.stop(), 0)
        status, flows = known(running)
        equal("every cluster was read", (status, sorted(flows)), (0, ["flow", "former"]))
        of_today, former = flows["flow"], flows["former"]
        equal("the configured flow", [of_today[k] for k in ("cluster", "source", "configured", "topics", "partitions")],
              ["west", "east", True, 1, 3])
        equal("the former flow",
              [former.get(k) for k in ("cluster", "source", "configured", "topics", "partitions", "naming")],
              ["west", None, False, 1, 1, "prefix far."])
        table = command("flows", "--config", str(running.path)).stdout.splitlines()
        check("the table names both", [line.split()[:2] for line in table]
              == [["CLUSTER", "FLOW"], ["west", "flow"], ["west", "former"]], "\n".join(table))


def test_forget_removes_what_a_former_flow_left(east, west):
    topic = leave_memory(west.bootstrap, "former", 86_400)
    with configured(east.bootstrap, west.bootstrap, flow()) as configuration:
        at = ["--config", str(configuration.path), "--flow", "former"]
        asked = command("forget", *at, "--cluster", "west", stdin=-3)
        equal("it asks first", asked.returncode, 2)
        check("and says how to say yes", "--yes" in asked.stderr, asked.stderr)
        check("nothing was removed", topic in topic_names(west.bootstrap))
        unnamed = command("forget", *at, "--yes")
        equal("a flow that the file does not have needs its cluster", unnamed.returncode, 2)
        check("and it says so", "--cluster" in unnamed.stderr, unnamed.stderr)
        done = command("forget", *at, "--cluster", "west", "--yes", "--json")
        equal("it is forgotten", (done.returncode, json.loads(done.stdout)["deletedTopics"]), (0, [topic]))
        check("its topic is gone", topic not in topic_names(west.bootstrap))
        again = command("forget", *at, "--cluster", "west", "--yes")
        equal("a second time there is nothing", again.returncode, 1)
        check("and it says so", "knows no flow" in again.stderr, again.stderr)


def test_forget_leaves_a_running_flow_alone(east, west):
    topic = leave_memory(west.bootstrap, "busy", 0)
    with configured(east.bootstrap, west.bootstrap, flow("busy")) as configuration:
        done = command("forget", "--config", str(configuration.path), "--flow", "busy", "--yes")
    equal("it is refused", done.returncode, 1)
    check("it says why", "recorded progress" in done.stderr and "stop it" in done.stderr, done.stderr)
    check("nothing was removed", topic in topic_names(west.bootstrap))


def test_a_renamed_flow_is_refused_by_all_in_the_same_words(east, west):
    create_topic(east.bootstrap, "orders")
    produce_numbers(east.bootstrap, "orders", range(300))
    with replicator(east.bootstrap, west.bootstrap) as running:
        running.copies(east.bootstrap, ["orders"])
        equal("it stops with status 0", running.stop(), 0)
    before = topic_names(west.bootstrap)
    with configured(east.bootstrap, west.bootstrap, flow("renamed")) as configuration:
        for name in ("run", "plan", "doctor"):
            done = command(name, "--config", str(configuration.path))
            said = done.stdout + done.stderr
            equal(f"{name}: exit status", done.returncode, 1)
            check(f"{name}: names the copies, who brought them, and the way out", all(words in said for words in (
                "east.orders. They would be there twice", 'brought by flow "flow"', 'continue under the name "flow"',
                "replicator forget --flow 'flow' --cluster 'west'", "startFrom")), said)
    equal("nothing is created", topic_names(west.bootstrap), before)


def test_flows_names_the_cluster_that_does_not_answer(east):
    with configured(east.bootstrap, "127.0.0.1:1", flow()) as configuration:
        done = command("flows", "--config", str(configuration.path), "--json")
    equal("it is not all known", done.returncode, 1)
    equal("the cluster is named", list(json.loads(done.stdout)["failures"]), ["west"])
