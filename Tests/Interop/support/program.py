"""The program under test, and running it to its end."""

import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]


def program():
    """The replicator executable: `REPLICATOR` from the environment, or the release build, or the debug build."""
    if "REPLICATOR" in os.environ:
        return os.environ["REPLICATOR"]
    for configuration in ("release", "debug"):
        path = ROOT / ".build" / configuration / "replicator"
        if path.exists():
            return str(path)
    pytest.exit("no replicator executable: build it first, or set REPLICATOR")


def command(*arguments, timeout=90, **settings):
    """What the program answers: exit status, standard output and standard error, as text."""
    return subprocess.run([program(), *arguments], capture_output=True, text=True, timeout=timeout, **settings)
