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
    known = packages(paths)
    return [Library(path, known.get(path)) for path in paths]


def packages(paths):
    """The package of each file that one has. Where /lib is a link to /usr/lib, the package may know either name."""
    names = {}
    for path in paths:
        real = path.resolve()
        names |= {str(path): path, str(real): path, "/" + str(real).removeprefix("/usr/"): path}
    done = subprocess.run(["dpkg-query", "--search", *names], capture_output=True, text=True)
    return {names[name]: owner for owner, name in re.findall(r"^([^\s:]+)(?::\S+)?: (\S+)$", done.stdout, re.M)}


def installed_version(name):
    done = subprocess.run(["dpkg-query", "--show", "--showformat", "${Version}", name], check=True, capture_output=True,
                          text=True)
    return done.stdout
