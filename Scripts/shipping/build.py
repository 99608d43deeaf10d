#!/usr/bin/env python3
"""Makes every package of a program.

    Scripts/shipping/build.py PROGRAM FOLDER [--with-libraries]

PROGRAM is where Swift has built it. FOLDER gets a tarball, a Debian package for this release of Debian, an image for
containers (an OCI archive), the bill of materials (CycloneDX) and SHA256SUMS. Built again from the same program and commit
they are the same, byte for byte. A program that loads libraries which no package of the system has, such as Swift's, is
refused; with --with-libraries they are packed too, to try a build that is not for others.
"""

import argparse
import dataclasses
import datetime
import hashlib
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from shipping import bom, deb, image, libraries, sources, tree  # noqa: E402


@dataclasses.dataclass(frozen=True)
class Staged:
    """What all packages are made of."""

    program: pathlib.Path
    version: str
    time: datetime.datetime
    libraries: list
    completions: pathlib.Path
    licences: pathlib.Path
    bill: pathlib.Path

    @property
    def seconds(self):
        return int(self.time.timestamp())

    @property
    def own_libraries(self):
        return [library for library in self.libraries if library.package is None]


def stage(program, work, with_libraries=False):
    program = pathlib.Path(program).resolve()
    loaded, linked = libraries.loaded(program), sources.linked(program)
    foreign = [str(library.path) for library in loaded if library.package is None]
    if foreign and not with_libraries:
        raise SystemExit(f"no package of this system has {', '.join(foreign)}: link them into the program (make dist does)")
    version = ask(program, "--version")
    moment = datetime.datetime.fromtimestamp(made_at(program), datetime.timezone.utc)
    stripped = work / "replicator"
    subprocess.run(["strip", "-o", stripped, program], check=True)
    for shell in ("bash", "zsh", "fish"):
        tree.write(work / "completions" / f"replicator.{shell}", ask(program, "--generate-completion-script", shell) + "\n")
    tree.write(work / "third-party-licences.txt", bom.licences(linked))
    swift = re.search(r"Swift version (\S+)", ask("swift", "--version")).group(1)
    tree.write(work / "bom.cdx.json", bom.text(bom.document(version, linked, loaded, swift, moment)))
    return Staged(stripped, version, moment, loaded, work / "completions", work / "third-party-licences.txt",
                  work / "bom.cdx.json")


def made_at(program):
    """The time that everything packed gets: of the commit, or of the program where there is no repository."""
    if "SOURCE_DATE_EPOCH" in os.environ:
        return int(os.environ["SOURCE_DATE_EPOCH"])
    if shutil.which("git"):
        done = subprocess.run(["git", "-C", tree.ROOT, "log", "-1", "--format=%ct"], capture_output=True, text=True)
        if done.returncode == 0:
            return int(done.stdout)
    return int(program.stat().st_mtime)


def ask(*words):
    return subprocess.run(list(map(str, words)), check=True, capture_output=True, text=True).stdout.strip()


def tarball(staged, folder):
    """The program with everything to install it by hand."""
    name = f"replicator-{staged.version}-{platform.machine()}"
    with tree.temporary() as work:
        top = work / name
        tree.copy(staged.program, top / "bin/replicator", 0o755)
        for path in staged.completions.iterdir():
            tree.copy(path, top / "completions" / path.name)
        for path in tree.documents():
            tree.copy(path, top / path.relative_to(tree.ROOT))
        for unit in ("replicator.service", "replicator@.service", "replicator.1"):
            tree.copy(tree.ROOT / "Packaging" / unit, top / unit)
        for path in (staged.licences, staged.bill):
            tree.copy(path, top / path.name)
        # Those of a build that is not for others; the trial puts them where the program looks.
        for library in staged.own_libraries:
            tree.copy(library.path, top / "libraries" / library.path.relative_to("/"))
        for path in sorted((tree.ROOT / "Packaging").rglob("*")):
            if path.is_file() and path.relative_to(tree.ROOT / "Packaging").parts[0] in ("kubernetes", "helm"):
                tree.copy(path, top / path.relative_to(tree.ROOT / "Packaging"))
        tree.write(top / "needs-libraries.txt", "".join(
            f"{library.path.name}\n" for library in staged.libraries if library.package))
        archive = folder / f"{name}.tar.gz"
        tree.pack(work, archive, staged, name)
    return archive


def sums(paths, folder):
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in sorted(paths)]
    tree.write(folder / "SHA256SUMS", "".join(lines))


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("program")
    arguments.add_argument("folder", type=pathlib.Path)
    arguments.add_argument("--with-libraries", action="store_true")
    given = arguments.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    with tree.temporary() as work:
        staged = stage(given.program, work, given.with_libraries)
        bill = given.folder / f"replicator-{staged.version}-{platform.machine()}.cdx.json"
        tree.copy(staged.bill, bill)
        # What is not for others need not be small.
        compression = "gzip" if given.with_libraries else "xz"
        made = [tarball(staged, given.folder), deb.build(staged, given.folder, compression), image.build(staged, given.folder), bill]
        sums(made, given.folder)
    for path in made:
        print(f"{path.stat().st_size / 1e6:7.1f} MB  {path}")


if __name__ == "__main__":
    main()
