"""Processes: what one costs, and that none outlives its test."""

import ctypes
import os
import pathlib
import signal

PR_SET_CHILD_SUBREAPER = 36


def memory(process, what="VmRSS"):
    """Resident memory of a process in MB: what it is now, or with `VmHWM` what it was at most."""
    for line in pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith(what):
            return int(line.split()[1]) / 1000
    return 0


def cpu_seconds(process):
    fields = _stat(process.pid)
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def open_files(process):
    return len(os.listdir(f"/proc/{process.pid}/fd"))


def _stat(pid):
    """The fields of /proc/PID/stat behind the name, which may hold spaces: state, parent, …"""
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()


def adopt_orphans():
    """Whoever of our children dies leaves its own children to us, not to the first process of the system."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def descendants(with_environment=None):
    """Living processes below this one, as a set of pids; only those that were started with something in the
    environment."""
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                state, parent = _stat(name)[:2]
            except OSError:
                continue
            if state != "Z":
                parents[int(name)] = int(parent)
    found, new = set(), {os.getpid()}
    while new:
        new = {pid for pid, parent in parents.items() if parent in new} - found
        found |= new
    return {pid for pid in found if with_environment is None or with_environment in _strings(pid, "environ")}


def command_line(pid):
    return " ".join(_strings(pid, "cmdline"))


def _strings(pid, what):
    try:
        return pathlib.Path(f"/proc/{pid}/{what}").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []


def kill(pids):
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
