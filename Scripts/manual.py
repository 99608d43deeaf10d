#!/usr/bin/env python3
"""Writes the manual page: what stands in Packaging/replicator.1.in, and what the program says of its commands.

    Scripts/manual.py EXECUTABLE            # to standard output
    Scripts/manual.py EXECUTABLE --write    # to Packaging/replicator.1

The commands come from `--experimental-dump-help`, so that the page cannot say less than `--help`.
"""

import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
TEMPLATE = ROOT / "Packaging" / "replicator.1.in"
PAGE = ROOT / "Packaging" / "replicator.1"


def ask(executable, *arguments):
    return subprocess.run([executable, *arguments], check=True, capture_output=True, text=True).stdout


def escaped(text):
    """Plain text as roff: a backslash, a hyphen that is one, and a line that must not look like a request."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\n".join("\\&" + line if line[:1] in ("." , "'") else line for line in text.splitlines())


def sentences(text):
    """One sentence a line, as roff wants it; paragraphs apart."""
    paragraphs = [" ".join(part.split()) for part in text.split("\n\n")]
    return "\n.PP\n".join(escaped(re.sub(r"(?<=[a-z)\]][.]) (?=[A-Z])", "\n", part)) for part in paragraphs if part)


def is_shown(argument):
    return argument.get("shouldDisplay", True)


def spelling(name):
    return ("--" if name["kind"] == "long" else "-") + name["name"]


def placeholder(argument):
    return argument.get("valueName", "value")


def in_synopsis(argument):
    """How an argument stands in a synopsis: with brackets when it may be left out, dots when it may come again."""
    if argument["kind"] == "positional":
        text = f"\\fI{escaped(placeholder(argument))}\\fR"
    else:
        text = f"\\fB{escaped(spelling(argument['preferredName']))}\\fR"
        if argument["kind"] == "option":
            text += f" \\fI{escaped(placeholder(argument))}\\fR"
    if argument["isOptional"]:
        text = f"[{text}]"
    return text + ("..." if argument["isRepeating"] else "")


def explained(argument):
    """One argument with its default."""
    if argument["kind"] == "positional":
        head = f".I {escaped(placeholder(argument))}"
    else:
        names = " , ".join(f'"{escaped(spelling(name))}"' for name in sorted(argument["names"], key=lambda n: n["kind"] == "long"))
        head = f".BR {names}"
        if argument["kind"] == "option":
            head += f' " \\fI{escaped(placeholder(argument))}\\fR"'
    text = sentences(" ".join(filter(None, (argument.get("abstract"), argument.get("discussion")))))
    notes = []
    if argument.get("allValues"):
        notes.append("One of " + ", ".join(escaped(value) for value in argument["allValues"]) + ".")
    if argument.get("defaultValue") and argument["kind"] != "flag":
        notes.append(f"Default: {escaped(argument['defaultValue'])}.")
    return "\n".join([".TP", head, text, *notes])


def own_arguments(command):
    """What is peculiar to a command: not --help and --version, which all have."""
    shown = filter(is_shown, command.get("arguments", []))
    return [a for a in shown if not {"help", "version"} & {name["name"] for name in a.get("names") or []}]


def subcommands(command):
    return [c for c in command.get("subcommands", []) if c.get("shouldDisplay", True) and c["commandName"] != "help"]


def section(command):
    lines = [f".SS replicator {escaped(command['commandName'])}", sentences(command.get("abstract", ""))]
    arguments = own_arguments(command)
    lines += [".PP", " ".join([f"\\fBreplicator {escaped(command['commandName'])}\\fR", *map(in_synopsis, arguments)])]
    if command.get("discussion"):
        lines += [".PP", sentences(command["discussion"])]
    return "\n".join(lines + [explained(argument) for argument in arguments])


def page(executable):
    root = json.loads(ask(executable, "--experimental-dump-help"))["command"]
    commands = subcommands(root)
    synopsis = [f"\\fBreplicator {escaped(c['commandName'])}\\fR [\\fIoptions\\fR]" for c in commands]
    synopsis += ["\\fBreplicator\\fR \\fB\\-\\-help\\fR", "\\fBreplicator\\fR \\fB\\-\\-version\\fR"]
    return (TEMPLATE.read_text()
            .replace("Template of replicator.1; Scripts/manual.py puts in what the program says of its commands.",
                     "Made by Scripts/manual.py from replicator.1.in and the program's own help: change those.")
            .replace("@VERSION@", ask(executable, "--version").strip())
            .replace("@SYNOPSIS@", "\n.br\n".join(synopsis))
            .replace("@COMMANDS@", "\n".join(map(section, commands))))


def main():
    if len(sys.argv) < 2 or sys.argv[2:] not in ([], ["--write"]):
        sys.exit(__doc__)
    text = page(sys.argv[1])
    if "--write" in sys.argv:
        PAGE.write_text(text)
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main()
