"""The Swift packages that were linked into a program, as its build has recorded them."""

import dataclasses
import json
import pathlib
import re


@dataclasses.dataclass(frozen=True)
class Source:
    """A Swift package in the version that was built."""

    name: str
    version: str
    revision: str
    location: str
    checkout: pathlib.Path

    def texts(self):
        """Its licence and notices, as it comes with them."""
        names = re.compile(r"(licen[sc]e|notice|copying)(\.(txt|md))?$", re.I)
        return [path for path in sorted(self.checkout.iterdir()) if names.match(path.name)]

    def licence(self):
        """The licence's SPDX identifier, where its text is one of those that are known here."""
        for path in self.texts():
            text = path.read_text(errors="replace")
            if "Apache License" in text and "Version 2.0" in text:
                return "Apache-2.0"
            if "Permission is hereby granted, free of charge" in text:
                return "MIT"
        return None


def linked(program):
    """Those packages of which the program has object files, by name."""
    program = pathlib.Path(program).resolve()
    listed = program.parent / f"{program.name}.product" / "Objects.LinkFileList"
    if not listed.exists():
        raise SystemExit(f"{listed} is missing: give the program where Swift has built it, not a copy")
    scratch = next(folder for folder in program.parents if (folder / "workspace-state.json").exists())
    modules = set(re.findall(r"/([^/]+)\.build/[^\n]*\.o$", listed.read_text(), re.M))
    found = []
    for one in json.loads((scratch / "workspace-state.json").read_text())["object"]["dependencies"]:
        state = one["state"].get("checkoutState", {})
        checkout = scratch / "checkouts" / one["subpath"]
        here = {path.name for path in checkout.glob("Sources/*") if path.is_dir()} | {
            path.name for path in checkout.glob("Sources/*/*") if path.is_dir()}
        if here & modules:
            found.append(Source(one["packageRef"]["identity"], state.get("version", ""), state["revision"],
                                one["packageRef"]["location"].removesuffix(".git"), checkout))
    return sorted(found, key=lambda source: source.name)
