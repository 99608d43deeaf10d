"""Several instances of one flow, as processes: each has its own configuration, log and status."""

import contextlib
import json
import signal

from support.checks import PATIENCE, check, eventually
from support.replicators import Watched, configured, flow
from support.topics import create_topic

# Short enough for a test to wait for its end, long enough for a machine that has much else to do.
SESSION = 3
# Far longer than a session, whatever else the machine has to do.
LONG = 3 * PATIENCE


def own_part(one):
    """What an instance says of the flow as it has it; empty while it says nothing."""
    try:
        return json.loads(one.get("/api/status?scope=instance"))["flows"][0]
    except (OSError, ValueError, IndexError):
        return {}


class Instances:
    """Processes that share the flow `flow` over one topic, by name."""

    def __init__(self, source, target, topic, partitions, stack, **settings):
        self.source, self.target, self.topic, self.partitions = source, target, topic, partitions
        self.stack, self.settings = stack, settings
        self.known = {}
        self.running = []

    def __getitem__(self, name):
        return self.known[name]

    def start(self, name, source=None, target=None, **instance):
        """Starts one, or starts it again. The addresses are those of this one alone."""
        if name not in self.known:
            self.known[name] = self.stack.enter_context(configured(
                source or self.source, target or self.target, flow(**{"topics": [self.topic], **self.settings})))
        one = self.known[name]
        document = one.document()
        document["instance"] = {"id": name, "sessionTimeout": f"{SESSION}s", "advertise": one.http, **instance}
        one.write(document)
        one.start()
        self.running.append(name)
        return one

    def kill(self, name):
        self.running.remove(name)
        self.known[name].kill()

    def stop(self, name):
        self.running.remove(name)
        status = self.known[name].stop()
        check(f"{name} stops with status 0", status == 0, f"{status}\n{self.known[name].log()[-3000:]}")

    def document(self, name):
        return own_part(self.known[name])

    def part(self, name):
        """Partitions of the topic that an instance says it has."""
        return [p["partition"] for p in self.document(name).get("partitions", [])
                if p["topic"] == self.topic and p.get("instance") == name]

    def parts(self, *names):
        return {name: self.part(name) for name in names or self.running}

    def settle(self, *names):
        """Waits until these, or all that run, have every partition once, and each of them some."""
        names = names or tuple(self.running)

        def are_settled():
            parts = self.parts(*names)
            return all(parts.values()) and sorted(sum(parts.values(), [])) == list(range(self.partitions))

        holds = eventually(are_settled, LONG)
        check(f"{', '.join(names)} share everything", holds, "" if holds else self.report())
        return holds

    def report(self):
        """What they say, for people."""
        return "\n".join(f"{name} has {self.part(name)}:\n{one.log()[-3000:]}" for name, one in self.known.items())


@contextlib.contextmanager
def instances(source, target, *names, topic="orders", partitions=8, replicas=1, **settings):
    """Instances of a flow with these settings that share a new topic; at the end all that run must stop in order."""
    create_topic(source, topic, partitions=partitions, replicas=replicas)
    with contextlib.ExitStack() as stack:
        shared = Instances(source, target, topic, partitions, stack, **settings)
        for name in names:
            shared.start(name)
        if names:
            shared.settle()
        yield shared
        for name in list(shared.running):
            shared.stop(name)


class Together(Watched):
    """Instances of one flow, used as a lone replicator is: what is asked of it concerns all that are to run."""

    def __init__(self, source, target, settings, most, stack):
        self.members = []
        for number in range(most):
            one = stack.enter_context(configured(source, target, settings))
            document = one.document()
            document["instance"] = {"id": f"i-{number}", "sessionTimeout": f"{SESSION}s", "advertise": one.http}
            one.write(document)
            self.members.append(one)
        self.count = 0

    @property
    def wanted(self):
        return self.members[:self.count]

    def join(self):
        """One more."""
        self.count += 1
        return self.wanted[-1].start()

    def leave(self):
        """One less; its exit status."""
        one = self.wanted[-1]
        self.count -= 1
        return one.stop()

    def start(self):
        for one in self.wanted:
            if not one.is_alive():
                one.start()

    def kill(self):
        for one in self.wanted:
            one.kill()

    def stop(self):
        """Asks all to stop in order; 0 when each has done so with that status."""
        for one in self.wanted:
            one.process.send_signal(signal.SIGTERM)
        return next((status for status in [one.stop() for one in self.wanted] if status != 0), 0)

    def is_alive(self):
        return all(one.is_alive() for one in self.wanted)

    def log(self):
        return "\n".join(f"{number}: {line}" for number, one in enumerate(self.members) for line in one.log().splitlines())

    def documents(self):
        return [own_part(one) for one in self.wanted]

    def runs(self):
        return all(document.get("state") == "running" for document in self.documents())

    def partitions(self):
        """Of each instance its own."""
        return [dict(p, flow=document["name"]) for document in self.documents() for p in document.get("partitions", [])]
