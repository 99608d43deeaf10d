"""Several instances share a flow: what any of them tells of the whole, and what is said of one that does not answer."""

import contextlib
import json
import os
import re
import subprocess
import time
import urllib.error

import pytest

from support import certificates
from support.checks import PATIENCE, check, equal, eventually
from support.program import command, program
from support.records import produce_numbers
from support.replicators import configured, flow
from support.topics import create_topic

PARTITIONS = 6


@contextlib.contextmanager
def instances(east, west, names, http=None, **settings):
    """Replicators of one flow with these names, each with an address that it announces."""
    create_topic(east.bootstrap, "orders", partitions=PARTITIONS)
    produce_numbers(east.bootstrap, "orders", range(300), partitions=PARTITIONS)
    with contextlib.ExitStack() as stack:
        running = []
        for name in names:
            one = stack.enter_context(configured(east.bootstrap, west.bootstrap, flow(topics=["orders"])))
            document = one.document()
            document["instance"] = {"id": name, "advertise": one.http, **settings.get(name, {})}
            document["http"].update(http or {})
            one.write(document)
            running.append(one.start(environment={"OPS_PASSWORD": "s3cret"}))
        yield running


def part(one):
    """What an instance says of itself alone."""
    try:
        return json.loads(one.get("/api/status?scope=instance"))["flows"][0]
    except (OSError, ValueError, IndexError):
        return {"partitions": []}


def whole(one):
    try:
        return json.loads(one.get("/api/status"))
    except (OSError, ValueError):
        return {"flows": [{}], "isReady": False, "obstacles": ["it does not answer"]}


def are_divided(running):
    """Whether each has a part, and all of them together have everything once."""
    owned = [[(p["topic"], p["partition"]) for p in part(one)["partitions"]] for one in running]
    everything = sum(owned, [])
    return all(owned) and len(everything) == len(set(everything)) == PARTITIONS


def share(running):
    check("they share the partitions", eventually(lambda: are_divided(running), PATIENCE),
          "\n".join(one.log()[-2000:] for one in running))


def sample(text, name, **labels):
    rows = re.findall(rf"^{name}\{{(.*?)\}} (\S+)$", text, re.M)
    return [float(value) for found, value in rows if all(f'{k}="{v}"' in found for k, v in labels.items())]


def test_any_instance_answers_for_the_flow(east, west):
    with instances(east, west, ["i-0", "i-1", "i-2"]) as running:
        share(running)
        for one, name in zip(running, ("i-0", "i-1", "i-2")):
            check(f"{name} knows that all is well", eventually(lambda: whole(one)["isReady"], PATIENCE), str(whole(one))[:3000])
            document = whole(one)
            found = document["flows"][0]
            equal(f"{name} says who it is", document["instance"], name)
            equal(f"{name} has every partition once", sorted(p["partition"] for p in found["partitions"]), list(range(PARTITIONS)))
            equal(f"{name} knows whose they are", {p["instance"] for p in found["partitions"]}, {"i-0", "i-1", "i-2"})
            equal(f"{name} counts them", (found["counts"]["partitions"], found["lag"], found["condition"]), (PARTITIONS, 0, "running"))
            listed = {i["instance"]: i for i in found["instances"]}
            equal(f"{name} lists all", set(listed), {"i-0", "i-1", "i-2"})
            equal(f"{name} knows how many each has", sum(i["partitions"] for i in listed.values()), PARTITIONS)
            equal(f"{name} is itself", [i for i in listed if listed[i]["isSelf"]], [name])
            equal(f"{name} knows who has each task", sorted(t for i in listed.values() for t in i["tasks"]),
                  ["groups", "metadata", "topics"])
            check(f"{name} names the flow's state to probes", "as one of 3 instances" in one.get("/readyz"), one.get("/readyz"))
            equal(f"{name}: status is ready", command("status", "--url", one.http).returncode, 0)
        # Gauges are set at each poll, of which the last may have been before they had found together.
        def tell():
            text = [one.get("/metrics") for one in running]
            return (sum(sum(sample(t, "replicator_instance_partitions", flow="flow")) for t in text),
                    [sample(t, "replicator_instances", flow="flow") for t in text],
                    [sample(t, "replicator_instance_member", flow="flow") for t in text])
        all_told = (PARTITIONS, [[3]] * 3, [[1]] * 3)
        eventually(lambda: tell() == all_told, PATIENCE)
        equal("partitions of all add up, instances are told by each, and each is a member", tell(), all_told)
        text = [one.get("/metrics") for one in running]
        equal("each tells its id", [len(sample(t, "replicator_instance_info", id=f"i-{n}")) for n, t in enumerate(text)], [1] * 3)
        past = lambda one: json.loads(one.get("/api/history"))["series"]
        check("the past is that of the flow", eventually(
            lambda: all(any(s["flow"] == "flow" and s["samples"] for s in past(one)) for one in running), PATIENCE))
        for one in running:
            equal("it stops with status 0", one.stop(), 0)


def test_an_instance_that_does_not_answer_is_told_as_such(east, west):
    """Killed, it is a member until its session is over: what it had is nobody's until then, and nobody claims to know."""
    long = {"sessionTimeout": "30s"}
    with instances(east, west, ["i-0", "i-1"], **{"i-0": long, "i-1": long}) as running:
        share(running)
        lost = len(part(running[1])["partitions"])
        running[1].kill()
        document = {}

        def is_told():
            document.update(whole(running[0]))
            return document["flows"][0].get("condition") == "partly unknown"

        check("the flow is partly unknown", eventually(is_told, PATIENCE), json.dumps(document)[:3000])
        found = document["flows"][0]
        reason = f"http://{running[1].http} does not answer"
        equal("its lag is not claimed", found["lag"], None)
        check("it is not ready, with the reason", not document["isReady"] and any(
            "nothing is known of the part of instance i-1" in o and reason in o for o in document["obstacles"]), str(document["obstacles"]))
        silent = next(i for i in found["instances"] if i["instance"] == "i-1")
        check("it is listed with reason and time", reason in silent["reason"] and "partitions" not in silent
              and silent["since"] <= document["time"], str(silent))
        equal("partitions of the one that answers", len(found["partitions"]), PARTITIONS - lost)
        text = command("status", "--url", running[0].http)
        check("status says so", text.returncode == 1 and "SILENT" in text.stdout, text.stdout)
        check("in the end the others have all of it", eventually(
            lambda: whole(running[0])["isReady"] and len(whole(running[0])["flows"][0]["partitions"]) == PARTITIONS, PATIENCE),
            running[0].log()[-3000:])


def test_an_address_that_leads_elsewhere_is_found_out(east, west):
    with instances(east, west, ["i-0", "i-1"]) as running:
        share(running)
        # As a balancer's would be: it answers, for somebody else.
        equal("the second stops", running[1].stop(), 0)
        document = running[1].document()
        document["instance"]["advertise"] = running[0].http
        running[1].write(document)
        running[1].start()
        share(running)
        wanted = f"instance i-0 answers at its address http://{running[0].http}: instance.advertise has to lead to the instance itself"
        check("it says what is wrong", eventually(lambda: any(wanted in o for o in whole(running[0])["obstacles"]), PATIENCE),
              str(whole(running[0])["obstacles"]))


def test_instances_ask_each_other_with_tls_and_a_login(east, west, tmp_path):
    certificates.make(tmp_path)
    http = {"authentication": {"users": {"ops": "${env:OPS_PASSWORD}"}, "tokens": {"scraper": "t0ken"}, "anonymous": "none"},
            "tls": {"certificateFile": str(tmp_path / "server.crt"), "keyFile": str(tmp_path / "server.key")}}
    with instances(east, west, ["i-0", "i-1"], http) as running:

        def status(one):
            done = subprocess.run([program(), "status", "--json", "--config", str(one.path)], capture_output=True, text=True,
                                  env={**os.environ, "OPS_PASSWORD": "s3cret"})
            return json.loads(done.stdout) if done.stdout else {"isReady": False, "obstacles": [done.stderr], "flows": []}

        for one in running:
            check("each knows the whole", eventually(lambda: status(one)["isReady"] and len(
                {p.get("instance") for p in status(one)["flows"][0]["partitions"]}) == 2, PATIENCE), str(status(one))[:3000])
        check("nothing shows the token", all("t0ken" not in one.log() and "s3cret" not in one.log() for one in running))
