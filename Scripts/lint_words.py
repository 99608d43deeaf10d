#!/usr/bin/env python3
"""Lints words: comments and messages of the folders below, and the documents.

A doc comment begins with a noun or a verb, not with a clause ("What is …", "Whether …"), and words that only this project
has ever used so are left out. A folder joins the list when it is clean; none leaves it.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDERS = [
    "BoundedExpressions", "CryptoPrimitives", "ForeignErrors", "KafkaBroker", "KafkaCompression", "KafkaWire",
    "Observability", "PlainText", "ReplicatorConfig", "ReplicatorDaemon", "TerminalText", "replicator", "replicator-bench",
]
# To be cleaned yet.
OTHER_FOLDERS = ["KafkaClient", "Replication", "ReplicationTools", "System"]
OPENING = re.compile(r"^\s*/// (What|Whether|Who|Whom|Whose|Where|How|Why|Which|Since when)\b")
WORDS = re.compile(r"\b(anew|go(?:es|ing)? on|somebody|footing|seam|landed)\b", re.I)
# Commands print these, and the documents show what they print.
QUOTED = re.compile(r"^```.*?^```$|`[^`\n]+`", re.M | re.S)


def source_problems(text):
    """Lines of a source file, with what is wrong with each."""
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        is_first = not (number > 1 and lines[number - 2].lstrip().startswith("///"))
        opening = OPENING.match(line) if is_first else None
        if opening:
            yield number, f'a doc comment begins with a noun or a verb, not with "{opening[1]}"'
        for word in WORDS.findall(line):
            yield number, f'"{word}": say it plainly'


def document_problems(text):
    # Blank what is quoted, line by line, so that numbers stay.
    plain = QUOTED.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)
    for number, line in enumerate(plain.splitlines(), 1):
        for word in WORDS.findall(line):
            yield number, f'"{word}": say it plainly'


def main():
    problems = []
    for folder in FOLDERS:
        for path in sorted((ROOT / "Sources" / folder).rglob("*.swift")):
            problems += [(path, *found) for found in source_problems(path.read_text())]
    for path in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *sorted((ROOT / "Docs").glob("*.md"))]:
        problems += [(path, *found) for found in document_problems(path.read_text())]
    unknown = {path.name for path in (ROOT / "Sources").iterdir() if path.is_dir()} - {*FOLDERS, *OTHER_FOLDERS}
    problems += [(ROOT / "Scripts/lint_words.py", 0, f"Sources/{name} is in neither list") for name in sorted(unknown)]
    for path, number, problem in problems:
        print(f"{path.relative_to(ROOT)}:{number}: {problem}")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
