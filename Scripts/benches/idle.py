"""Very many partitions: the time until all are in step, and what they cost while nothing happens."""

import contextlib
import time

from benches.harness import EAST, WEST, Case, await_true, broker, is_in_step, running
from processes import cpu_seconds, memory_megabytes

SECONDS = 20


def create(port, topics, partitions):
    from confluent_kafka.admin import AdminClient, NewTopic
    client = AdminClient({"bootstrap.servers": f"127.0.0.1:{port}", "log_level": 0})
    names = [f"t-{number}" for number in range(topics)]
    for start in range(0, topics, 500):
        new = [NewTopic(name, partitions, 1) for name in names[start:start + 500]]
        for outcome in client.create_topics(new, request_timeout=300).values():
            outcome.result()


def change_setting(port, topic):
    from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType
    client = AdminClient({"bootstrap.servers": f"127.0.0.1:{port}", "log_level": 0})
    entry = ConfigEntry("retention.ms", "123456789", incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    client.incremental_alter_configs([resource])[resource].result()


def has_setting(port, topic):
    from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType
    client = AdminClient({"bootstrap.servers": f"127.0.0.1:{port}", "log_level": 0})
    resource = ConfigResource(ResourceType.TOPIC, topic)
    return client.describe_configs([resource])[resource].result()["retention.ms"].value == "123456789"


def quiet(topics, partitions):
    @contextlib.contextmanager
    def prepare(env):
        count = topics * partitions
        with broker(env, EAST):
            create(EAST, topics, partitions)

            def measure(program):
                with broker(env, WEST):
                    figures = {}
                    for name in ("first start s", "start s"):
                        began = time.monotonic()
                        with running(env, program, topics="t-*") as child:
                            await_true("all are in step", lambda: is_in_step(count), pause=0.1)
                            figures[name] = time.monotonic() - began
                            if name == "first start s":
                                continue
                            time.sleep(3 if env.is_quick else 10)
                            before = cpu_seconds(child.pid)
                            time.sleep(SECONDS)
                            figures["at rest % of a core"] = 100 * (cpu_seconds(child.pid) - before) / SECONDS
                            figures["at rest MB"] = memory_megabytes(child.pid, "VmRSS")
                            topic = f"t-{topics - 1}"
                            change_setting(EAST, topic)
                            began = time.monotonic()
                            await_true("the setting is carried over", lambda: has_setting(WEST, f"east.{topic}"))
                            figures["setting s"] = time.monotonic() - began
                    return figures
            yield measure
    return prepare


CASES = [
    Case("1,000 partitions in one topic", quiet(1, 1_000)),
    Case("10,000 partitions in 100 topics", quiet(100, 100)),
    Case("10,000 topics", quiet(10_000, 1)),
]
