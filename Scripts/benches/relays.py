"""The yardstick for TLS: haproxy between two ends that speak it."""

import os
import socket
import ssl
import threading
import time

from benches.harness import RELAY, SINK, await_true, listens, process
from processes import cpu_seconds, memory_megabytes


def haproxy_tls(env, gigabytes, store):
    """So many bytes in over TLS and out over TLS again."""
    path = os.path.join(env.work, "haproxy-tls.cfg")
    with open(path, "w") as file:
        file.write(f"""
global
  nbthread 1
  tune.bufsize 262144
  ssl-server-verify none
defaults
  mode tcp
  timeout client 60s
  timeout server 60s
  timeout connect 5s
listen relay
  bind 127.0.0.1:{RELAY} ssl crt {store}
  server sink 127.0.0.1:{SINK} ssl verify none
""")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(store)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE

    def drain(listener):
        connection, _ = listener.accept()
        buffer = bytearray(1 << 20)
        with server.wrap_socket(connection, server_side=True, suppress_ragged_eofs=True) as wrapped:
            while wrapped.recv_into(buffer):
                pass

    with process("haproxy", "-db", "-f", path) as child:
        await_true("haproxy listens", lambda: listens(RELAY))
        with socket.create_server(("127.0.0.1", SINK)) as listener:
            reader = threading.Thread(target=drain, args=(listener,))
            reader.start()
            before, began = cpu_seconds(child.pid), time.monotonic()
            with client.wrap_socket(socket.create_connection(("127.0.0.1", RELAY))) as sender:
                chunk = bytes(1 << 20)
                for _ in range(max(1, int(gigabytes * 1e9) >> 20)):
                    sender.sendall(chunk)
                sender.unwrap()
            reader.join()
            seconds = time.monotonic() - began
            return {"MB/s": gigabytes * 1000 / seconds, "CPU-s/GB": (cpu_seconds(child.pid) - before) / gigabytes,
                    "peak MB": memory_megabytes(child.pid)}
