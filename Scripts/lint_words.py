#!/usr/bin/env python3
"""Lints words: comments and messages of all sources, and the documents.

A doc comment and a description begin with a noun or a verb, not with a clause ("What is …", "Whether …"), and words that only this project
has ever used so are left out.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
OPENING = re.compile(
    r"^\s*/// (What|Whatever|When|Whether|Who|Whoever|Whom|Whose|Where|Wherever|How|Why|Which|Since when|Of|So many|Those|Until)\b")
WORDS = re.compile(
    r"\b(anew|go(?:es|ing|ne)? on|went on|somebody|footing|seam|landed|what (?:is|was) on (?:its|the|their) way"
    r"|(?:stands?|stood|standing) (?:still|in|on|at|against|where|here|there|before|behind|beyond|elsewhere|alone|again|below|above|beside))\b",
    re.I)
# A description of a setting, a flag or a metric.
DESCRIPTION = re.compile(r'"(What|Whether|Who|Where|How|Why|Which) [^"?]*\."')
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
        for word in DESCRIPTION.findall(line):
            yield number, f'a description begins with a noun or a verb, not with "{word}"'
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
    for path in sorted((ROOT / "Sources").rglob("*.swift")):
        problems += [(path, *found) for found in source_problems(path.read_text())]
    for path in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "Docs").glob("*.md"))]:
        problems += [(path, *found) for found in document_problems(path.read_text())]
    for path, number, problem in problems:
        print(f"{path.relative_to(ROOT)}:{number}: {problem}")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
