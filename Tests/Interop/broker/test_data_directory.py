"""`replicator broker --data`: whose directory it is, one broker at a time, and secrets that stay off the command line."""

import os
import pathlib

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from support.brokers import broker, secured
from support.checks import check, equal
from support.program import command


def contents(directory):
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


@pytest.mark.parametrize("files", [
    pytest.param({"meta.properties": "version=1\ncluster.id=x\nnode.id=1\n", "orders-0/00000000000000000000.log": "x",
                  "orders-0.0123456789abcdef0123456789abcdef-delete/y": "z"}, id="of Apache Kafka"),
    pytest.param({"orders-0/00000000000000000000.log": "x", "photos.deleted/y": "z"}, id="with logs"),
    pytest.param({"notes.txt": "x"}, id="of anybody")])
def test_a_foreign_directory(tmp_path, files):
    """It is refused with status 1, and nothing in it is created or changed."""
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    before = contents(tmp_path)
    ended = command("broker", "--listen", "127.0.0.1:0", "--data", str(tmp_path))
    equal("status", ended.returncode, 1)
    check("the reason names the directory and what to do",
          str(tmp_path) in ended.stderr and "empty" in ended.stderr, ended.stderr)
    equal("nothing is changed", contents(tmp_path), before)


def test_one_broker_at_a_time(tmp_path):
    """A second one is told who has the directory; after a kill -9 the next one gets it."""
    with broker(data=tmp_path / "data") as running:
        ended = command("broker", "--listen", "127.0.0.1:0", "--data", str(tmp_path / "data"))
        equal("status", ended.returncode, 1)
        check("it says who has it", f"in use by process {running.process.pid}" in ended.stderr, ended.stderr)
        running.kill()
        running.restart_on_same_ports()


def test_a_damaged_journal(tmp_path):
    """It is refused with file, place and remedy, whichever byte it is."""
    data = tmp_path / "data"
    with broker(data=data) as running:
        client = AdminClient({"bootstrap.servers": running.bootstrap})
        client.create_topics([NewTopic("t", 3, 1)])["t"].result()
    journal = data / "cluster.journal"
    whole = journal.read_bytes()
    for place in range(0, len(whole) - 60, 31):
        journal.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1:])
        before = contents(data)
        ended = command("broker", "--listen", "127.0.0.1:0", "--data", str(data))
        check(f"byte {place} is refused",
              ended.returncode == 1 and str(journal) in ended.stderr and "at byte" in ended.stderr, ended.stderr)
        equal("nothing is changed", {**contents(data), ".lock": b""}, {**before, ".lock": b""})


def test_secrets_from_files_and_variables(tmp_path, monkeypatch):
    """Passwords work from a file and a variable, and are not on the command line."""
    (tmp_path / "jaas").write_text(
        'org.apache.kafka.common.security.plain.PlainLoginModule required user_alice="HUNTER2";\n')
    monkeypatch.setenv("BOB_PASSWORD", "HUNTER3")
    module = "org.apache.kafka.common.security.plain.PlainLoginModule required"
    for config, user, password in ((f"${{file:{tmp_path}/jaas}}", "alice", "HUNTER2"),
                                   (f'{module} user_bob="${{env:BOB_PASSWORD}}";', "bob", "HUNTER3")):
        settings = {"sasl.enabled.mechanisms": "PLAIN", "sasl.jaas.config": config}
        with secured(settings, listeners=("SASL_PLAINTEXT",)) as addresses:
            def log_in(given):
                client = AdminClient({
                    "bootstrap.servers": addresses["SASL_PLAINTEXT"], "security.protocol": "SASL_PLAINTEXT",
                    "sasl.mechanism": "PLAIN", "sasl.username": user, "sasl.password": given, "log_level": 0})
                try:
                    client.list_topics(timeout=3)
                    return True
                except KafkaException:
                    return False
            equal(f"{user} is known by the password alone", [log_in(password), log_in("wrong")], [True, False])
            lines = [path.read_bytes() for path in pathlib.Path("/proc").glob("[0-9]*/cmdline") if readable(path)]
            check("no command line has the password", not [line for line in lines if password.encode() in line])
    ended = command("broker", "--listen", "127.0.0.1:0", "--set", "sasl.jaas.config=${file:/no/such}")
    equal("a file that is not there is wrong usage", ended.returncode, 2)
    check("and named with its setting", "sasl.jaas.config" in ended.stderr and "/no/such" in ended.stderr, ended.stderr)


def readable(path):
    try:
        path.read_bytes()
        return True
    except OSError:
        return False


def test_modes(tmp_path):
    """What is created is for its owner alone."""
    data = tmp_path / "data"
    with broker(data=data):
        equal("the directory", oct(os.stat(data).st_mode & 0o777), "0o700")
        for name in ("cluster.journal", "meta.properties", ".lock"):
            equal(name, oct(os.stat(data / name).st_mode & 0o777), "0o600")
