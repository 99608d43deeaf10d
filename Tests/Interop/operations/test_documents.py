"""Documents, manual page and the program agree: commands, flags and links that are named are there, and the other way
round."""

import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import tempfile
import urllib.parse

import lint_words
import manual
from support.checks import check, equal
from support.packages import installed
from support.program import ROOT, program

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "Docs").glob("*.md"))]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
SPAN = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FLAG = re.compile(r"--[a-z][a-z-]*")
SEPARATORS = {"|", "||", "&&", "&", ";", ">", ">>", "<", "2>"}


def commands():
    """By name of the command: its flags. Under "" what the program takes without one."""
    root = json.loads(manual.ask(program(), "--experimental-dump-help"))["command"]
    found = {"": {"--help", "--version", "--generate-completion-script"}}
    for command in manual.subcommands(root):
        # A command that only divides into others has the flags of those.
        parts = [command, *manual.subcommands(command)]
        names = [name for part in parts for a in part.get("arguments", []) for name in a.get("names") or []]
        found[command["commandName"]] = {manual.spelling(name) for name in names} | {"--help"}
    return found


def unmarked(text):
    """A document without its blocks of code."""
    return FENCE.sub("", text)


def invocations(text):
    """Each place of a command line where the program is called: what follows it, up to the end of that command."""
    for line in text.replace("\\\n", " ").splitlines():
        line = re.sub(r"[\[\]…]|\.\.\.|\\\|", " ", line.removeprefix("$ "))
        try:
            tokens = shlex.split(line, comments=True)
        except ValueError:
            tokens = line.split()
        for at, token in enumerate(tokens):
            if pathlib.PurePath(token).name != "replicator" or tokens[:1] in (["install"], ["systemctl"], ["man"], ["kubectl"]):
                continue
            rest = []
            for word in tokens[at + 1:]:
                if word in SEPARATORS:
                    break
                rest.append(word.rstrip(";"))
            yield rest


def command_lines(text):
    """Blocks of shell, and code in running text that begins with the program's name."""
    shell = [body for language, body in FENCE.findall(text) if language in ("sh", "")]
    spans = [span for span in SPAN.findall(unmarked(text)) if span.split()[:1] == ["replicator"]]
    return shell, spans


def anchors(text):
    """What a heading is called in links, as GitHub has it."""
    plain = lambda heading: re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower()).replace(" ", "-")
    return {plain(heading.strip()) for heading in re.findall(r"^#+ (.*)$", unmarked(text), re.M)}


def test_links_lead_somewhere():
    count = 0
    for document in DOCUMENTS:
        for link in LINK.findall(unmarked(document.read_text())):
            if urllib.parse.urlsplit(link).scheme:
                continue
            path, _, anchor = link.partition("#")
            target = document.parent / path if path else document
            count += 1
            check(f"{document.name}: {link} is there", target.exists())
            if anchor and target.suffix == ".md" and target.exists():
                check(f"{document.name}: {link} has such a heading", anchor in anchors(target.read_text()))
    check("links were looked at", count > 20, str(count))


def test_every_document_can_be_found():
    """README.md leads to the index, and that to each."""
    check("README.md leads to the index", "(Docs/README.md)" in (ROOT / "README.md").read_text())
    index = (ROOT / "Docs" / "README.md").read_text()
    for document in DOCUMENTS[1:]:
        if document.name != "README.md":
            check(f"the index leads to {document.name}", f"({document.name})" in index)


def test_figures_are_those_that_were_measured():
    """The README repeats a few: each number of its table is in Docs/Benchmarks.md."""
    section = (ROOT / "README.md").read_text().split("## Measured")[1].split("\n## ")[0]
    rows = [line.split("|")[2] for line in section.splitlines() if line.startswith("| ") and line.strip("| ")]
    measured = (ROOT / "Docs" / "Benchmarks.md").read_text()
    figures = [figure for row in rows for figure in re.findall(r"\d[\d.,]*(?: (?:to|/) \d[\d.,]*)?", row)]
    check("there are figures", len(figures) > 3, str(figures))
    for figure in figures:
        check(f"{figure} was measured", figure.rstrip(".,") in measured)


def test_what_is_said_of_releases_is_said_everywhere():
    """No page claims a cluster that the tests do not run."""
    tested = "Apache Kafka, MSK and Redpanda are no part of the tests"
    check("Comparison.md says what is not tested", tested in (ROOT / "Docs" / "Comparison.md").read_text())
    readme = " ".join((ROOT / "README.md").read_text().split())
    check("README.md says so too", "no test in this repository uses a cluster of Apache Kafka, MSK or Redpanda" in readme)


def test_commands_that_are_named_exist():
    known = commands()
    count = 0
    for document in DOCUMENTS:
        shell, spans = command_lines(document.read_text())
        for rest in [r for text in shell + spans for r in invocations(text)]:
            name = rest[0] if rest and not rest[0].startswith("-") else ""
            if not name and not rest:
                continue
            count += 1
            if not re.fullmatch(r"[a-z-]*", name):
                continue
            check(f"{document.name}: `replicator {name}` exists", name in known)
            named = {flag for word in rest for flag in FLAG.findall(word) if word.startswith("--")}
            check(f"{document.name}: `replicator {' '.join(rest)}` takes its flags",
                  named <= known.get(name, named), str(sorted(named - known.get(name, set()))))
    check("command lines were looked at", count > 50, str(count))


def test_flags_that_are_named_exist():
    """Also those that stand alone in a sentence."""
    known = set().union(*commands().values())
    # Of other programs: podman.
    known |= {"--stop-timeout"}
    for document in DOCUMENTS:
        for span in SPAN.findall(unmarked(document.read_text())):
            if span.startswith("--"):
                flag = FLAG.match(span)
                check(f"{document.name}: {span} exists", flag and flag.group() in known)


def test_every_command_is_documented():
    readme, operations = (ROOT / "README.md").read_text(), (ROOT / "Docs" / "Operations.md").read_text()
    for name, flags in commands().items():
        if not name:
            continue
        check(f"README.md names {name}", re.search(rf"`(replicator )?{name}`", readme))
        row = next((line for line in operations.splitlines() if line.startswith("|") and f"`replicator {name}" in line
                    or line.startswith("|") and f", `replicator {name}`" in line), "")
        check(f"Operations.md has {name} among its commands", row)
        missing = {flag for flag in flags - {"--help", "--version"} if flag.startswith("--") and flag not in row}
        equal(f"Operations.md: flags of {name} that are missing", sorted(missing - {"--url", "--config"}), [])


def test_the_manual_page_is_complete():
    fresh, kept = manual.page(program()), manual.PAGE.read_text()
    check("the manual page is up to date: `make docs` writes it anew", fresh == kept)
    plain = re.sub(r"\\f.", "", kept).replace("\\-", "-")
    for name, flags in commands().items():
        check(f"the manual page has {name or 'the program'}",
              f".SS replicator {name}\n" in plain if name else ".SH NAME" in plain)
        helped = subprocess.run([program(), *name.split(), "--help"], capture_output=True, text=True).stdout
        for flag in set(FLAG.findall(helped.split("USAGE:")[1])) - {"--version"}:
            check(f"the manual page has {flag} of {name}", flag in plain)


def test_the_manual_page_can_be_shown():
    if not shutil.which("mandoc"):
        installed("mandoc")
    lint = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", str(manual.PAGE)], capture_output=True, text=True)
    equal("mandoc has nothing against it", lint.stdout + lint.stderr, "")
    shown = subprocess.run(["mandoc", "-T", "utf8", str(manual.PAGE)], capture_output=True, text=True).stdout
    text = re.sub(r".\x08", "", shown)
    check("it is shown with names, commands and exit codes", all(
        part in text for part in ("REPLICATOR(1)", "replicator run", "--config", "EXIT STATUS")), text[:1000])


def test_the_lint_of_words_would_tell():
    """The check itself, and what it leaves alone."""
    told = lambda text: [number for number, _ in lint_words.source_problems(text)]
    equal("an opening clause", told("/// Whether it is so.\nvar x: Bool"), [1])
    equal("not in the middle of a comment", told("/// True if it is so.\n/// What else there is.\nvar x: Bool"), [])
    equal("a fragment", told("/// Of the last record.\nvar x = 0"), [1])
    equal("a word", told("// It goes on.\n"), [1])
    equal("records have no legs", told("// It stands in the log, for all of them.\n// It stands for all of them.\n"), [1])
    found = [number for number, _ in lint_words.document_problems("```\nit goes on\n```\n`anew`\nbegin anew\n")]
    equal("of a document what is not quoted", found, [5])


def test_completions_complete():
    """Bash, with the script of the program, offers what begins so."""
    with tempfile.TemporaryDirectory() as folder:
        script = pathlib.Path(folder) / "replicator.bash"
        script.write_text(manual.ask(program(), "--generate-completion-script", "bash"))

        def offered(*words):
            # As readline calls it: the words, which of them is meant, and the function that `complete -F` has named.
            line = " ".join(words)
            code = (f'export PATH={shlex.quote(os.path.dirname(program()))}:$PATH; source {shlex.quote(str(script))}; '
                    f'f=$(complete -p replicator | sed "s/.*-F \\([^ ]*\\).*/\\1/"); COMP_WORDS=({line}); '
                    f'[ "${{@: -1}}" = "" ]; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; '
                    f'COMP_POINT=${{#COMP_LINE}}; $f replicator "${{@: -1}}" "${{@: -2:1}}"; printf "%s\\n" "${{COMPREPLY[@]}}"')
            done = subprocess.run(["bash", "--norc", "-c", code, "bash", *words], capture_output=True, text=True)
            check(f"bash says nothing about {words}", done.stderr == "", done.stderr)
            return {word.strip() for word in done.stdout.splitlines()}

        names = {name for name in commands() if name}
        equal("all commands", names - offered("replicator", ""), set())
        equal("those that begin so", offered("replicator", "verif"), {"verify"})
        equal("values of a flag", offered("replicator", "verify", "--mode", ""), {"full", "sampled", "rolling"})
        equal("scenarios", "planned" in offered("replicator", "drill", "--scenario", "p"), True)
        equal("releases", offered("replicator", "broker", "--release", "4.2"), {"4.2"})
        check("flags of a command", {"--config", "--flow"} <= offered("replicator", "run", "--"),
              offered("replicator", "run", "--"))
        # As the service's file is for an operator: its secrets are for the service alone.
        config = pathlib.Path(folder) / "replicator.yaml"
        config.write_text("""
clusters:
  east: {bootstrapServers: "a:9092", sasl: {mechanism: PLAIN, username: u, password: "${env:NOT_SET_HERE}"}}
  west: {bootstrapServers: "b:9092", sasl: {mechanism: PLAIN, username: u, password: "${file:/not/here}"}}
flows:
  - {name: one, source: east, target: west, topics: {allow: ["t"]}}
  - {name: two, source: west, target: east, topics: {allow: ["t"]}}
""")
        equal("flows of a file whose secrets cannot be read",
              offered("replicator", "plan", "--config", str(config), "--flow", ""), {"one", "two"})
        equal("and its clusters", offered("replicator", "flows", "--config", str(config), "--cluster", ""), {"east", "west"})
