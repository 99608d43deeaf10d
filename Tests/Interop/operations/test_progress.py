"""Progress of commands that take long: within a terminal's width, and a line now and then where there is none."""

import contextlib
import json
import os
import re
import socket
import subprocess

import pytest

from support.checks import check
from support.program import program
from support.terminals import Terminal


@contextlib.contextmanager
def silent_cluster(folder):
    """A configuration whose clusters accept connections and never answer."""
    with socket.create_server(("127.0.0.1", 0)) as east, socket.create_server(("127.0.0.1", 0)) as west:
        path = folder / "replicator.yaml"
        path.write_text(json.dumps({
            "clusters": {name: {"bootstrapServers": "127.0.0.1:%d" % server.getsockname()[1],
                                "connectTimeout": "2m", "requestTimeout": "5m"}
                         for name, server in (("east", east), ("west", west))},
            "flows": [{"name": "flow", "source": "east", "target": "west", "topics": {"allow": ["a"]}}]}))
        yield path


@pytest.mark.parametrize("command", ["plan", "doctor", "verify"])
def test_a_command_that_hears_nothing_shows_that_it_works(tmp_path, command):
    with silent_cluster(tmp_path) as path:
        for columns in (20, 80):
            with Terminal(command, "--config", str(path), columns=columns) as terminal:
                check(f"{columns} columns: it is shown, and again",
                      terminal.read(lambda text: text.count("\r\x1b[K") >= 3), terminal.text)
                lines = terminal.text.split("\r\x1b[K")[1:]
                check(f"{columns} columns: never wider", max(map(len, lines)) < columns, repr(lines))
                check(f"{columns} columns: on one line", "\n" not in terminal.text, repr(terminal.text))
            if columns == 80:
                check("for how long", "working for" in lines[0], repr(lines))


@pytest.mark.long
def test_without_a_terminal_there_is_a_line_now_and_then(tmp_path):
    with silent_cluster(tmp_path) as path:
        with subprocess.Popen([program(), "verify", "--config", str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, env=os.environ) as process:
            first = process.stderr.readline()
            process.kill()
            out = process.stdout.read()
        check("that it works, and for how long", re.fullmatch(r"flow: working for \d+ s\n", first), repr(first))
        check("and nothing of it among the output", out == "", repr(out))
