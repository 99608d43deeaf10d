"""The control endpoint of `replicator broker --control`, as the interop checks use it."""

import json
import urllib.error
import urllib.request


class Control:
    """What the endpoint takes; each call raises `Refused` when it does not do what was asked."""

    def __init__(self, address):
        self.address = address

    def call(self, method, path, body=None, headers=None):
        data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(self.address + path, data=data, method=method, headers=headers or {})
        request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise Refused(error.code, json.load(error)["error"]) from None

    def state(self):
        return self.call("GET", "/")

    def topic(self, name):
        return next((t for t in self.state()["topics"] if t["name"] == name), None)

    def node(self, number, action, **body):
        return self.call("POST", f"/nodes/{number}/{action}", body)

    def partition(self, topic, number, action, **body):
        return self.call("POST", f"/topics/{topic}/partitions/{number}/{action}", body)

    def markers(self, topic, refused):
        self.call("POST", f"/topics/{topic}/markers", {"refused": refused})

    def recreate(self, topic):
        return self.call("POST", f"/topics/{topic}/recreate")["id"]

    def cut(self):
        return self.call("POST", "/connections/cut")["cut"]

    def jump(self, milliseconds):
        return self.call("POST", "/clock", {"jumpMs": milliseconds})["clockOffset"]

    def disk(self, **state):
        return self.call("POST", "/disk", state)

    def intercept(self, api, action, **body):
        return self.call("POST", "/interceptions", {"api": api, "action": action, **body})["interceptions"]

    def interceptions(self):
        return self.call("GET", "/interceptions")["interceptions"]

    def clear(self):
        return self.call("DELETE", "/interceptions")["interceptions"]


class Refused(Exception):
    def __init__(self, status, error):
        super().__init__(f"{status}: {error}")
        self.status, self.code, self.reason = status, error["code"], error["reason"]
