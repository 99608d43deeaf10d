"""A TCP relay that makes a cluster far away: what it reads goes out a fixed time later, in both directions, in order.

usage: distance.py LISTEN_PORT TARGET_PORT MILLISECONDS [--window BYTES] [--measure]

Nothing is lost, and bandwidth is not limited, unless a window says how many bytes of a connection may be under way in one
direction before the sender has to wait for their acknowledgement, as TCP's own window does. The broker behind it
advertises the relay's address. `--measure` tells how many bytes per second the relay carries by itself.

Two threads for each direction of a connection, and large pieces: the interpreter only hands them on.
"""

import argparse
import collections
import contextlib
import os
import socket
import subprocess
import sys
import threading
import time

PIECE = 1 << 19
# Bytes under way in one direction of a connection when nobody says otherwise: far beyond what the tests send.
UNLIMITED = 1 << 30


class Direction:
    """One direction of a connection: a reader that fills a line of pieces, and a writer that empties it in time."""

    def __init__(self, source, sink, delay, window):
        self.source, self.sink, self.delay, self.window = source, sink, delay, window
        self.line = collections.deque()
        self.under_way = 0
        self.acknowledged = collections.deque()
        self.changed = threading.Condition()
        # Fresh memory would be faulted in page by page.
        self.spare = collections.deque()
        for work in (self.read, self.write):
            threading.Thread(target=work, daemon=True).start()

    def read(self):
        with contextlib.suppress(OSError):
            while True:
                self.wait_for_window()
                buffer = self.spare.pop() if self.spare else bytearray(PIECE)
                count = self.source.recv_into(buffer)
                if count == 0:
                    break
                piece = memoryview(buffer)[:count]
                # A small piece does not hold a large buffer for as long as it travels.
                if count < PIECE // 4:
                    piece = bytes(piece)
                    self.spare.append(buffer)
                with self.changed:
                    self.line.append((time.monotonic() + self.delay, piece))
                    self.under_way += count
                    self.changed.notify()
        with self.changed:
            self.line.append((time.monotonic() + self.delay, None))
            self.changed.notify()

    def wait_for_window(self):
        """What was delivered frees its part of the window once its acknowledgement is back."""
        while True:
            with self.changed:
                now = time.monotonic()
                while self.acknowledged and self.acknowledged[0][0] <= now:
                    self.under_way -= self.acknowledged.popleft()[1]
                if self.under_way < self.window:
                    return
                self.changed.wait(max(0.0001, self.acknowledged[0][0] - now) if self.acknowledged else None)

    def write(self):
        with contextlib.suppress(OSError):
            while True:
                with self.changed:
                    while not self.line:
                        self.changed.wait()
                    due, piece = self.line.popleft()
                rest = due - time.monotonic()
                if rest > 0:
                    time.sleep(rest)
                if piece is None:
                    break
                self.sink.sendall(piece)
                if isinstance(piece, memoryview):
                    self.spare.append(piece.obj)
                with self.changed:
                    self.acknowledged.append((time.monotonic() + self.delay, len(piece)))
                    self.changed.notify()
        with contextlib.suppress(OSError):
            self.sink.shutdown(socket.SHUT_WR)


def relay(listener, target, delay, window):
    while True:
        near, _ = listener.accept()
        try:
            far = socket.create_connection(("127.0.0.1", target))
        except OSError:
            near.close()
            continue
        for end in (near, far):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        Direction(near, far, delay, window)
        Direction(far, near, delay, window)


@contextlib.contextmanager
def distance(listen, target, milliseconds, window=None):
    """A relay in a process of its own, in front of the port `target`."""
    arguments = [sys.executable, __file__, str(listen), str(target), str(milliseconds)]
    child = subprocess.Popen(
        arguments + (["--window", str(window)] if window else []), stdout=subprocess.PIPE, text=True)
    try:
        assert "relaying" in child.stdout.readline(), "the relay did not start"
        yield child
    finally:
        child.terminate()
        child.wait()


def measure(listen, target, seconds=3):
    """Bytes per second that a running relay carries over one connection, and bytes carried."""
    received = [0]

    def drain(listener):
        connection, _ = listener.accept()
        buffer = bytearray(1 << 20)
        while count := connection.recv_into(buffer):
            received[0] += count

    with socket.create_server(("127.0.0.1", target)) as listener:
        reader = threading.Thread(target=drain, args=(listener,))
        reader.start()
        with socket.create_connection(("127.0.0.1", listen)) as sender:
            chunk, began = bytes(1 << 20), time.monotonic()
            while time.monotonic() - began < seconds:
                sender.sendall(chunk)
        reader.join()
        return received[0] / (time.monotonic() - began), received[0]


def main():
    arguments = argparse.ArgumentParser(usage=__doc__)
    arguments.add_argument("listen", type=int)
    arguments.add_argument("target", type=int)
    arguments.add_argument("milliseconds", type=float)
    arguments.add_argument("--window", type=int, default=UNLIMITED)
    arguments.add_argument("--measure", action="store_true")
    chosen = arguments.parse_args()
    if chosen.measure:
        with distance(chosen.listen, chosen.target, chosen.milliseconds, chosen.window) as child:
            rate, carried = measure(chosen.listen, chosen.target)
            fields = open(f"/proc/{child.pid}/stat").read().rsplit(")", 1)[1].split()
            cpu = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
            print(f"{rate / 1e6:.0f} MB/s, {cpu / (carried / 1e9):.2f} CPU-s per GB")
        return
    with socket.create_server(("127.0.0.1", chosen.listen), backlog=256) as listener:
        print(f"relaying 127.0.0.1:{chosen.listen} to port {chosen.target}, {chosen.milliseconds} ms each way", flush=True)
        relay(listener, chosen.target, chosen.milliseconds / 1000, chosen.window)


if __name__ == "__main__":
    main()
