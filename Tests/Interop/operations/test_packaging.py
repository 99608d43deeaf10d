"""What comes with the program: the systemd unit and its secrets, the image's health check and configuration."""

import fnmatch
import os
import re
import shlex
import shutil
import subprocess

import pytest
import yaml

from support.checks import check, equal
from support.program import ROOT, command, program
from support.records import produce_numbers
from support.replicators import configured, flow, replicator
from support.topics import create_topic

CONTAINERFILE = (ROOT / "Packaging" / "Containerfile").read_text()
UNIT = ROOT / "Packaging" / "replicator.service"
TEMPLATE = ROOT / "Packaging" / "replicator@.service"


def test_the_unit_is_one_that_systemd_takes(tmp_path):
    if not shutil.which("systemd-analyze"):
        check("there is no systemd-analyze here", True)
        return
    for source, name in ((UNIT, UNIT.name), (TEMPLATE, "replicator@9644.service")):
        unit = tmp_path / name
        unit.write_text(source.read_text().replace("/usr/local/bin/replicator", program()).replace(
            "Documentation=man:replicator(1)\n", ""))
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True,
                              env={**os.environ, "SYSTEMD_LOG_LEVEL": "warning"})
        own = [line for line in done.stderr.splitlines() if "replicator" in line]
        equal(f"systemd has nothing against {name}", own, [])


def test_the_template_is_the_unit_with_a_port():
    settings = lambda path: [line for line in path.read_text().splitlines() if "=" in line and not line.startswith("#")]
    unit, template = settings(UNIT), settings(TEMPLATE)
    equal("what only the unit has", [line for line in unit if line not in template], ["Description=Kafka replicator"])
    equal("what only the template has", [line for line in template if line not in unit],
          ["Description=Kafka replicator, instance at port %i", "Environment=REPLICATOR_PORT=%i"])
    check("the documents say where the port goes", "${env:REPLICATOR_PORT}" in (ROOT / "Docs" / "Instances.md").read_text())


@pytest.mark.parametrize("kind", ["StatefulSet", "Deployment"])
def test_instances_on_kubernetes(kind, tmp_path):
    """What the pods are given fits the configuration that they read, and the program."""
    text = (ROOT / "Packaging" / f"kubernetes-{kind.lower()}.yaml").read_text()
    found = {one["kind"]: one for one in yaml.safe_load_all(text)}
    equal("what there is", set(found), {"ConfigMap", "Service", "PodDisruptionBudget", kind})
    pods = found[kind]["spec"]
    template, labels = pods["template"], pods["template"]["metadata"]["labels"]
    (container,) = template["spec"]["containers"]
    equal("instances", pods["replicas"], 3)
    for selector in (pods["selector"]["matchLabels"], found["Service"]["spec"]["selector"],
                     found["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"]):
        equal("selectors fit the pods", selector, labels)
    if kind == "StatefulSet":
        equal("the service that gives the names", pods["serviceName"], found["Service"]["metadata"]["name"])
    stop = int(re.search(r"^TimeoutStopSec=(\d+)$", UNIT.read_text(), re.M).group(1))
    check("there is time to hand over", template["spec"]["terminationGracePeriodSeconds"] >= stop)
    (volume,) = template["spec"]["volumes"]
    equal("the configuration is mounted", (volume["configMap"]["name"], container["volumeMounts"][0]["name"]),
          (found["ConfigMap"]["metadata"]["name"], volume["name"]))
    equal("the program reads it there", container["args"][:3],
          ["run", "--config", f"{container['volumeMounts'][0]['mountPath']}/replicator.yaml"])
    path = tmp_path / "replicator.yaml"
    path.write_text(found["ConfigMap"]["data"]["replicator.yaml"])
    variables = set(re.findall(r"\$\{env:(\w+)\}", path.read_text()))
    equal("each variable is set, and no other", {one["name"] for one in container["env"]}, variables)
    fields = {one["name"]: one["valueFrom"].get("fieldRef", {}).get("fieldPath") for one in container["env"]}
    equal("name and address are the pod's", (fields["POD_NAME"], fields["POD_IP"]), ("metadata.name", "status.podIP"))
    values = {name: "x" for name in variables} | {"POD_NAME": "replicator-0", "POD_IP": "10.1.2.3"}
    done = subprocess.run([program(), "status", "--live", "--config", str(path)], capture_output=True, text=True,
                          env={**os.environ, **values})
    equal("it is a valid configuration", (done.returncode, "no replicator answers" in done.stderr), (1, True))
    configured = yaml.safe_load(path.read_text())
    port = container["ports"][0]["containerPort"]
    equal("it listens where probes and the others ask",
          (configured["http"]["listen"], configured["instance"]["advertise"]), (f"0.0.0.0:{port}", f"${{env:POD_IP}}:{port}"))
    equal("probes", [container[one]["httpGet"] for one in ("livenessProbe", "readinessProbe")],
          [{"path": "/healthz", "port": "http"}, {"path": "/readyz", "port": "http"}])


def test_secrets_of_the_unit_are_read_where_systemd_puts_them(east, west, tmp_path):
    """LoadCredential=secrets:DIRECTORY puts DIRECTORY/NAME into $CREDENTIALS_DIRECTORY/secrets_NAME."""
    loaded = re.search(r"^LoadCredential=(\w+):(/\S+)$", UNIT.read_text(), re.M)
    check("the unit loads a folder of secrets", loaded)
    name, folder = loaded.groups()
    operations = (ROOT / "Docs" / "Operations.md").read_text()
    check("installing makes the folder", f"install -d -m 700 {folder}" in operations)
    secret = tmp_path / f"{name}_west"
    secret.write_text("s3cret\n")
    secret.chmod(0o600)
    reference = f"${{file:${{env:CREDENTIALS_DIRECTORY}}/{name}_west}}"
    check("the documents and the unit show how it is named", reference in operations and reference in UNIT.read_text())
    create_topic(east.bootstrap, "orders", partitions=1)
    with configured(east.bootstrap, west.bootstrap) as running:
        document = running.document()
        document["http"]["authentication"] = {"users": {"ops": reference}}
        running.write(document)
        environment = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
        without = command("plan", "--config", str(running.path))
        check("without systemd's variable it says which one is missing",
              without.returncode == 2 and "CREDENTIALS_DIRECTORY is not set" in without.stderr, without.stderr)
        running.start(environment=environment)
        asked = lambda: subprocess.run(
            [program(), "status", "--url", running.http, "--user", "ops"], capture_output=True, text=True,
            env={**os.environ, "REPLICATOR_HTTP_PASSWORD": "s3cret"})
        running.awaits("the secret is the password", lambda: "flow: east" in asked().stdout)
        check("nothing shows it", "s3cret" not in running.log())
        equal("it stops with status 0", running.stop(), 0)


def health_check():
    text = re.search(r"^HEALTHCHECK .*?CMD (\[.*?\])$", CONTAINERFILE.replace("\\\n", " "), re.M).group(1)
    return [word.strip(' "') for word in text.strip("[]").split(",")]


def test_the_health_check_is_about_life(east, west):
    """A container that waits for a cluster is not ready, and must not be restarted for that."""
    create_topic(east.bootstrap, "orders", partitions=1)
    with replicator(east.bootstrap, west.bootstrap) as running:
        running.awaits("the flow runs", running.runs)
        words = [str(running.path) if w.startswith("/etc/") else w for w in health_check()]
        equal("the image asks the program", words[0], "replicator")
        ask = lambda: command(*words[1:])
        equal("healthy while all is well", (ask().returncode, ask().stderr), (0, ""))
        west.kill()
        running.awaits("it is not ready without a cluster", lambda: running.obstacles() != "")
        equal("it is healthy all the same", (ask().returncode, ask().stderr), (0, ""))
        equal("with a question that makes no sense with it", command("status", "--live", "--json").returncode, 2)
        running.kill()
        equal("unhealthy once it is gone", ask().returncode, 1)


def test_the_image_listens_where_its_port_is_published(tmp_path):
    text = (ROOT / "Packaging" / "replicator-container.yaml").read_text()
    check("the image's comment names the configuration", "replicator-container.yaml:/etc/replicator/replicator.yaml"
          in CONTAINERFILE)
    port = re.search(r"^EXPOSE (\d+)$", CONTAINERFILE, re.M).group(1)
    check("it listens on all addresses, at the exposed port", f'listen: "0.0.0.0:{port}"' in text)
    path = tmp_path / "replicator.yaml"
    path.write_text(text)
    # Nobody answers there; that the configuration is accepted is what matters.
    done = subprocess.run([program(), "status", "--live", "--config", str(path)], capture_output=True, text=True,
                          env={**os.environ, "OPS_PASSWORD": "x"})
    equal("it is a valid configuration", (done.returncode, "no replicator answers" in done.stderr), (1, True))
    environment = re.findall(r"\$\{env:(\w+)\}", text)
    check("the comment passes what it refers to", all(f"-e {name}=" in CONTAINERFILE for name in environment))


def test_the_image_is_built_from_sources_only():
    ignored = [line for line in (ROOT / ".dockerignore").read_text().splitlines()
               if line and not line.startswith("#")]
    hidden = lambda path: any(fnmatch.fnmatch(path, pattern.removeprefix("**/")) for pattern in ignored)
    for path in (".git", ".build", ".build-dist", ".venv", "dist", "replicator-data"):
        check(f"{path} is left out", hidden(path))
    copied = shlex.split(re.search(r"^cp -R (.*)$", (ROOT / "Scripts" / "dist.sh").read_text(), re.M).group(1))
    for path in ["Sources", "Package.swift", "Packaging", "Scripts", *copied[:-1]]:
        check(f"{path} is there", not hidden(path))


def test_what_a_first_start_leaves_behind_is_said_aloud(east, west):
    """Without startFrom a flow begins at the end: whoever did not know that hears of it."""
    create_topic(east.bootstrap, "orders", partitions=2)
    produce_numbers(east.bootstrap, "orders", range(70), partitions=2)
    left = "70 offsets that east holds already in 2 partitions are not copied"
    wanted = flow()
    del wanted["startFrom"]
    with configured(east.bootstrap, west.bootstrap, wanted) as running:
        config = ["--config", str(running.path)]
        plan, doctor = command("plan", *config), command("doctor", *config)
        check("plan says so", left in plan.stdout, plan.stdout)
        check("doctor says so", left in doctor.stdout and "startFrom: earliest" in doctor.stdout, doctor.stdout)
        running.start()
        running.awaits("the flow runs", running.runs)
        equal("run says so", running.log().count(left), 1)
        produce_numbers(east.bootstrap, "orders", range(70, 100), partitions=2)
        running.copies(east.bootstrap, ["orders"])
        equal("it stops with status 0", running.stop(), 0)
        check("afterwards it is no news for plan", left not in command("plan", *config).stdout)
        running.start()
        running.awaits("the flow runs again", running.runs)
        equal("nor for run", running.log().count(left), 1)
        equal("it stops with status 0", running.stop(), 0)
    with configured(east.bootstrap, west.bootstrap, flow("all")) as running:
        check("from the beginning nothing is left behind",
              "not copied" not in command("plan", "--config", str(running.path)).stdout)
