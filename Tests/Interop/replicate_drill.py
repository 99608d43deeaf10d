"""`replicator drill`: each scenario ends as it must, and its report says so."""

import json
import pathlib
import subprocess
import tempfile

from harness import broker, check, equal, main, program
from replicator import topic_names


def drill(*arguments):
    """The report, and the exit status."""
    done = subprocess.run(
        [program(), "drill", "--json", "--seconds", "2", *arguments], capture_output=True, text=True, timeout=300)
    try:
        return json.loads(done.stdout), done.returncode
    except ValueError:
        raise RuntimeError(f"drill: status {done.returncode}, {done.stdout[-500:]} {done.stderr[-2000:]}") from None


def measured(report):
    print(f"measured: {report['scenario']}: RPO {report['rpoRecords']} records, {report['rpoSeconds']:.2f} s; RTO "
          f"{max(report['rtoConsumersSeconds'], report['rtoProducersSeconds']):.2f} s; read twice {report['readTwice']}, "
          f"of them after a commit {report['rereadAfterCommit']}")


def is_clean(report, status, *zero):
    name = report["scenario"]
    equal(f"{name}: status 0", status, 0)
    check(f"{name}: something was produced", report["produced"] > 1000, str(report["produced"]))
    for field in ("doubled", "missedByConsumers", *zero):
        equal(f"{name}: {field}", report[field], 0)
    measured(report)


def planned():
    is_clean(*drill("--scenario", "planned"), "lost", "rpoRecords", "rereadAfterCommit", "readTwice")


def unplanned():
    report, status = drill("--scenario", "unplanned")
    is_clean(report, status)
    equal("unplanned: what is lost is the RPO", report["lost"], report["rpoRecords"])


def active_passive():
    is_clean(*drill("--scenario", "active-passive"), "lost")


def active_active():
    is_clean(*drill("--scenario", "active-active"), "lost")


def partition():
    report, status = drill("--scenario", "partition")
    is_clean(report, status, "lost")
    check("partition: recovery was measured", report["recoverySeconds"] >= 2, str(report["recoverySeconds"]))


def on_clusters_of_ones_own():
    with broker(nodes=2) as east, broker() as west, tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "replicator.yaml"
        path.write_text(json.dumps({
            "clusters": {"east": {"bootstrapServers": east.bootstrap}, "west": {"bootstrapServers": west.bootstrap}},
            "flows": [{"name": "flow", "source": "east", "target": "west", "topics": {"allow": [".*"]}}]}))
        is_clean(*drill("--config", str(path), "--scenario", "planned"), "lost", "rereadAfterCommit", "readTwice")
        for name, cluster in (("east", east), ("west", west)):
            left = {t for t in topic_names(cluster.bootstrap) if "drill" in t}
            equal(f"nothing of the drill is left on {name}", left, set())
        done = subprocess.run(
            [program(), "drill", "--config", str(path), "--scenario", "unplanned"], capture_output=True, text=True)
        equal("clusters of one's own are not killed", done.returncode, 2)


main(planned, unplanned, active_passive, active_active, partition, on_clusters_of_ones_own)
