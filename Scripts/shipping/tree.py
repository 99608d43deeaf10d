"""Files on their way into a package: modes and times that do not depend on the machine."""

import contextlib
import os
import pathlib
import shutil
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]


@contextlib.contextmanager
def temporary():
    with tempfile.TemporaryDirectory(prefix="replicator-package-") as name:
        path = pathlib.Path(name)
        path.chmod(0o755)
        yield path


def copy(source, target, mode=0o644):
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(mode)


def write(target, text, mode=0o644):
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)
    target.chmod(mode)


def documents():
    """The pages, which lead to each other, so each package has them as they lie here."""
    names = ["README.md", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "replicator.yaml.example"]
    return [ROOT / name for name in names] + sorted(path for path in (ROOT / "Docs").rglob("*") if path.is_file())


def settle(folder, seconds):
    """Gives everything below a folder one time."""
    for path in sorted(folder.rglob("*"), reverse=True):
        os.utime(path, (seconds, seconds), follow_symlinks=False)
    os.utime(folder, (seconds, seconds))


def environment(staged):
    """For tools that take the time of what they make from outside."""
    return {**os.environ, "SOURCE_DATE_EPOCH": str(staged.seconds), "LC_ALL": "C.UTF-8"}


def pack(folder, archive, staged, top="."):
    """A tar archive of FOLDER/TOP that depends on its contents only; compressed if its name ends with .gz."""
    words = ["tar", "--sort=name", f"--mtime=@{staged.seconds}", "--owner=0", "--group=0", "--numeric-owner", "-C", folder]
    if archive.suffix == ".gz":
        words += ["--use-compress-program", "gzip -n"]
    subprocess.run([*words, "-cf", archive, top], check=True)
