"""What the interop checks share: start `replicator broker` on free ports, count what holds, stop everything.

A check is a plain function; `main` runs those of a script and prints `N passed, N failed`:

    from harness import broker, check, main

    def produces():
        with broker(nodes=3) as cluster:
            check("three nodes", len(cluster.addresses) == 3)

    main(produces)

The program under test is `REPLICATOR` from the environment, or the release build, or the debug build.
"""

import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import time
import traceback

from control import Control

ROOT = pathlib.Path(__file__).resolve().parents[2]
_passed = 0
_failed = []


def program():
    """The replicator executable."""
    if "REPLICATOR" in os.environ:
        return os.environ["REPLICATOR"]
    for configuration in ("release", "debug"):
        path = ROOT / ".build" / configuration / "replicator"
        if path.exists():
            return str(path)
    sys.exit("no replicator executable: build it first, or set REPLICATOR")


def check(what, holds, detail=""):
    """Counts one expectation and reports it when it does not hold."""
    global _passed
    if holds:
        _passed += 1
    else:
        _failed.append(what)
        print(f"FAILED: {what} {detail}", flush=True)


def failures():
    """How many expectations did not hold so far."""
    return len(_failed)


def equal(what, found, expected):
    check(what, found == expected, f"expected {expected!r}, found {found!r}")


def eventually(condition, seconds=20, pause=0.05):
    """The first true value of `condition()` within a time limit, else its last one."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value or time.monotonic() > end:
            return value
        time.sleep(pause)


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


def free_ports(count):
    """The first of `count` consecutive ports that are free now."""
    import random
    import socket

    for _ in range(200):
        first = random.randint(20000, 30000)
        sockets = []
        try:
            for port in range(first, first + count):
                s = socket.socket()
                sockets.append(s)
                s.bind(("127.0.0.1", port))
            return first
        except OSError:
            continue
        finally:
            for s in sockets:
                s.close()
    raise RuntimeError("no free ports")


@contextlib.contextmanager
def broker(nodes=1, data=None, control=False, **settings):
    """A broker for the length of a block. Settings are Kafka's keys with `_` for `.`.

    With `control` its control endpoint is `.control`.
    """
    arguments = ["--listen", f"127.0.0.1:{free_ports(nodes)}", "--nodes", str(nodes)]
    if data:
        arguments += ["--data", str(data)]
    if control:
        arguments += ["--control", "127.0.0.1:0"]
    for key, value in settings.items():
        arguments += ["--set", f"{key.replace('_', '.')}={value}"]
    running = Broker(arguments).start()
    try:
        yield running
    finally:
        if running.process.poll() is None:
            try:
                equal("the broker stops with status 0", running.stop(), 0)
            except subprocess.TimeoutExpired:
                check("the broker stops in time", False)
                running.kill()


def main(*checks):
    """Runs the checks (all, or those named on the command line) and exits 1 if anything failed."""
    wanted = sys.argv[1:]
    for function in checks:
        if wanted and function.__name__ not in wanted:
            continue
        started = time.monotonic()
        try:
            function()
        except Exception:
            traceback.print_exc()
            check(f"{function.__name__} ran to its end", False)
        print(f"{function.__name__}: {time.monotonic() - started:.1f} s", flush=True)
    print(f"{_passed} passed, {len(_failed)} failed")
    sys.exit(1 if _failed else 0)
