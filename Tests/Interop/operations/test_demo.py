"""`make demo`: it ends well, and says what the README says of it."""

import re
import socket
import subprocess

import pytest

from support.checks import check, equal
from support.program import ROOT, program


# Its ports are fixed, for people.
@pytest.mark.alone
def test_the_demo_ends_well():
    done = subprocess.run([ROOT / "Scripts" / "demo.sh", program()], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                          timeout=300)
    check("it ends with status 0", done.returncode == 0, done.stdout + done.stderr)
    figures = dict(re.findall(r"^  (\S.*?)  +(\d+)$", done.stdout, re.M))
    equal("nothing is missed, read twice or sent round", [figures.get(name) for name in (
        "orders that the group has read", "orders that it has missed", "orders that it has read twice",
        "orders that came back to where they were from")], ["105000", "0", "0", "0"])
    check("it says where the page is", "http://127.0.0.1:29644/" in done.stdout)


@pytest.mark.alone
def test_a_port_that_is_taken_is_named():
    with socket.create_server(("127.0.0.1", 29192)):
        done = subprocess.run([ROOT / "Scripts" / "demo.sh", program()], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                              timeout=300)
    equal("it ends with 1 before it starts anything", done.returncode, 1)
    check("and says why", "another program listens on 127.0.0.1:29192: stop it" in done.stdout, done.stdout + done.stderr)
    check("and nothing else", "produced" not in done.stdout, done.stdout)
