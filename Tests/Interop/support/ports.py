"""Ports that are free: each worker of a parallel run has a range of its own, out of which it takes one after the other.
"""

import os
import pathlib
import random
import socket
import threading


def _range():
    """The ports of this worker: outside of those that the system hands out to clients."""
    low, high = map(int, pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    first, end = max((10_000, low), (high + 1, 65_536), key=lambda ports: ports[1] - ports[0])
    if end - first < 2_000:
        first, end = 20_000, 30_000
    count = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 1))
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    share = (end - first) // count
    # A worker that takes the place of one that died has a higher number.
    return first + share * (number % count), share


_first, _share = _range()
_next = random.randrange(_share)
_lock = threading.Lock()


def are_free(first, count):
    sockets = []
    try:
        for port in range(first, first + count):
            sockets.append(socket.socket())
            sockets[-1].bind(("127.0.0.1", port))
        return True
    except OSError:
        return False
    finally:
        for one in sockets:
            one.close()


def free_ports(count):
    """The first of `count` consecutive ports that are free now, and that were not handed out for long."""
    global _next
    with _lock:
        for _ in range(_share):
            if _next + count > _share:
                _next = 0
            first, _next = _first + _next, _next + count
            if are_free(first, count):
                return first
    raise RuntimeError("no free ports")


def free_address():
    return f"127.0.0.1:{free_ports(1)}"
