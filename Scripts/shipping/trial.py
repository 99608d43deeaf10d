#!/usr/bin/env python3
"""Tries the packages in FOLDER as people would use them.

    Scripts/shipping/trial.py FOLDER

On a Debian of its own, booted in namespaces (root and debootstrap, no container engine): installs, starts, reloads,
upgrades, removes and purges the Debian package; installs the tarball as Docs/Operations.md says; unpacks the image as a
runtime does and runs it as its user in a file system that nobody can write to. Records are copied each time.
"""

import json
import os
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from shipping import clean_root, image, tree  # noqa: E402
from shipping.clean_root import awaited  # noqa: E402

UNIT = "replicator.service"
CONFIGURATION = "/etc/replicator/replicator.yaml"
count = 0


def check(what, found, detail=""):
    global count
    if not found:
        raise SystemExit(f"FAILED: {what}\n{detail}")
    count += 1
    print(f"  ok  {what}", flush=True)


def one(folder, pattern):
    (found,) = folder.glob(pattern)
    return found


def checksums(folder):
    print("checksums")
    done = subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=folder, capture_output=True, text=True)
    check("every sum is right", done.returncode == 0, done.stderr)
    summed = {line.split()[1] for line in (folder / "SHA256SUMS").read_text().splitlines()}
    check("every file has one", {path.name for path in folder.iterdir() if path.is_file()} - {"SHA256SUMS"} == summed)


class Clusters:
    """The two embedded brokers that the example's configuration names."""

    def __init__(self, machine):
        self.machine = machine

    def start(self, program):
        machine = self.machine
        for name, port in (("east", 9092), ("west", 9192)):
            machine.run("systemd-run", f"--unit={name}", program, "broker", "--listen", f"127.0.0.1:{port}")
        for port in (9092, 9192):
            awaited(f"a broker at {port}", lambda: machine.attempt("kcat", "-b", f"127.0.0.1:{port}", "-L").returncode == 0)

        return self

    def produce(self, topic, records):
        self.machine.run("kcat", "-P", "-b", "127.0.0.1:9092", "-t", topic, input="\n".join(records) + "\n")

    def copied(self, topic):
        done = self.machine.attempt("kcat", "-C", "-b", "127.0.0.1:9192", "-t", f"east.{topic}", "-o", "beginning", "-e", "-q")
        return sorted(done.stdout.split())

    def copies(self, what, topic, records):
        awaited(f"the records of {topic} on west", lambda: self.copied(topic) == sorted(records))
        check(what, True)

    def stop(self):
        self.machine.run("systemctl", "stop", "east", "west")


def debian(machine, folder):
    print("Debian package")
    package = one(folder, "*.deb")
    place = f"/srv/{package.name}"
    tree.copy(package, machine.root / place.lstrip("/"))
    # Its dependencies come from Debian's archive: only this step has the network.
    machine.prepare("apt-get", "update")
    machine.prepare("apt-get", "install", "--yes", "--no-install-recommends", "--download-only", place)
    machine.boot()
    said = machine.run("apt-get", "install", "--yes", "--no-install-recommends", place)
    check("it says how to begin", "systemctl enable --now replicator" in said, said)
    state = lambda: (machine.says("systemctl", "is-enabled", UNIT), machine.says("systemctl", "is-active", UNIT))
    check("its unit is neither enabled nor started by the installation", state() == ("disabled", "inactive"), state())
    for unit in (UNIT, "replicator@9644.service"):
        done = machine.attempt("systemd-analyze", "verify", "--man=no", unit)
        check(f"systemd has nothing against {unit}", not re.search("replicator", done.stdout + done.stderr), done.stderr)
    done = machine.attempt("replicator", "config", "check", "--config", CONFIGURATION)
    check("its configuration is valid", done.returncode == 0, done.stderr)
    check("what secrets are in, only root can enter",
          machine.says("stat", "-c", "%a %U", "/etc/replicator/secrets") == "700 root")
    files = machine.run("dpkg", "-L", "replicator").split()
    check("there are a manual page and completions", {
        "/usr/share/man/man1/replicator.1.gz", "/usr/share/bash-completion/completions/replicator"} <= set(files), files)
    clusters = Clusters(machine).start("/usr/bin/replicator")

    reference = re.search(r"\$\{file:\S+?secrets_west\}", (tree.ROOT / "Packaging" / UNIT).read_text()).group()
    tree.write(machine.root / "etc/replicator/secrets/ops", "s3cret\n", 0o600)
    written = machine.root / CONFIGURATION.lstrip("/")
    text = re.sub(r"\nhttp:.*", "", written.read_text(), flags=re.S)
    text += ('\nhttp: {listen: "127.0.0.1:9644", authentication: {users: {ops: "%s"}}}\n'
             % reference.replace("secrets_west", "secrets_ops"))
    written.write_text(text)
    machine.run("systemctl", "enable", "--now", "--quiet", "replicator")
    first, second = [f"a{n}" for n in range(500)], [f"b{n}" for n in range(500)]
    clusters.produce("orders", first)
    clusters.copies("it copies records", "orders", first)
    main = lambda: machine.says("systemctl", "show", "--value", "--property=MainPID", UNIT)
    users = machine.says("ps", "-o", "uid=", "-p", main()).strip()
    check("it runs as a user of its own, not as root", users.isdigit() and int(users) > 60000, users)
    password = "REPLICATOR_HTTP_PASSWORD=s3cret"
    status = lambda: machine.attempt("env", password, "replicator", "status", "--user", "ops", "--url",
                                     "http://127.0.0.1:9644")
    awaited("it is ready", lambda: status().returncode == 0)
    check("the secret from a file is the password of its page", True)
    operations = (tree.ROOT / "Docs" / "Operations.md").read_text()
    documented = next(block for block in re.findall(r"^```sh\n(.*?)^```$", operations, re.M | re.S) if "systemd-run" in block)
    done = machine.attempt("sh", "-c", documented)
    check("other commands get the secrets as the document says", "east-to-west: east → west" in done.stdout and
          done.returncode in (0, 1), done.stdout + done.stderr)
    log = lambda: machine.says("journalctl", "--unit", UNIT, "--no-pager", "--output=cat")
    check("journald has its log, without the secret", "flow is running" in log() and "s3cret" not in log(), log())
    written.write_text(text.replace('"orders.*"', '"orders.*", "bills.*"'))
    machine.run("systemctl", "reload", "replicator")
    clusters.produce("bills", second)
    clusters.copies("after a reload it copies what the configuration names now", "bills", second)
    before = main()
    machine.run("dpkg", "--install", place)
    awaited("it runs again", lambda: main() not in ("0", before))
    check("an upgrade restarts it", machine.says("systemctl", "is-active", UNIT) == "active")
    check("and keeps the configuration", "bills" in written.read_text())
    clusters.produce("orders", second)
    clusters.copies("then each record is there once", "orders", first + second)
    machine.run("systemctl", "stop", "replicator")
    check("it stops in good order", machine.says("systemctl", "show", "--value", "--property=Result", UNIT) == "success")
    machine.run("systemctl", "start", "replicator")
    machine.run("apt-get", "remove", "--yes", "replicator")
    check("removing it stops it", machine.says("pgrep", "-f", "replicator run") == "")
    left = [path for path in files if (machine.root / path.lstrip("/")).is_file()]
    check("and leaves the configuration alone", left == [CONFIGURATION], left)
    machine.run("apt-get", "purge", "--yes", "replicator")
    left = [str(path) for path in (machine.root / "etc/replicator").rglob("*") if path.is_file()]
    check("purging takes that too, and keeps the secret that it has not put there",
          left == [str(machine.root / "etc/replicator/secrets/ops")], left)
    machine.run("rm", "-r", "/etc/replicator")
    clusters.stop()


def tarball(machine, folder):
    print("tarball, as Docs/Operations.md says")
    archive = one(folder, "*.tar.gz")
    tree.copy(archive, machine.root / "srv" / archive.name)
    operations = (tree.ROOT / "Docs" / "Operations.md").read_text()
    steps = next(block for block in re.findall(r"^```sh\n(.*?)^```$", operations, re.M | re.S)
                 if "tar -xzf replicator-" in block)
    needed = (machine.root / "srv" / "needed")
    with tree.temporary() as work:
        subprocess.run(["tar", "-xzf", archive, "-C", work], check=True)
        needed.write_text(next(work.glob("*/needs-libraries.txt")).read_text())
        for path in work.glob("*/libraries/**/*.so"):
            tree.copy(path, machine.root / path.relative_to(next(work.glob("*/libraries"))))
    missing = [name for name in needed.read_text().split()
               if not list(machine.root.glob(f"usr/lib/**/{name}")) and not list(machine.root.glob(f"lib*/**/{name}"))]
    check("the libraries that it names are those of the packages that the document names", not missing, missing)
    machine.run("sh", "-ec", f"cd /srv\n{steps}")
    clusters = Clusters(machine).start("/usr/local/bin/replicator")
    records = [f"c{n}" for n in range(500)]
    clusters.produce("orders", records)
    clusters.copies("the steps of the document start it, and it copies records", "orders", records)
    machine.run("systemctl", "disable", "--now", "--quiet", "replicator")
    clusters.stop()


def container(machine, folder):
    print("image")
    with tree.temporary() as work:
        bundle = image.unpack(one(folder, "*-oci.tar"), work)
        root = bundle / "rootfs"
        settings = json.loads((bundle / "config.json").read_text())["process"]
        user = settings["user"]["uid"]
        check("its user is not root", user == 65532, user)
        held = {path.name for path in (root / "usr/bin").iterdir()}
        check("it has the program and no other", held == {"replicator"}, held)
        writable = [path for path in root.rglob("*") if not path.is_symlink() and path.stat().st_mode & 0o7022]
        check("nobody but root can write in it, and nothing in it changes the user", not writable, writable)
        for name in ("bom.cdx.json", "third-party-licences.txt"):
            check(f"it has {name}", (root / "usr/share/replicator" / name).is_file())
        configuration = (tree.ROOT / "replicator.yaml.example").read_text()
        tree.write(root / "etc/replicator/replicator.yaml", configuration)
        (root / "proc").mkdir(exist_ok=True)
        running = []

        def start(*arguments):
            """As a runtime does: its entry point, user and environment, a root that cannot be written to."""
            mounts = 'mount --bind "$1" "$1" && mount -t proc proc "$1/proc" && mount -o remount,bind,ro "$1" && '
            command = ["nsenter", f"--target={machine.init}", "--net", "unshare", "--mount", "--pid", "--fork", "--kill-child",
                       "sh", "-c", mounts + 'root=$1; shift; exec chroot --userspec=$0 --groups= "$root" "$@"',
                       f"{user}:{settings['user']['gid']}", root, *arguments]
            running.append(subprocess.Popen(
                list(map(str, command)), env=dict(entry.split("=", 1) for entry in settings["env"]) | {
                    "PATH": os.environ["PATH"]}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True))
            return running[-1]

        entry = settings["args"][0]
        check("it runs what its description says", settings["args"] == [
            "/usr/bin/replicator", "run", "--config", CONFIGURATION, "--json"], settings["args"])
        try:
            start(entry, "broker", "--listen", "127.0.0.1:9092")
            start(entry, "broker", "--listen", "127.0.0.1:9192")
            kcat = lambda port: machine.attempt("kcat", "-b", f"127.0.0.1:{port}", "-L").returncode == 0
            awaited("two brokers from the image", lambda: kcat(9092) and kcat(9192))
            start(*settings["args"])
            records = [f"d{n}" for n in range(500)]
            clusters = Clusters(machine)
            clusters.produce("orders", records)
            clusters.copies("it copies records", "orders", records)
            asked = start(entry, "status", "--live", "--config", CONFIGURATION)
            check("its health check says so", asked.wait() == 0, asked.stdout.read())
        finally:
            for process in running:
                process.kill()


def main():
    folder = pathlib.Path(sys.argv[1]).resolve()
    if os.geteuid():
        raise SystemExit("namespaces and debootstrap need root")
    checksums(folder)
    with clean_root.machine() as machine:
        try:
            debian(machine, folder)
            tarball(machine, folder)
            container(machine, folder)
        except SystemExit:
            if machine.init:
                print(machine.says("journalctl", "--no-pager", "--output=short", "--lines=30"), flush=True)
            raise
    print(f"packages: {count} checks passed")


if __name__ == "__main__":
    main()
