"""The chart and the manifests made from it: what Kubernetes takes, and what fits the program."""

import os
import re
import subprocess

import jsonschema
import kubernetes_validate
import pytest
import yaml

from shipping import chart
from support.checks import check, equal
from support.program import ROOT, program

# The oldest that the chart names, and a recent one.
RELEASES = ["1.25", "1.33"]
CHANGES = {
    "as it is": {},
    "with names that stay": {"kind": "StatefulSet"},
    "with an image of one's own": {"image.repository": "registry.example:5000/replicator", "image.tag": "1.2.3", "replicas": 5},
    "with less": {"podDisruptionBudget.enabled": False, "networkPolicy.enabled": False},
    "with the operator": {"serviceMonitor.enabled": True, "networkPolicy.from": []},
}


def refused(errors, action):
    try:
        action()
    except errors:
        return True
    return False


def objects(changes):
    """By kind: what the chart makes."""
    return {one["kind"]: one for text in chart.render(changes).values() for one in yaml.safe_load_all(text)}


def test_the_plain_manifests_are_those_of_the_chart():
    kept = {path.name: path.read_text() for path in chart.PLAIN.glob("*.yaml")}
    check("Packaging/kubernetes is up to date: Scripts/shipping/chart.py writes it", kept == chart.manifests())


@pytest.mark.parametrize("changes", CHANGES.values(), ids=CHANGES.keys())
def test_kubernetes_takes_what_the_chart_makes(changes):
    jsonschema.validate(chart.settings(changes), yaml.safe_load((chart.CHART / "values.schema.json").read_text()))
    made = objects(changes)
    # A definition that operators bring along is not among Kubernetes' schemas.
    monitor = made.pop("ServiceMonitor", None)
    for kind, one in made.items():
        for release in RELEASES:
            try:
                kubernetes_validate.validate(one, release, strict=True)
                said = ""
            except kubernetes_validate.ValidationError as error:
                said = error.message
            equal(f"Kubernetes {release} has nothing against the {kind}", said, "")
    if monitor:
        service, (endpoint,) = made["Service"], monitor["spec"]["endpoints"]
        equal("it selects the service", monitor["spec"]["selector"]["matchLabels"], service["metadata"]["labels"])
        check("at a port that it has", endpoint["port"] in [port["name"] for port in service["spec"]["ports"]])
        equal("the series have the job that the alerts ask for", service["metadata"]["labels"][monitor["spec"]["jobLabel"]],
              "replicator")


def test_the_schemas_would_tell():
    """The check itself: a field that does not exist."""
    wrong = objects({})["Deployment"]
    wrong["spec"]["template"]["spec"]["containers"][0]["readOnly"] = True
    check("Kubernetes' schema tells it", refused(
        kubernetes_validate.ValidationError, lambda: kubernetes_validate.validate(wrong, RELEASES[0], strict=True)))
    schema = yaml.safe_load((chart.CHART / "values.schema.json").read_text())
    for changes in ({"kind": "DaemonSet"}, {"replicas": "three"}, {"networkPolicy.kafkaPorts": []}):
        check(f"the chart's schema tells {changes}", refused(
            jsonschema.ValidationError, lambda: jsonschema.validate(chart.settings(changes), schema)))


@pytest.mark.parametrize("kind", ["StatefulSet", "Deployment"])
def test_pods_fit_the_program(kind, tmp_path):
    """What the pods are given fits the configuration that they read, and the program."""
    found = objects({"kind": kind})
    equal("what there is", set(found), {"ConfigMap", "Service", "PodDisruptionBudget", "NetworkPolicy", kind})
    pods = found[kind]["spec"]
    template, labels = pods["template"], pods["template"]["metadata"]["labels"]
    (container,) = template["spec"]["containers"]
    equal("instances", pods["replicas"], 3)
    policy = found["NetworkPolicy"]["spec"]
    for selector in (pods["selector"]["matchLabels"], found["Service"]["spec"]["selector"],
                     found["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"], policy["podSelector"]["matchLabels"],
                     policy["ingress"][0]["from"][0]["podSelector"]["matchLabels"],
                     policy["egress"][1]["to"][0]["podSelector"]["matchLabels"]):
        equal("selectors fit the pods", selector, labels)
    if kind == "StatefulSet":
        equal("the service that gives the names", pods["serviceName"], found["Service"]["metadata"]["name"])
    unit = (ROOT / "Packaging" / "replicator.service").read_text()
    stop = int(re.search(r"^TimeoutStopSec=(\d+)$", unit, re.M).group(1))
    check("there is time to hand over", template["spec"]["terminationGracePeriodSeconds"] >= stop)
    volumes = {volume["name"]: volume for volume in template["spec"]["volumes"]}
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    equal("everything is mounted", set(volumes), set(mounts))
    equal("the configuration is the map's", volumes["configuration"]["configMap"]["name"], found["ConfigMap"]["metadata"]["name"])
    equal("the program reads it there", container["args"][:3],
          ["run", "--config", f"{mounts['configuration']}/replicator.yaml"])
    text = found["ConfigMap"]["data"]["replicator.yaml"]
    secrets = re.findall(r"\$\{file:([^}]*)/(\w+)\}", text)
    equal("secrets are files of the secret", {folder for folder, _ in secrets}, {mounts["secrets"]})
    said = (chart.CHART / "values.yaml").read_text()
    equal("the comment makes each", {name for _, name in secrets}, set(re.findall(r"--from-file=(\w+)", said)))
    check("no secret is in the environment", "secretKeyRef" not in str(container))
    for _, name in secrets:
        (tmp_path / name).write_text("x")
    path = tmp_path / "replicator.yaml"
    path.write_text(text.replace(mounts["secrets"], str(tmp_path)))
    variables = set(re.findall(r"\$\{env:(\w+)\}", text))
    fields = {one["name"]: one["valueFrom"]["fieldRef"]["fieldPath"] for one in container["env"]}
    equal("name and address are the pod's, and there is nothing else", (fields, set(fields)),
          ({"POD_NAME": "metadata.name", "POD_IP": "status.podIP"}, variables))
    done = subprocess.run([program(), "config", "check", "--config", str(path)], capture_output=True, text=True,
                          env={**os.environ, "POD_NAME": "replicator-0", "POD_IP": "10.1.2.3"})
    equal("it is a valid configuration", (done.returncode, done.stderr), (0, ""))
    configured = yaml.safe_load(text)
    port = container["ports"][0]["containerPort"]
    equal("it listens where probes and the others ask",
          (configured["http"]["listen"], configured["instance"]["advertise"]), (f"0.0.0.0:{port}", f"${{env:POD_IP}}:{port}"))
    equal("probes", [container[one]["httpGet"] for one in ("livenessProbe", "readinessProbe")],
          [{"path": "/healthz", "port": "http"}, {"path": "/readyz", "port": "http"}])
    (user,) = re.findall(r'^USER = "(\d+):\d+"$', (ROOT / "Scripts/shipping/image.py").read_text(), re.M)
    equal("it runs as the image's user", template["spec"]["securityContext"]["runAsUser"], int(user))


def test_what_the_chart_does_not_keep_to_is_refused():
    for text in ("{{ include \"x\" . }}", "{{- range .Values.a }}{{- end }}", "{{ .Values.kind | upper }}"):
        check(text, refused((ValueError, KeyError), lambda: chart.rendered(text, {"Values": chart.settings()})))


def test_the_language_is_helms():
    """As Go's templates do: a hyphen takes the space beside it away, with line breaks."""
    scope = {"Values": {"a": True, "b": {"c": ["x", 1]}, "s": "one\ntwo"}}
    for text, wanted in (
        ("k:\n  {{- if .Values.a }}\n  l: 1\n  {{- end }}\nm: 2\n", "k:\n  l: 1\nm: 2\n"),
        ('{{- if eq .Values.s "no" }}\na\n{{- else }}\nb\n{{- end }}\n', "\nb\n"),
        ("k:\n  {{- toYaml .Values.b | nindent 2 }}\n", "k:\n  c:\n  - x\n  - 1\n"),
        ("k: |\n  {{- .Values.s | nindent 2 }}\n", "k: |\n  one\n  two\n"),
        ("{{ .Values.s | quote }}", '"one\ntwo"'),
        ("a {{- .Values.s -}}   b", "aone\ntwob"),
    ):
        equal(text, chart.rendered(text, scope), wanted)
