"""What the benchmarks share: processes, clusters, records, and the reading of a running replicator."""

import contextlib
import dataclasses
import json
import os
import signal
import socket
import subprocess
import threading
import time
import urllib.request
from typing import Callable

from processes import cpu_seconds, memory_megabytes

# Fixed, and below those that the system hands out.
EAST, WEST, FAR, HTTP, RELAY, SINK = 27092, 27192, 27592, 27644, 27700, 27701
# Only ends what would otherwise hang.
PATIENCE = 600
# A scrape that is not answered by then is asked again.
PROMPT = 2


@dataclasses.dataclass
class Case:
    """One row. `prepare(env)` is a context manager that yields a function from a program to its figures."""

    name: str
    prepare: Callable
    # Measures what the row is compared with, in the same rounds.
    yardstick: Callable = None


@dataclasses.dataclass
class Environment:
    """What the cases of one run have in common."""

    # The build that brokers are of, whoever is measured.
    program: str
    work: str
    is_quick: bool

    def size(self, megabytes):
        """Megabytes to copy: a run that is to be short does with an eighth."""
        return max(1, megabytes // 8) if self.is_quick else megabytes


@contextlib.contextmanager
def process(*arguments, ready=None, log=None):
    with open(log, "w") if log else contextlib.nullcontext(subprocess.DEVNULL) as errors:
        child = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=errors, text=True)
        try:
            if ready and ready not in child.stdout.readline():
                raise RuntimeError(f"{' '.join(arguments)} did not start")
            yield child
        finally:
            child.terminate()
            child.wait()
            child.stdout.close()


@contextlib.contextmanager
def broker(env, port, *settings, partitions=3):
    options = [word for setting in (f"num.partitions={partitions}", *settings) for word in ("--set", setting)]
    with process(env.program, "broker", "--listen", f"127.0.0.1:{port}", *options, ready="listening") as child:
        yield child


# The replicators that run, with the files of their logs: waiting ends when one of them does.
_running = {}


def await_true(what, condition, pause=0.05):
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        for child, log in _running.items():
            if child.poll() is not None:
                with open(log) as file:
                    raise RuntimeError(f"the replicator has ended: {file.read()[-1000:]}")
        with contextlib.suppress(OSError):
            if condition():
                return
        time.sleep(pause)
    raise TimeoutError(f"waited in vain for this: {what}")


def record_file(env, megabytes, size=1000, name="records"):
    """Lines of `key:value` for kcat, about as compressible as JSON; and their number."""
    path = os.path.join(env.work, f"{name}-{megabytes}-{size}")
    count = megabytes * 1_000_000 // size
    if not os.path.exists(path):
        words = [f"{(n * 2654435761) % 2**32:08x}" for n in range(4096)]
        with open(path, "w") as file:
            for number in range(count):
                text, place = [], number
                while len(text) * 27 < size - 40:
                    place = (place * 7 + 13) % 4096
                    text.append(f'"{words[place][:6]}":"{words[place]}12345",')
                file.write(f"{number:08d}:{number:010d}{''.join(text)}"[:size - 1] + "\n")
    return path, count


def produce(port, topic, path, batch_bytes=1_000_000, codec="none", size=1000):
    """kcat writes the file in batches of about so many bytes before compression."""
    records = max(1, batch_bytes // size)
    subprocess.run(
        ["kcat", "-b", f"127.0.0.1:{port}", "-t", topic, "-P", "-K:", "-l", "-z", codec, "-X", "linger.ms=100",
         "-X", f"batch.num.messages={records}", "-X", f"batch.size={max(batch_bytes, 2000)}",
         "-X", "message.max.bytes=1048576", "-X", "queue.buffering.max.messages=1000000",
         "-X", "queue.buffering.max.kbytes=1000000", path],
        check=True, stderr=subprocess.DEVNULL)


def configuration(env, options="compression: keep", topics="bench", source=EAST, target=WEST, clusters=("", "")):
    """A configuration file of one flow; `clusters` adds settings to east and west."""
    path = os.path.join(env.work, "replicator.yaml")
    with open(path, "w") as file:
        file.write(f"""
clusters:
  east: {{bootstrapServers: "127.0.0.1:{source}"{clusters[0]}}}
  west: {{bootstrapServers: "127.0.0.1:{target}"{clusters[1]}}}
flows:
  - {{name: bench, source: east, target: west, topics: {{allow: ["{topics}"]}}, startFrom: earliest, {options}}}
http: {{listen: "127.0.0.1:{HTTP}"}}
""")
    return path


@contextlib.contextmanager
def running(env, program, **settings):
    log = os.path.join(env.work, "replicator.log")
    with process(program, "run", "--config", configuration(env, **settings), log=log) as child:
        _running[child] = log
        try:
            yield child
        finally:
            del _running[child]


def metric(name):
    text = urllib.request.urlopen(f"http://127.0.0.1:{HTTP}/metrics", timeout=PROMPT).read().decode()
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
               if line.startswith((name + "{", name + " ")))


def status():
    return json.load(urllib.request.urlopen(f"http://127.0.0.1:{HTTP}/api/status", timeout=30))


def is_in_step(count):
    """Whether so many partitions are known to have nothing left to copy."""
    partitions = [partition for flow in status()["flows"] for partition in flow["partitions"]]
    return len(partitions) == count and all(partition["lag"] == 0 for partition in partitions)


def has_copied(records):
    # A scrape takes 0.6 ms: asked fifty times a second it would be an eighth of what is measured.
    await_true(f"{records} records", lambda: metric("replicator_records_total") >= records, pause=0.1)


def copy(env, program, records, gigabytes, **settings):
    """Copies a topic that a flow which runs already is told of: what the start costs is measured by itself."""
    with running(env, program, topics="nothing", **settings) as child:
        await_true("the flow runs", lambda: status()["flows"][0]["state"] == "running")
        configuration(env, **settings)
        before, began = cpu_seconds(child.pid), time.monotonic()
        child.send_signal(signal.SIGHUP)
        has_copied(records)
        seconds, cpu = time.monotonic() - began, cpu_seconds(child.pid) - before
        return {"MB/s": gigabytes * 1000 / seconds, "CPU-s/GB": cpu / gigabytes, "peak MB": memory_megabytes(child.pid)}


def listens(port):
    """Whether a socket of this machine listens there; to connect would be seen by what it serves."""
    with open("/proc/net/tcp") as sockets:
        return any(line.split()[1].endswith(f":{port:04X}") and line.split()[3] == "0A" for line in list(sockets)[1:])


def pump(port, total):
    """So many bytes into a port, and their arrival at SINK: seconds that it took."""
    def drain(listener):
        connection, _ = listener.accept()
        buffer = bytearray(1 << 20)
        while connection.recv_into(buffer):
            pass

    with socket.create_server(("127.0.0.1", SINK)) as listener:
        reader = threading.Thread(target=drain, args=(listener,))
        reader.start()
        sender = socket.create_connection(("127.0.0.1", port))
        chunk, began = bytes(1 << 20), time.monotonic()
        for _ in range(max(1, total >> 20)):
            sender.sendall(chunk)
        sender.close()
        reader.join()
        return time.monotonic() - began


def haproxy(env, gigabytes):
    """The same number of bytes through haproxy in TCP mode, with one thread and without splicing."""
    path = os.path.join(env.work, "haproxy.cfg")
    with open(path, "w") as file:
        file.write(f"""
global
  nbthread 1
  tune.bufsize 262144
defaults
  mode tcp
  timeout client 60s
  timeout server 60s
  timeout connect 5s
listen relay
  bind 127.0.0.1:{RELAY}
  server sink 127.0.0.1:{SINK}
""")
    with process("haproxy", "-db", "-f", path) as child:
        await_true("haproxy listens", lambda: listens(RELAY))
        before = cpu_seconds(child.pid)
        seconds = pump(RELAY, int(gigabytes * 1e9))
        return {"MB/s": gigabytes * 1000 / seconds, "CPU-s/GB": (cpu_seconds(child.pid) - before) / gigabytes,
                "peak MB": memory_megabytes(child.pid)}
