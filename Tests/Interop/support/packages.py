"""Packages of the system that one test needs, and that are not there yet: installed, or only unpacked."""

import fcntl
import os
import pathlib
import subprocess
import tempfile

from support.program import ROOT


def installed(*packages):
    """Installs them unless they are there; one worker after the other."""
    with open(pathlib.Path(tempfile.gettempdir()) / "replicator-interop-packages", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        subprocess.run([str(ROOT / "Scripts" / "install-packages.sh"), *packages], check=True)


def unpacked(package):
    """The folder of a package's files. It is not installed: it may bring a service that would start."""
    folder = ROOT / ".build" / "unpacked" / package
    with open(pathlib.Path(tempfile.gettempdir()) / "replicator-interop-packages", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            folder.mkdir(parents=True, exist_ok=True)
            download = lambda: subprocess.run(["apt-get", "download", package], cwd=folder, capture_output=True, text=True)
            if download().returncode:
                sudo = [] if os.geteuid() == 0 else ["sudo"]
                subprocess.run([*sudo, "apt-get", "update"], check=True, capture_output=True)
                again = download()
                if again.returncode:
                    raise RuntimeError(again.stderr)
            (archive,) = folder.glob("*.deb")
            subprocess.run(["dpkg-deb", "--extract", archive, folder], check=True)
            archive.unlink()
            (folder / "complete").touch()
    return folder
