"""The shared libraries that a program loads, and the Debian packages that they come from."""

import dataclasses
import pathlib
import re
import subprocess


@dataclasses.dataclass(frozen=True)
class Library:
    """A shared library at the path where the loader finds it."""

    path: pathlib.Path
    # None: no package of the system has it.
    package: str | None


def loaded(program):
    """The libraries of a program, its loader included."""
    text = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout
    missing = re.findall(r"^\s*(\S+) => not found", text, re.M)
    if missing:
        raise SystemExit(f"{program} needs libraries that are not here: {', '.join(missing)}")
    paths = sorted({pathlib.Path(path) for path in re.findall(r"(?:=> |^\s*)(/\S+) \(", text, re.M)})
    return [Library(path, package(path)) for path in paths]


def package(path):
    """The package that a file belongs to. Where /lib is a link to /usr/lib, the package may know either name."""
    for name in (path, path.resolve(), pathlib.Path("/") / path.resolve().relative_to("/usr")
                 if path.resolve().is_relative_to("/usr") else path):
        done = subprocess.run(["dpkg-query", "--search", str(name)], capture_output=True, text=True)
        if done.returncode == 0:
            return done.stdout.split(":")[0]
    return None


def installed_version(name):
    done = subprocess.run(["dpkg-query", "--show", "--showformat", "${Version}", name], check=True, capture_output=True,
                          text=True)
    return done.stdout
