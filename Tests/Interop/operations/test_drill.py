"""`replicator drill`: each scenario ends as it must, and its report says so."""

import json

import pytest

from support.checks import check, equal, measured
from support.program import command
from support.topics import topic_names


def drill(*arguments):
    """The report, and the exit status."""
    done = command("drill", "--json", "--seconds", "2", *arguments, timeout=300)
    try:
        return json.loads(done.stdout), done.returncode
    except ValueError:
        raise RuntimeError(f"drill: status {done.returncode}, {done.stdout[-500:]} {done.stderr[-2000:]}") from None


def tell(report):
    recovery = max(report["rtoConsumersSeconds"], report["rtoProducersSeconds"])
    measured(f"{report['scenario']}: RPO {report['rpoRecords']} records, {report['rpoSeconds']:.2f} s; "
             f"RTO {recovery:.2f} s; read twice {report['readTwice']}, "
             f"of them after a commit {report['rereadAfterCommit']}")


def is_clean(report, status, *zero):
    name = report["scenario"]
    equal(f"{name}: status 0", status, 0)
    check(f"{name}: something was produced", report["produced"] > 300, str(report["produced"]))
    for field in ("doubled", "missedByConsumers", *zero):
        equal(f"{name}: {field}", report[field], 0)
    tell(report)


def test_planned_drill():
    is_clean(*drill("--scenario", "planned"), "lost", "rpoRecords", "rereadAfterCommit", "readTwice")


def test_unplanned_drill():
    report, status = drill("--scenario", "unplanned")
    is_clean(report, status)
    equal("unplanned: what is lost is the RPO", report["lost"], report["rpoRecords"])


def test_active_passive_drill():
    is_clean(*drill("--scenario", "active-passive"), "lost")


def test_active_active_drill():
    is_clean(*drill("--scenario", "active-active"), "lost")


def test_partition_drill():
    report, status = drill("--scenario", "partition")
    is_clean(report, status, "lost")
    check("partition: recovery was measured", report["recoverySeconds"] >= 2, str(report["recoverySeconds"]))


@pytest.mark.east(nodes=2)
def test_instance_drill():
    report, status = drill("--scenario", "instance")
    is_clean(report, status, "lost")
    check("the dead instance had partitions, and others have written them", report["gapPartitions"] > 0, str(report))
    check("the gap was measured", 0 < report["gapMedianSeconds"] <= report["gapLongestSeconds"], str(report))


def test_drill_on_clusters_of_ones_own(east, west, tmp_path):
    path = tmp_path / "replicator.yaml"
    path.write_text(json.dumps({
        "clusters": {"east": {"bootstrapServers": east.bootstrap}, "west": {"bootstrapServers": west.bootstrap}},
        "flows": [{"name": "flow", "source": "east", "target": "west", "topics": {"allow": [".*"]}}]}))
    is_clean(*drill("--config", str(path), "--scenario", "planned"), "lost", "rereadAfterCommit", "readTwice")
    for name, cluster in (("east", east), ("west", west)):
        left = {t for t in topic_names(cluster.bootstrap) if "drill" in t}
        equal(f"nothing of the drill is left on {name}", left, set())
    done = command("drill", "--config", str(path), "--scenario", "unplanned")
    equal("clusters of one's own are not killed", done.returncode, 2)
