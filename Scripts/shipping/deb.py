"""The Debian package: program, units, manual page, completions, configuration, documents."""

import gzip
import pathlib
import shutil
import subprocess

from shipping import tree

ROOT = tree.ROOT
SCRIPTS = ROOT / "Packaging" / "debian"


def build(staged, folder, compression="xz"):
    """Writes FOLDER/replicator_VERSION_ARCHITECTURE.deb and returns its path."""
    machine = subprocess.run(["dpkg", "--print-architecture"], check=True, capture_output=True, text=True).stdout.strip()
    with tree.temporary() as work:
        root = work / "root"
        fill(staged, root)
        control = root / "DEBIAN"
        control.mkdir()
        size = sum(path.stat().st_size for path in root.rglob("*") if path.is_file() and not path.is_symlink()) // 1024
        text = (SCRIPTS / "control.in").read_text()
        for name, value in {"VERSION": staged.version, "ARCHITECTURE": machine, "DEPENDS": depends(staged, work),
                            "SIZE": str(size)}.items():
            text = text.replace(f"@{name}@", value)
        tree.write(control / "control", text)
        tree.write(control / "conffiles", "/etc/replicator/replicator.yaml\n")
        for name in ("postinst", "prerm", "postrm"):
            tree.copy(SCRIPTS / name, control / name, 0o755)
        archive = folder / f"replicator_{staged.version}_{machine}.deb"
        subprocess.run(["dpkg-deb", f"-Z{compression}", "--root-owner-group", "--build", root, archive], check=True,
                       stdout=subprocess.DEVNULL, env=tree.environment(staged))
    return archive


def fill(staged, root):
    """The files, where Debian has such files."""
    documents = root / "usr/share/doc/replicator"
    tree.copy(staged.program, root / "usr/bin/replicator", 0o755)
    for unit in ("replicator.service", "replicator@.service"):
        text = (ROOT / "Packaging" / unit).read_text().replace("/usr/local/bin/", "/usr/bin/")
        # The first lines say how to install by hand.
        tree.write(root / "usr/lib/systemd/system" / unit, text[text.index("[Unit]"):])
    tree.copy(ROOT / "replicator.yaml.example", root / "etc/replicator/replicator.yaml")
    # The unit runs as a user of its own and reads the configuration; secrets reach it through systemd.
    secrets = root / "etc/replicator/secrets"
    secrets.mkdir()
    secrets.chmod(0o700)
    compressed(ROOT / "Packaging" / "replicator.1", root / "usr/share/man/man1/replicator.1.gz")
    tree.copy(staged.completions / "replicator.bash", root / "usr/share/bash-completion/completions/replicator")
    tree.copy(staged.completions / "replicator.zsh", root / "usr/share/zsh/vendor-completions/_replicator")
    tree.copy(staged.completions / "replicator.fish", root / "usr/share/fish/vendor_completions.d/replicator.fish")
    tree.copy(SCRIPTS / "copyright", documents / "copyright")
    compressed(ROOT / "CHANGELOG.md", documents / "changelog.gz")
    tree.copy(staged.licences, documents / "third-party-licences.txt")
    tree.copy(staged.bill, documents / "bom.cdx.json")
    for path in tree.documents():
        tree.copy(path, documents / path.relative_to(ROOT))
    for library in staged.own_libraries:
        tree.copy(library.path, root / library.path.relative_to("/"))


def compressed(source, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    with open(target, "wb") as file, gzip.GzipFile("", "wb", 9, file, 0) as packed:
        packed.write(source.read_bytes())
    target.chmod(0o644)


def depends(staged, work):
    """The packages, with the versions that the program's symbols ask for."""
    (work / "debian").mkdir()
    (work / "debian" / "control").write_text("Source: replicator\n\nPackage: replicator\nArchitecture: any\n")
    shutil.copy(staged.program, work / "replicator")
    folders = sorted({f"-l{library.path.parent}" for library in staged.own_libraries})
    done = subprocess.run(["dpkg-shlibdeps", "-O", "--ignore-missing-info", *folders, "-e", "replicator"], cwd=work,
                          capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    return done.stdout.strip().removeprefix("shlibs:Depends=")



