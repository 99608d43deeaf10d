"""`replicator run`: its configuration, log and status, and waiting for what it does."""

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import tempfile
import urllib.error
import urllib.request

from support import processes
from support.checks import PATIENCE, check, equal, eventually
from support.ports import free_address
from support.program import program
from support.topics import watermarks


def flow(name="flow", topics=(".*",), deny=(), **settings):
    """A flow from `east` to `west`, from the earliest record on unless told otherwise."""
    return {
        "name": name, "source": "east", "target": "west", "topics": {"allow": list(topics), "deny": list(deny)},
        "startFrom": "earliest", "sync": {"interval": "200ms"}, **settings}


class Watched:
    """What copies topics, as far as it is waited for: it tells `is_alive`, `log` and `partitions`."""

    def awaits(self, what, condition, seconds=PATIENCE):
        """Waits for a condition as long as the process lives, and counts it."""
        holds = eventually(lambda: condition() or not self.is_alive(), seconds) and self.is_alive() and condition()
        check(what, holds, "" if holds else f"\n{self.log()[-3000:]}\n{self.failures()}")
        return holds

    def failures(self):
        return [p for p in self.partitions() if p["state"] != "active"]

    def has_copied(self, source, topics, flows=("flow",)):
        """Whether everything that the source's topics hold now has passed, in each of the flows."""
        ends = {(topic, p): end for topic in topics for p, (_, end) in watermarks(source, topic).items()}

        def passed():
            known = {(p["flow"], p["topic"], p["partition"]): p["sourceOffset"] for p in self.partitions()}
            return all(known.get((f, *partition), -1) >= end for f in flows for partition, end in ends.items())

        return passed

    def copies(self, source, topics, flows=("flow",), seconds=PATIENCE):
        return self.awaits(f"everything of {', '.join(topics)} is copied", self.has_copied(source, topics, flows),
                           seconds)


class Replicator(Watched):
    """A running `replicator run`, its configuration, log and status."""

    def __init__(self, source, target, *flows):
        self.directory = tempfile.TemporaryDirectory(prefix="replicator-")
        self.folder = pathlib.Path(self.directory.name)
        self.http = free_address()
        self.process = None
        self.configure(source, target, *flows)

    def configure(self, source, target, *flows):
        document = {
            "clusters": {"east": {"bootstrapServers": source}, "west": {"bootstrapServers": target}},
            "flows": list(flows) or [flow()], "http": {"listen": self.http}}
        self.write(document)

    @property
    def path(self):
        return self.folder / "replicator.yaml"

    def document(self):
        return json.loads(self.path.read_text())

    def write(self, document):
        # JSON is YAML.
        self.path.write_text(json.dumps(document, indent=1))

    def start(self, *arguments, environment=None):
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                [program(), "run", "--config", str(self.path), *arguments], stdout=log, stderr=log,
                env={**os.environ, **(environment or {})})
        return self

    def log(self):
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def is_alive(self):
        return self.process is not None and self.process.poll() is None

    def stop(self):
        """Asks it to stop in order; its exit status."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            return "killed, since it did not stop"

    def kill(self):
        self.process.kill()
        self.process.wait()

    def get(self, path):
        with urllib.request.urlopen(f"http://{self.http}{path}", timeout=10) as response:
            return response.read().decode()

    def status(self):
        """What /api/status says; nothing while it does not answer."""
        try:
            return json.loads(self.get("/api/status"))["flows"]
        except (OSError, ValueError):
            return []

    def obstacles(self):
        """What /readyz says against being ready; empty when nothing does."""
        try:
            self.get("/readyz")
            return ""
        except urllib.error.HTTPError as error:
            return error.read().decode()

    def partitions(self):
        return [dict(p, flow=f["name"]) for f in self.status() for p in f["partitions"]]

    def runs(self):
        flows = self.status()
        return bool(flows) and all(f["state"] == "running" for f in flows)

    def cpu_seconds(self):
        return processes.cpu_seconds(self.process)


@contextlib.contextmanager
def configured(source, target, *flows):
    """A replicator that does not run yet; at the end of the block it is gone, however it ended."""
    running = Replicator(source, target, *flows)
    try:
        yield running
    finally:
        if running.is_alive():
            running.kill()
        running.directory.cleanup()


@contextlib.contextmanager
def replicator(source, target, *flows):
    """`replicator run` for the length of a block; it must leave with status 0."""
    with configured(source, target, *flows) as running:
        running.start()
        yield running
        if running.is_alive():
            equal("the replicator stops with status 0", running.stop(), 0)
