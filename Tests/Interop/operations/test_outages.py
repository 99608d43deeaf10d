"""Outages played under load: each second what the program says about itself is compared with the truth."""

import json
import subprocess
import sys

import pytest

from support.checks import check, equal
from support.program import ROOT, program


@pytest.mark.long
@pytest.mark.alone
def test_what_is_said_in_outages_is_true_or_said_to_be_unknown(tmp_path):
    """What stands still is found whatever the machine makes of the timing: it is wrong for as long as the scene lasts."""
    answer = subprocess.run(
        [sys.executable, ROOT / "Scripts" / "outage_trial.py", program(), "--scenes", "target stopped,source silent",
         "--hold", "40", "--oldest", "20", "--topics", "6", "--partitions", "12", "--rate", "200",
         "--json", tmp_path / "trial.json"],
        capture_output=True, text=True, timeout=600)
    check("nothing that was said is wrong", answer.returncode == 0, answer.stdout[-3000:] + answer.stderr[-2000:])
    found = json.loads((tmp_path / "trial.json").read_text())
    rows = found["rows"]
    check("each scene was looked at", all(len([r for r in rows if r["scene"] == s]) >= 10
                                          for s in ("target stopped", "source silent")), str(len(rows)))
    grown = max(r["truth"][1] for r in rows if r["scene"] == "target stopped")
    check("the lag has grown in the outage", grown > 2000, str(grown))
    equal("both are caught up with afterwards", [r["seconds"] is not None for r in found["recoveries"]], [True, True])
