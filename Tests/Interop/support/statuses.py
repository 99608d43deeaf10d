"""Documents as `/api/status` answers with, made by hand, and a server that answers with one: for what shows them."""

import contextlib
import http.server
import json
import pathlib
import threading
import time

PAGE = pathlib.Path(__file__).resolve().parents[3] / "Sources" / "Observability" / "Page"


def cluster(name, up=True, brokers=3):
    return {"name": name, "isUp": up, "clusterID": f"{name}-AAAAAAAAAAAAAAAA", "brokers": brokers, "seenAt": 1,
            "throttleSeconds": 0, "authErrors": 0, **({} if up else {"error": "no broker can be reached"})}


def partition(topic, number=0, state="active", lag=0, **more):
    return {"topic": topic, "partition": number, "targetTopic": f"east.{topic}", "state": state, "sourceOffset": 1234567,
            "sourceEnd": 1234567 + (lag or 0), "targetOffset": 1234567, "lag": lag, "written": 1234567,
            "readBytes": 0, "writtenBytes": 0,
            "skipped": {}, "foreign": 0, "doubled": 0, "bufferedBytes": 0, **more}


def topic(name, state="active", lag=0, bytes_per_second=1234.5, **more):
    return {"topic": name, "targetTopic": f"east.{name}", "partitions": 1, "state": state, "lag": lag,
            "bytesPerSecond": bytes_per_second, "recordsPerSecond": 12.3, "latencyMean": 0.0123, "latencyMaximum": 0.25,
            **more}


def instance(name, partitions=4, reason=None, is_self=False, age=60, tasks=()):
    """One of those that share a flow, `age` seconds after it got its part."""
    return {"instance": name, "address": f"http://{name}.example:9644", "isSelf": is_self,
            "since": int((time.time() - age) * 1000),
            **({"reason": reason} if reason else {"partitions": partitions, "tasks": list(tasks)})}


def flow(name, source="east", target="west", condition="running", topics=(), partitions=(), waiting=(), obstacles=(),
         lag=0, bytes_per_second=1234567.0, **more):
    """Counts fit what is listed unless they are given."""
    counts = {"topics": len(topics), "partitions": len(topics), "failed": sum(p["state"] == "failed" for p in partitions),
              "stuck": sum("stuckForSeconds" in p for p in partitions), "paused": 0, "waitingTopics": len(waiting),
              "lagUnknown": 0}
    state = condition if condition in ("starting", "waiting", "draining", "stopped") else "running"
    return {"name": name, "source": source, "target": target, "state": state, "condition": condition, "paused": [],
            "partitions": list(partitions), "waiting": list(waiting), "groups": [], "lag": lag, "sampleAge": 0.5,
            "bytesPerSecond": bytes_per_second, "recordsPerSecond": 4321.0, "topics": list(topics),
            "obstacles": list(obstacles), "counts": counts, **more}


def document(flows, clusters=None, obstacles=None):
    names = sorted({name for one in flows for name in (one["source"], one["target"])})
    clusters = clusters or [cluster(name) for name in names]
    obstacles = [o for one in flows for o in one["obstacles"]] if obstacles is None else obstacles
    now = int(time.time() * 1000)
    return {"version": "0.0.0", "startedAt": now - 7_200_000, "time": now, "isReady": not obstacles, "obstacles": obstacles,
            "clusters": clusters, "flows": flows}


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        path = self.path.split("?")[0]
        if path.startswith("/api/"):
            body, kind = json.dumps(self.server.answers[path]).encode(), "application/json"
        else:
            file = PAGE / ("page.html" if path == "/" else path.strip("/"))
            kind = {".css": "text/css", ".js": "text/javascript"}.get(file.suffix, "text/html")
            body = file.read_bytes()
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def serving(status, events=()):
    """A server of the page's files and of these answers; its `answers` may be replaced."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.answers = {"/api/status": status, "/api/history": {"span": 3_600_000, "series": []},
                      "/api/events": {"events": list(events)}}
    server.address = f"127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
