"""Throughput and cost by the size of batches, the number of partitions, and what is done to them."""

import contextlib
import itertools
import os
import subprocess

from benches.harness import EAST, WEST, Case, broker, copy, haproxy, produce, record_file

SIZES = {"1 KB": 1_000, "4 KB": 4_000, "16 KB": 16_000, "100 KB": 100_000, "1 MB": 1_000_000}
# Very small batches cost so much more that less of them tells as much.
MEGABYTES = {"1 KB": 128, "4 KB": 256, "16 KB": 512}


def gigabytes_of(env, size):
    return env.size(MEGABYTES.get(size, 1024))


def copying(size, partitions, codec, options="compression: keep"):
    @contextlib.contextmanager
    def prepare(env):
        path, records = record_file(env, gigabytes_of(env, size))
        with broker(env, EAST, partitions=partitions):
            produce(EAST, "bench", path, SIZES[size], codec)

            def measure(program):
                with broker(env, WEST):
                    return copy(env, program, records, os.path.getsize(path) / 1e9, options=options)
            yield measure
    return prepare


def relayed(size):
    return lambda env: haproxy(env, gigabytes_of(env, size) / 1000)


def case(name, size, partitions=3, codec="none", options="compression: keep"):
    return Case(name, copying(size, partitions, codec, options), relayed(size))


def certificate(env):
    """A key store for the brokers: a key and a certificate that signs itself."""
    path = os.path.join(env.work, "server.pem")
    if not os.path.exists(path):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
             "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", path + ".key", "-out", path + ".crt"],
            check=True, stderr=subprocess.DEVNULL)
        with open(path, "w") as store:
            store.write(open(path + ".key").read() + open(path + ".crt").read())
    return path


def over_tls(sides):
    """TLS towards the clusters named; what is produced at the source goes over TLS, too."""
    @contextlib.contextmanager
    def prepare(env):
        store = certificate(env)
        listener = ["listeners=SSL://", f"ssl.keystore.location={store}"]
        security = f', securityProtocol: SSL, tls: {{caFile: "{store}.crt"}}'
        path, records = record_file(env, env.size(512))
        settings = tuple(security if side in sides else "" for side in ("source", "target"))
        with broker(env, EAST, *(listener if "source" in sides else [])):
            tls = ["-X", "security.protocol=ssl", "-X", f"ssl.ca.location={store}.crt"] if "source" in sides else []
            subprocess.run(
                ["kcat", "-b", f"127.0.0.1:{EAST}", *tls, "-t", "bench", "-P", "-K:", "-l", "-X", "linger.ms=100",
                 "-X", "batch.num.messages=1000", "-X", "batch.size=1000000", path],
                check=True, stderr=subprocess.DEVNULL)

            def measure(program):
                with broker(env, WEST, *(listener if "target" in sides else [])):
                    return copy(env, program, records, os.path.getsize(path) / 1e9, clusters=settings)
            yield measure
    return prepare


def tls_relay(env):
    """haproxy that takes TLS in and sends TLS out, as one that sits between the clusters would."""
    from benches.relays import haproxy_tls
    return haproxy_tls(env, env.size(512) / 1000, certificate(env))


CASES = [
    case(f"batches of {size}, {partitions} partition{'s' * (partitions > 1)}, {codec}", size, partitions, codec)
    for size, partitions, codec in itertools.product(SIZES, (1, 12, 100), ("none", "lz4", "zstd"))
] + [
    case(f"batches of {size}, 3 partitions, none", size)
    for size in SIZES
] + [
    case(f"batches of {size}, 3 partitions, loop headers", size, options="naming: {mode: identical}")
    for size in ("16 KB", "1 MB")
] + [
    case(f"batches of 1 MB, 3 partitions, none to {codec}", "1 MB", options=f"compression: {codec}")
    for codec in ("gzip", "snappy", "lz4", "zstd")
] + [
    Case(f"TLS at the {' and the '.join(sides)}", over_tls(sides), tls_relay)
    for sides in (("source",), ("target",), ("source", "target"))
]
