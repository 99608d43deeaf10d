#!/usr/bin/env python3
"""The plain manifests of Kubernetes, from the chart.

    Scripts/shipping/chart.py            # writes Packaging/kubernetes

The chart keeps to the part of Helm's language that is read here: values, `if` with `eq`, `else`, `end`, and the functions
toYaml, nindent and quote. Anything else is an error, so the manifests are what Helm makes of the chart.
"""

import functools
import pathlib
import re
import sys

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHART = ROOT / "Packaging" / "helm" / "replicator"
PLAIN = ROOT / "Packaging" / "kubernetes"
# Inner braces would be closed by what ends an action.
ACTION = re.compile(r"\{\{(-?)\s+(.*?)\s+(-?)\}\}", re.S)
WORD = re.compile(r'"[^"]*"|\S+')
MANIFESTS = {
    "deployment.yaml": {"kind": "Deployment"},
    "statefulset.yaml": {"kind": "StatefulSet"},
}
HEAD = """\
# {what}: three instances that share the flows of one configuration; Docs/Instances.md explains it.
# Made from Packaging/helm by Scripts/shipping/chart.py.
"""


def settings(changes=None):
    """The chart's values with changes, given by their dotted names."""
    found = yaml.safe_load((CHART / "values.yaml").read_text())
    for name, value in (changes or {}).items():
        *path, last = name.split(".")
        functools.reduce(lambda section, key: section[key], path, found)[last] = value
    return found


def render(changes=None, release="replicator"):
    """Text of each template by its file's name; those that come out empty are left out."""
    scope = {"Values": settings(changes), "Release": {"Name": release},
             "Chart": {"AppVersion": yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"]}}
    made = {path.name: rendered(path.read_text(), scope) for path in sorted(CHART.glob("templates/*.yaml"))}
    return {name: text.strip("\n") + "\n" for name, text in made.items() if text.strip()}


def rendered(template, scope):
    output, shown, at = [], [], 0
    trim = False
    for match in ACTION.finditer(template):
        text = template[at:match.start()]
        text = text.lstrip() if trim else text
        if all(shown):
            output.append(text.rstrip() if match[1] else text)
        at, trim = match.end(), bool(match[3])
        words = WORD.findall(match[2])
        match words:
            case ["if", name]:
                shown.append(bool(value(name, scope)))
            case ["if", "eq", left, right]:
                shown.append(value(left, scope) == value(right, scope))
            case ["else"]:
                shown[-1] = not shown[-1]
            case ["end"]:
                shown.pop()
            case _ if all(shown):
                output.append(pipeline(match[2], scope))
    if shown:
        raise ValueError("an `if` has no `end`")
    return "".join(output) + (template[at:].lstrip() if trim else template[at:])


def value(word, scope):
    if word.startswith('"'):
        return word.strip('"')
    if not word.startswith("."):
        raise ValueError(f"not read here: {word}")
    return functools.reduce(lambda section, key: section[key], word[1:].split("."), scope)


def pipeline(text, scope):
    first, *functions = [part.split() for part in text.split("|")]
    held = value(first[-1], scope)
    for name in [first[:-1], *functions]:
        match name:
            case []:
                pass
            case ["toYaml"]:
                held = yaml.safe_dump(held, sort_keys=True).rstrip("\n")
            case ["nindent", width]:
                held = "\n" + "\n".join(" " * int(width) + line if line else line for line in str(held).split("\n"))
                held = held.rstrip(" ")
            case ["quote"]:
                held = '"' + str(held).replace("\\", "\\\\").replace('"', '\\"') + '"'
            case other:
                raise ValueError(f"not read here: {other}")
    return str(held)


def manifests():
    """The plain files by name."""
    made = {name: HEAD.format(what=changes["kind"]) + "---\n".join(render(changes).values())
            for name, changes in MANIFESTS.items()}
    monitor = render({"serviceMonitor.enabled": True})["servicemonitor.yaml"]
    made["servicemonitor.yaml"] = "# For the Prometheus operator. Made from Packaging/helm by Scripts/shipping/chart.py.\n" + monitor
    return made


def main():
    PLAIN.mkdir(exist_ok=True)
    for name, text in manifests().items():
        (PLAIN / name).write_text(text)


if __name__ == "__main__":
    sys.exit(main())
