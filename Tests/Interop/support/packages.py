"""Packages of the system that one test needs, and that are not there yet."""

import fcntl
import pathlib
import subprocess
import tempfile

from support.program import ROOT


def installed(*packages):
    """Installs them unless they are there; one worker after the other."""
    with open(pathlib.Path(tempfile.gettempdir()) / "replicator-interop-packages", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        subprocess.run([str(ROOT / "Scripts" / "install-packages.sh"), *packages], check=True)
