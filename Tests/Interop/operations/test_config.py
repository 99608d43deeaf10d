"""`replicator config`: a configuration file before anything connects."""

import json

import jsonschema
import pytest
import yaml

from support.program import ROOT, command

VALID = {
    "clusters": {
        "east": {"bootstrapServers": ["127.0.0.1:1"]},
        "west": {
            "bootstrapServers": "127.0.0.1:2",
            "securityProtocol": "SASL_PLAINTEXT",
            "sasl": {"mechanism": "PLAIN", "username": "bob", "password": "hunter2"},
        },
    },
    "flows": [{"name": "f", "source": "east", "target": "west", "topics": {"allow": [".*"]}}],
}


def config(*arguments):
    return command("config", *map(str, arguments))


@pytest.fixture
def schema():
    found = config("schema")
    assert found.returncode == 0, found.stderr
    document = json.loads(found.stdout)
    jsonschema.Draft202012Validator.check_schema(document)
    return jsonschema.Draft202012Validator(document)


def write(folder, document):
    path = folder / "replicator.yaml"
    path.write_text(document if isinstance(document, str) else yaml.safe_dump(document))
    path.chmod(0o600)
    return path


def changed(path, value):
    """VALID with one value changed; an absent key is added."""
    document = json.loads(json.dumps(VALID))
    place = document
    for step in path[:-1]:
        place = place.setdefault(step, {}) if isinstance(place, dict) else place[step]
    place[path[-1]] = value
    return document


FLOW = ("flows", 0)
VARIANTS = [
    ((*FLOW, "sync"), {"interval": "10s", "deleteTopics": {"after": "1h"}}, True),
    ((*FLOW, "sync"), {"deleteTopics": "never"}, True),
    ((*FLOW, "bufferBytes"), "64MiB", True),
    ((*FLOW, "bufferBytes"), 67108864, True),
    ((*FLOW, "shards"), "${env:HOME}", None),  # only the schema takes it: it does not know what the variable holds
    ((*FLOW, "startFrom"), "2026-01-31T12:00:00Z", True),
    ((*FLOW, "compression"), "zstd", True),
    ((*FLOW, "topics", "deny"), "one", True),
    (("http",), {"listen": "127.0.0.1:9644", "authentication": {"users": {"ops": "x"}}}, True),
    (("reload",), "onChange", True),
    ((*FLOW, "compression"), "brotli", False),
    ((*FLOW, "sync"), {"interval": "soon"}, False),
    ((*FLOW, "sync"), {"acls": "maybe"}, False),
    ((*FLOW, "shards"), 0, False),
    ((*FLOW, "unknown"), 1, False),
    ((*FLOW, "name"), "two words", False),
    ((*FLOW, "topics"), {}, False),
    (("http",), {"stuckAfter": "5s"}, False),
    (("clusters", "west", "sasl", "mechanism"), "KERBEROS", False),
    (("flows",), [], False),
]


@pytest.mark.parametrize("path, value, is_valid", VARIANTS)
def test_schema_and_check_agree(schema, tmp_path, path, value, is_valid):
    document = changed(path, value)
    found = config("check", "--json", "--config", write(tmp_path, document))
    report = json.loads(found.stdout)
    assert found.returncode == (0 if report["valid"] else 2)
    if is_valid is not None:
        assert report["valid"] == is_valid, report
    errors = [error.message for error in schema.iter_errors(document)]
    assert (not errors) == (is_valid is not False), errors


def test_the_example_is_valid(schema):
    example = ROOT / "replicator.yaml.example"
    found = config("check", "--config", example)
    assert (found.returncode, found.stderr) == (0, "")
    assert "no problem found in 2 clusters and 1 flow" in found.stdout
    assert list(schema.iter_errors(yaml.safe_load(example.read_text()))) == []


def test_all_problems_are_told_at_once(tmp_path):
    path = write(tmp_path, "clusters: {a: {bootstrapServers: nonsense}}\nflows: [{name: f}]\nextra: 1\n")
    found = config("check", "--config", path)
    assert found.returncode == 2 and found.stdout == ""
    lines = found.stderr.splitlines()
    assert len(lines) >= 5, lines
    assert all(line.startswith(f"{path}:") for line in lines)


def test_files_that_cannot_be_read_are_warned_of(tmp_path):
    authorities, folder = tmp_path / "ca.pem", tmp_path / "folder"
    authorities.write_text("")
    folder.mkdir()
    document = changed(("clusters", "west", "tls"), {
        "caFile": str(authorities), "certificateFile": str(tmp_path / "none.pem"), "keyFile": str(folder)})
    document["clusters"]["west"]["securityProtocol"] = "SASL_SSL"
    path = write(tmp_path, document)
    found = config("check", "--config", path)
    assert found.returncode == 0, found.stderr
    warnings = [line for line in found.stdout.splitlines() if line.startswith("warning: ") and "cannot read" in line]
    assert [line.split(": cannot read ")[1] for line in warnings] == [
        f"{tmp_path / 'none.pem'}: no such file", f"{folder}: it is a directory"]
    assert all(line.startswith(f"warning: {path}:") for line in warnings)
    assert "clusters.west.tls.certificateFile" in warnings[0]
    assert json.loads(config("check", "--json", "--config", path).stdout)["warnings"][-1].endswith("it is a directory")


def test_show_tells_values_and_their_origins_and_no_secret(schema, tmp_path):
    path = write(tmp_path, VALID)
    found = config("show", "--config", path)
    assert found.returncode == 0, found.stderr
    assert "hunter2" not in found.stdout + found.stderr
    shown = yaml.safe_load(found.stdout)
    assert shown["flows"][0]["sync"]["interval"] == "5s"
    assert list(schema.iter_errors(shown)) == []
    values = {value["path"]: value for value in json.loads(
        config("show", "--json", "--config", path).stdout)}
    assert values["flows[0].sync.interval"]["origin"] == "default"
    assert values["flows[0].name"]["origin"] == "file"
    assert values["clusters.west.sasl.password"]["secret"] is True
