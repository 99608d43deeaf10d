#!/usr/bin/env python3
"""Lints the page in Sources/Observability/Page as what it is: markup, style, scripts, and what they say of each other.

Markup is parsed as strictly as the HTML standard allows, the style sheet by CSS Syntax Level 3, and the scripts are
compiled, not run, by a JavaScript engine. Then the three are compared: what a script or a selector names must be there.
"""

import pathlib
import re
import sys

import html5lib
import quickjs
import tinycss2

PAGE = pathlib.Path(__file__).resolve().parent.parent / "Sources" / "Observability" / "Page"
# Classes that the answers of the program name: levels of events.
FROM_ANSWERS = {"info", "warning", "error"}
NAMESPACE = "{http://www.w3.org/1999/xhtml}"


def markup_problems(text):
    """The document as a tree, and what is wrong with it."""
    parser = html5lib.HTMLParser()
    tree = parser.parse(text)
    problems = [
        f"{line}:{column}: {code.replace('-', ' ')} {found or ''}" for (line, column), code, found in parser.errors]
    ids = [element.get("id") for element in tree.iter() if element.get("id")]
    problems += [f"id {name} is there twice" for name in sorted({name for name in ids if ids.count(name) > 1})]
    return tree, problems


def style_problems(text):
    """Class names that the style sheet uses, and what is wrong with it."""
    problems, classes = [], set()

    def declarations(tokens):
        for node in tinycss2.parse_blocks_contents(tokens, skip_comments=True, skip_whitespace=True):
            if node.type == "error":
                problems.append(f"{node.source_line}:{node.source_column}: {node.message}")
            elif node.type == "declaration" and not node.value:
                problems.append(f"{node.source_line}:{node.source_column}: {node.name} has no value")
            elif node.type == "qualified-rule":
                rule(node)

    def rule(node):
        before = None
        for token in node.prelude:
            if before is not None and before == "." and token.type == "ident":
                classes.add(token.value)
            before = token
        declarations(node.content)

    def rules(nodes):
        for node in nodes:
            if node.type == "error":
                problems.append(f"{node.source_line}:{node.source_column}: {node.message}")
            elif node.type == "at-rule" and node.content is not None:
                if node.lower_at_keyword in ("media", "supports"):
                    rules(tinycss2.parse_rule_list(node.content, skip_comments=True, skip_whitespace=True))
                elif not node.lower_at_keyword.endswith("keyframes"):
                    declarations(node.content)
            elif node.type == "qualified-rule":
                rule(node)

    rules(tinycss2.parse_stylesheet(text, skip_comments=True, skip_whitespace=True))
    return classes, problems


def script_problems(name, text):
    """What the engine says when it compiles the script."""
    try:
        # The body of a function that is never called: compiled as a whole, and nothing of it runs.
        quickjs.Context().eval(f"(function () {{{text}\n}}); 0")
    except quickjs.JSException as error:
        return [str(error).splitlines()[0]]
    return []


def main():
    texts = {path.name: path.read_text() for path in sorted(PAGE.iterdir()) if path.suffix in (".html", ".css", ".js")}
    scripts = {name: text for name, text in texts.items() if name.endswith(".js")}
    problems = {name: [] for name in texts}

    tree, problems["page.html"] = markup_problems(texts["page.html"])
    referred = {element.get("src") for element in tree.iter(NAMESPACE + "script")}
    referred |= {element.get("href") for element in tree.iter(NAMESPACE + "link")}
    own = {name for name in texts if name != "page.html"}
    problems["page.html"] += [f"does not refer to {name}" for name in sorted(own - referred)]
    problems["page.html"] += [
        f"refers to {name}, which is not there" for name in sorted(referred - own) if not name.startswith("data:")]

    classes, problems["page.css"] = style_problems(texts["page.css"])
    words = set(re.findall(r"[\w-]+", texts["page.html"] + "".join(scripts.values())))
    problems["page.css"] += [f"nothing has the class {name}" for name in sorted(classes - words - FROM_ANSWERS)]

    ids = {element.get("id") for element in tree.iter() if element.get("id")}
    for name, text in scripts.items():
        problems[name] = script_problems(name, text)
        used = set(re.findall(r"\$\('([\w-]+)'\)", text))
        problems[name] += [f"no element has the id {missing}" for missing in sorted(used - ids)]
    # They share one scope: a name may be declared once.
    if not any(problems[name] for name in scripts):
        order = [element.get("src") for element in tree.iter(NAMESPACE + "script")]
        problems["page.html"] += script_problems("page.html", "".join(texts[name] for name in order if name in texts))

    for name, found in problems.items():
        for problem in found:
            print(f"Sources/Observability/Page/{name}: {problem}", file=sys.stderr)
    sys.exit(1 if any(problems.values()) else 0)


main()
