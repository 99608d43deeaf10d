"""`replicator broker`: started on free ports, stopped at the end of a block."""

import contextlib
import signal
import subprocess

from support.checks import check, equal
from support.control import Control
from support.ports import are_free, free_ports
from support.program import program


class Broker:
    """A running `replicator broker`.

    `prefix` is a command that runs another one in surroundings of its own, and becomes it.
    """

    def __init__(self, arguments, prefix=()):
        self.arguments = arguments
        self.prefix = list(prefix)
        self.process = None
        self.bootstrap = ""
        self.control = None

    def start(self):
        self.process = subprocess.Popen(
            [*self.prefix, program(), "broker", *self.arguments], stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line.startswith("listening on "):
            raise RuntimeError(f"the broker did not start: {line!r}, status {self.process.wait()}")
        self.bootstrap = line.split()[-1]
        if "--control" in self.arguments:
            self.control = Control(self.process.stdout.readline().split()[-1])
        return self

    @property
    def addresses(self):
        return self.bootstrap.split(",")

    def is_alive(self):
        return self.process is not None and self.process.poll() is None

    def stop(self):
        """Asks it to stop; its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=20)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def restart_on_same_ports(self):
        host, port = self.addresses[0].rsplit(":", 1)
        index = self.arguments.index("--listen")
        self.arguments[index + 1] = f"{host}:{port}"
        return self.start()


def start_on_free_ports(count, arguments):
    """A broker whose arguments depend on the first of some free ports; those may be taken before it has them."""
    for attempt in range(5):
        first = free_ports(count)
        try:
            return Broker(arguments(first)).start(), first
        except RuntimeError:
            if attempt == 4 or are_free(first, count):
                raise


def set_arguments(settings):
    return [argument for key, value in settings.items() for argument in ("--set", f"{key}={value}")]


@contextlib.contextmanager
def stopped_at_the_end(running):
    """A broker that is to stop in order at the end of a block, unless it is gone by then."""
    try:
        yield running
    finally:
        if running.is_alive():
            try:
                equal("the broker stops with status 0", running.stop(), 0)
            except subprocess.TimeoutExpired:
                check("the broker stops in time", False)
                running.kill()


@contextlib.contextmanager
def broker(nodes=1, data=None, control=False, release=None, **settings):
    """A broker for the length of a block. Settings are Kafka's keys with `_` for `.`.

    With `control` its control endpoint is `.control`.
    """
    def arguments(first):
        return ["--listen", f"127.0.0.1:{first}", "--nodes", str(nodes), *(["--data", str(data)] if data else []),
                *(["--control", "127.0.0.1:0"] if control else []), *(["--release", release] if release else []),
                *set_arguments({key.replace("_", "."): value for key, value in settings.items()})]

    with stopped_at_the_end(start_on_free_ports(nodes, arguments)[0]) as running:
        yield running


@contextlib.contextmanager
def secured(settings, nodes=1, data=None, listeners=("PLAINTEXT",)):
    """A broker with these listeners on free ports; yields their addresses by name."""
    def ports(first):
        return {name: first + nodes * index for index, name in enumerate(listeners)}

    def arguments(first):
        named = ",".join(f"{name}://127.0.0.1:{port}" for name, port in ports(first).items())
        return ["--nodes", str(nodes), *(["--data", str(data)] if data else []),
                *set_arguments({"listeners": named, **settings})]

    running, first = start_on_free_ports(nodes * len(listeners), arguments)
    with stopped_at_the_end(running):
        yield {name: f"127.0.0.1:{port}" for name, port in ports(first).items()}
