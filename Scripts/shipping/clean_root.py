"""A Debian of its own, booted in namespaces: systemd as process 1, its own network, and nothing of this machine's files.

Needs root and debootstrap, and no container engine.
"""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import time

from shipping import tree

# Beside the smallest system: an init, and a Kafka client that is not ours.
PACKAGES = "systemd,systemd-sysv,dbus,kcat,procps,ca-certificates,iproute2"
# systemd wants its files and processes in a tree of control groups, a /dev that is its own, and a console.
BOOT = """
set -eu
root=$1
mount --make-rprivate /
mount --bind "$root" "$root" && cd "$root"
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
if [ "$2" = unified ]; then
    mount -t cgroup2 cgroup2 sys/fs/cgroup
else
    mount -t tmpfs tmpfs sys/fs/cgroup && mkdir sys/fs/cgroup/systemd
    mount -t cgroup -o none,name=systemd cgroup sys/fs/cgroup/systemd
fi
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
mount -t tmpfs tmpfs dev && mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
for device in null zero full random urandom tty; do touch dev/$device; mount --bind /dev/$device dev/$device; done
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
touch dev/console
ip link set lo up
hostname trial
mkdir -p old && pivot_root . old
umount -l old && rmdir old
# Units get their credentials through a mount that has to be seen from here.
mount --make-rshared /
exec env -i container=trial PATH=/usr/sbin:/usr/bin:/sbin:/bin /sbin/init --unit=multi-user.target --log-target=journal
"""


def release():
    return next(line.split("=")[1].strip('"') for line in pathlib.Path("/etc/os-release").read_text().splitlines()
                if line.startswith("VERSION_CODENAME="))


def bootstrapped():
    """The folder of a fresh Debian of this machine's release; made once, and kept for the next time."""
    kept = tree.ROOT / ".build" / "clean-root" / release()
    complete = kept / "complete"
    if not complete.exists() or complete.read_text() != PACKAGES:
        shutil.rmtree(kept, ignore_errors=True)
        kept.mkdir(parents=True)
        run("debootstrap", "--variant=minbase", f"--include={PACKAGES}", release(), kept / "root")
        complete.write_text(PACKAGES)
    return kept / "root"


def run(*words, **settings):
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, **settings)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, words))}\n{done.stdout}{done.stderr}")
    return done.stdout


class Machine:
    """A root that may be changed, and a system that has booted in it."""

    def __init__(self, root):
        self.root = root
        self.init = None

    def prepare(self, *words):
        """Runs a command in the root before it boots, with this machine's network."""
        shutil.copyfile("/etc/resolv.conf", self.root / "etc/resolv.conf")
        return run("chroot", self.root, "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive",
                   *words)

    def boot(self):
        # There is no console to log in at.
        (self.root / "etc/systemd/system/console-getty.service").symlink_to("/dev/null")
        # A control group of its own, so that what it sees as the top is not this machine's.
        unified = pathlib.Path("/sys/fs/cgroup/cgroup.controllers").exists()
        top = pathlib.Path("/sys/fs/cgroup" if unified else "/sys/fs/cgroup/systemd")
        self.group = top / f"replicator-trial-{os.getpid()}"
        self.group.mkdir()
        join = f'echo $$ > "{self.group}/cgroup.procs"; exec "$@"'
        self.holder = subprocess.Popen(
            ["sh", "-c", join, "sh", "unshare", "--mount", "--pid", "--uts", "--ipc", "--net", "--cgroup", "--fork",
             "--kill-child", "sh", "-c", BOOT, "sh", self.root, "unified" if unified else "legacy"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.init = awaited("a first process", lambda: self.child())
        awaited("systemd has started", lambda: self.says("systemctl", "is-system-running") in ("running", "degraded"))

    def child(self):
        """Process 1 of the machine, as this one knows it, once it is systemd."""
        for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                words = path.read_text().rsplit(")", 1)[1].split()
                if int(words[1]) == self.holder.pid and (path.parent / "comm").read_text().strip() == "systemd":
                    return int(path.parent.name)
        return None

    def command(self, *words):
        return ["nsenter", f"--target={self.init}", "--mount", "--pid", "--uts", "--ipc", "--net", "--cgroup",
                "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive", *map(str, words)]

    def attempt(self, *words, **settings):
        """A command on the machine: its status and what it says."""
        return subprocess.run(self.command(*words), capture_output=True, text=True, **settings)

    def says(self, *words):
        return self.attempt(*words).stdout.strip()

    def run(self, *words, **settings):
        return run(*self.command(*words), **settings)

    def stop(self):
        if self.init:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.init, signal.SIGKILL)
            self.holder.wait()
            with contextlib.suppress(OSError):
                for inner in sorted(self.group.rglob("*/"), reverse=True):
                    inner.rmdir()
                self.group.rmdir()


@contextlib.contextmanager
def machine():
    """A copy of the fresh Debian; it is gone afterwards."""
    with tree.temporary() as work:
        run("cp", "-a", "--reflink=auto", bootstrapped(), work / "root")
        made = Machine(work / "root")
        try:
            yield made
        finally:
            made.stop()


def awaited(what, condition, patience=120):
    """What the condition returns, once that is true."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.1)
    raise SystemExit(f"waited for {patience} s in vain: {what}")
