"""A disk of a few megabytes, for programs that must live with a full one: a tmpfs that nobody else sees."""

import contextlib
import os
import subprocess
import tempfile

import pytest

# A namespace of mounts, and for those who are not root one of users in which they are.
_NAMESPACES = ["--mount"] if os.geteuid() == 0 else ["--user", "--map-root-user", "--mount"]


class SmallDisk:
    """`path` is the disk for programs that are started with `prefix` in front of them."""

    def __init__(self, path, holder):
        self.path = path
        self.holder = holder
        flags = ["--mount"] if os.geteuid() == 0 else ["--user", "--preserve-credentials", "--mount"]
        self.prefix = ["nsenter", "--target", str(holder.pid), *flags, "--"]

    def run(self, *command):
        return subprocess.run([*self.prefix, *command], check=True, capture_output=True, text=True).stdout

    def grow(self, megabytes):
        self.run("mount", "-o", f"remount,size={megabytes}m", self.path)

    def free(self):
        """Bytes that still fit."""
        return int(self.run("stat", "--file-system", "--format", "%f", self.path)) * int(
            self.run("stat", "--file-system", "--format", "%S", self.path))


@contextlib.contextmanager
def small_disk(megabytes):
    """The test is skipped where the system lets us mount nothing, as in containers without privileges."""
    with tempfile.TemporaryDirectory(prefix="small-disk-") as path:
        script = 'mount -t tmpfs -o "size=$1" none "$2" && echo mounted && exec sleep infinity'
        holder = subprocess.Popen(
            ["unshare", *_NAMESPACES, "sh", "-c", script, "sh", f"{megabytes}m", path],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            if holder.stdout.readline() != "mounted\n":
                pytest.skip(f"no small disk can be made here: {holder.stderr.read().strip()}")
            yield SmallDisk(path, holder)
        finally:
            holder.kill()
            holder.wait()
