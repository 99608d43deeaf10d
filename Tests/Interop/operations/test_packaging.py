"""What comes with the program: packages, the systemd unit and its secrets, the image's health check and configuration.

`make dist-test` installs the packages and runs what is in them.
"""

import fnmatch
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile

import cyclonedx
import jsonschema
import pytest
import referencing.jsonschema

from shipping import build, deb, tree
from support.checks import check, equal
from support.packages import installed
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


# Python itself may be readable for root alone: what is imported before is there.
AS_A_USER = """
import contextlib, datetime, os, pathlib, platform, shutil, subprocess, sys, tempfile, types
platform.machine()
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
sys.path.insert(0, "Scripts")
from shipping import image
file = pathlib.Path("LICENSE").resolve()
staged = types.SimpleNamespace(program=file, libraries=[], licences=file, bill=file, version="1", seconds=0,
                               time=datetime.datetime.fromtimestamp(0, datetime.timezone.utc))
print(image.build(staged, pathlib.Path("dist").resolve()))
"""


def test_a_user_who_is_not_root_makes_the_image():
    """And root owns what is in it."""
    for package in ("umoci", "ca-certificates"):
        installed(package)
    with tree.temporary() as work:
        shutil.copytree(ROOT / "Scripts" / "shipping", work / "Scripts" / "shipping")
        shutil.copy(ROOT / "LICENSE", work / "LICENSE")
        for path in (work / "dist", work / "home"):
            path.mkdir()
            path.chmod(0o777)
        done = subprocess.run([sys.executable, "-c", AS_A_USER], cwd=work, capture_output=True, text=True,
                              env={"PATH": os.environ["PATH"], "HOME": str(work / "home"), "TMPDIR": str(work / "home")})
        check("the image is made", done.returncode == 0, done.stderr)
        layout = work / "layout"
        layout.mkdir()
        subprocess.run(["tar", "-xf", done.stdout.strip(), "-C", layout], check=True)
        owners = set()
        for blob in (layout / "blobs" / "sha256").iterdir():
            if tarfile.is_tarfile(blob):
                with tarfile.open(blob) as layer:
                    owners |= {(member.uid, member.gid) for member in layer}
        equal("owners in it", owners, {(0, 0)})


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
    packed = {str(path.relative_to(ROOT)) for path in tree.documents()}
    for path in ["Sources", "Package.swift", "Packaging", "Scripts", *packed]:
        check(f"{path} is there", not hidden(path))


def test_what_is_packed(tmp_path):
    """Of the program under test: Swift's libraries are packed too, since this is not the build for others."""
    installed("dpkg-dev")
    (tmp_path / "work").mkdir()
    staged = build.stage(program(), tmp_path / "work", with_libraries=True)
    the_bill_of_materials_is_one(staged)
    the_debian_package_has_what_belongs_there(staged, tmp_path)


def the_debian_package_has_what_belongs_there(staged, tmp_path):
    archive = deb.build(staged, tmp_path, compression="none")
    (tmp_path / "again").mkdir()
    digest = lambda path: hashlib.sha256(path.read_bytes()).hexdigest()
    equal("made again it has the same bytes", digest(deb.build(staged, tmp_path / "again", compression="none")),
          digest(archive))
    asked = lambda *words: subprocess.run(["dpkg-deb", *words], check=True, capture_output=True, text=True).stdout
    fields = dict(line.split(": ", 1) for line in asked("--field", archive).splitlines() if ": " in line and line[0] != " ")
    equal("name and version", (fields["Package"], fields["Version"]), ("replicator", staged.version))
    needed = {library.package for library in staged.libraries if library.package}
    # What another needs anyway is not named twice.
    named = {part.split()[0] for part in fields["Depends"].split(", ")}
    equal("it depends on the packages of the libraries that it loads", needed - named, set())
    subprocess.run(["dpkg-deb", "--raw-extract", archive, tmp_path / "root"], check=True)
    root = tmp_path / "root"
    control = root / "DEBIAN"
    equal("the configuration is the administrator's", (control / "conffiles").read_text(), "/etc/replicator/replicator.yaml\n")
    listed = asked("--contents", archive)
    check("everything is root's", all(line.split()[1] == "root/root" for line in listed.splitlines()), listed)
    modes = {path: (root / path).stat().st_mode & 0o777 for path in (
        "usr/bin/replicator", "etc/replicator/replicator.yaml", "etc/replicator/secrets", "DEBIAN/postinst", "DEBIAN/prerm",
        "DEBIAN/postrm")}
    equal("modes", modes, {
        "usr/bin/replicator": 0o755, "etc/replicator/replicator.yaml": 0o644, "etc/replicator/secrets": 0o700,
        "DEBIAN/postinst": 0o755, "DEBIAN/prerm": 0o755, "DEBIAN/postrm": 0o755})
    for path in ("usr/share/man/man1/replicator.1.gz", "usr/share/bash-completion/completions/replicator",
                 "usr/share/zsh/vendor-completions/_replicator", "usr/share/fish/vendor_completions.d/replicator.fish",
                 "usr/share/doc/replicator/copyright", "usr/share/doc/replicator/changelog.gz",
                 "usr/share/doc/replicator/third-party-licences.txt", "usr/share/doc/replicator/bom.cdx.json"):
        check(f"it has {path}", (root / path).stat().st_size > 0)
    for unit in (UNIT, TEMPLATE):
        packed = (root / "usr/lib/systemd/system" / unit.name).read_text()
        check(f"{unit.name} starts the program that is packed", "ExecStart=/usr/bin/replicator run" in packed)
    for script in ("postinst", "prerm", "postrm"):
        done = subprocess.run(["sh", "-n", control / script], capture_output=True, text=True)
        equal(f"{script} can be read by a shell", (done.returncode, done.stderr), (0, ""))


def the_bill_of_materials_is_one(staged):
    bill = json.loads(staged.bill.read_text())
    schema = json.loads((pathlib.Path(cyclonedx.__file__).parent / "schema/_res/bom-1.5.SNAPSHOT.schema.json").read_text())
    folder = pathlib.Path(cyclonedx.__file__).parent / "schema/_res"
    others = [(f"{prefix}{name}", referencing.jsonschema.DRAFT7.create_resource(json.loads((folder / name).read_text())))
              for name in ("spdx.SNAPSHOT.schema.json", "jsf-0.82.SNAPSHOT.schema.json")
              for prefix in ("", "http://cyclonedx.org/schema/")]
    validator = jsonschema.Draft7Validator(schema, registry=referencing.Registry().with_resources(others))
    equal("CycloneDX has nothing against it", [error.message for error in validator.iter_errors(bill)], [])
    named = {one["name"]: one for one in bill["components"]}
    declared = set(re.findall(r'url: "https://[^"]*/([^"/]+)"', (ROOT / "Package.swift").read_text()))
    equal("the packages that the manifest names are in it", {name.lower() for name in declared} - set(named), set())
    check("each has a version", all(one["version"] for one in named.values()))
    unlicensed = [name for name, one in named.items() if one["bom-ref"].startswith("pkg:swift/") and "licenses" not in one]
    equal("each Swift package's licence is known", unlicensed, [])
    text = staged.licences.read_text()
    equal("and its text is packed", [name for name, one in named.items()
                                     if one["bom-ref"].startswith("pkg:swift/") and f"\n{name} {one['version']}," not in text], [])
    references = [one["bom-ref"] for one in bill["components"]]
    equal("what the program depends on is all of them", bill["dependencies"][0]["dependsOn"], sorted(references))


def test_a_program_that_needs_what_nobody_has_is_refused(tmp_path):
    """Swift's libraries belong into the program: no system has them."""
    def reason():
        try:
            build.stage(program(), tmp_path)
        except SystemExit as exit:
            return str(exit)
    check("it says which libraries, and what to do", re.search(r"libswiftCore\.so.*make dist", reason() or ""), reason())


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
