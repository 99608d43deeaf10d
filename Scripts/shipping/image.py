"""The image for containers: the program, the libraries that it loads, certificates to trust, and nothing else."""

import os
import pathlib
import platform
import shutil
import subprocess

from shipping import tree

USER = "65532:65532"
CERTIFICATES = pathlib.Path("/etc/ssl/certs/ca-certificates.crt")
ACCOUNTS = {
    "etc/passwd": "root:x:0:0:root:/:/none\nreplicator:x:65532:65532:replicator:/:/none\n",
    "etc/group": "root:x:0:\nreplicator:x:65532:\n",
    "etc/nsswitch.conf": "hosts: files dns\n",
}
# Files of a user who is not root cannot be given to root; in the image they are root's all the same.
UNPRIVILEGED = [] if os.geteuid() == 0 else ["--rootless"]
MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}


def build(staged, folder):
    """Writes FOLDER/replicator-VERSION-MACHINE-oci.tar, an archive as `podman load` takes it, and returns its path."""
    machine = platform.machine()
    with tree.temporary() as work:
        layout, bundle = work / "layout", work / "bundle"
        image = f"{layout}:{staged.version}"
        umoci("init", "--layout", layout)
        umoci("new", "--image", image)
        umoci("unpack", *UNPRIVILEGED, "--image", image, bundle)
        fill(staged, bundle / "rootfs")
        tree.settle(bundle / "rootfs", staged.seconds)
        created = staged.time.strftime("%Y-%m-%dT%H:%M:%SZ")
        umoci("repack", "--image", image, "--history.created", created, "--history.created_by", "Scripts/shipping/image.py",
              bundle)
        words = ["--config.entrypoint", "/usr/bin/replicator"]
        for word in ("run", "--config", "/etc/replicator/replicator.yaml", "--json"):
            words += ["--config.cmd", word]
        for name, value in {"title": "replicator", "version": staged.version, "licenses": "Apache-2.0",
                            "description": "Copies topics between Kafka clusters"}.items():
            words += ["--config.label", f"org.opencontainers.image.{name}={value}"]
        umoci("config", "--image", image, "--config.user", USER, "--config.exposedports", "9644/tcp", "--config.stopsignal",
              "SIGTERM", "--config.env", "PATH=/usr/bin", "--architecture", MACHINES.get(machine, machine), "--os", "linux",
              "--created", created, "--no-history", *words)
        umoci("gc", "--layout", layout)
        archive = folder / f"replicator-{staged.version}-{machine}-oci.tar"
        tree.pack(layout, archive, staged)
    return archive


def fill(staged, root):
    tree.copy(staged.program, root / "usr/bin/replicator", 0o755)
    for library in staged.libraries:
        tree.copy(library.path, root / library.path.relative_to("/"), 0o755)
    tree.copy(CERTIFICATES, root / CERTIFICATES.relative_to("/"))
    for name, text in ACCOUNTS.items():
        tree.write(root / name, text)
    tree.copy(staged.licences, root / "usr/share/replicator/third-party-licences.txt")
    tree.copy(tree.ROOT / "LICENSE", root / "usr/share/replicator/LICENSE")
    tree.copy(staged.bill, root / "usr/share/replicator/bom.cdx.json")
    # Where a configuration is mounted.
    (root / "etc/replicator").mkdir()
    for path in root.rglob("*"):
        if path.is_dir():
            path.chmod(0o755)


def umoci(*words):
    done = subprocess.run(["umoci", *map(str, words)], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"umoci {words[0]}: {done.stderr or done.stdout}")


def unpack(archive, work):
    """The archive's file system and what to run in it, as a runtime gets them; returns the folder of both."""
    layout = work / "layout"
    layout.mkdir()
    subprocess.run(["tar", "-xf", archive, "-C", layout], check=True)
    bundle = work / "bundle"
    tags = subprocess.run(["umoci", "list", "--layout", layout], check=True, capture_output=True, text=True).stdout.split()
    umoci("unpack", *UNPRIVILEGED, "--image", f"{layout}:{tags[0]}", bundle)
    shutil.rmtree(layout)
    return bundle
