"""The bill of materials, as CycloneDX 1.5: the Swift packages inside the program, and the libraries that it loads."""

import json
import re
import uuid

from shipping import libraries


def document(version, linked, loaded, swift, epoch):
    components = [component(source) for source in linked]
    components.append({
        "type": "platform", "bom-ref": "swift", "name": "swift", "version": swift,
        "licenses": [{"license": {"id": "Apache-2.0"}}]})
    for name in sorted({library.package for library in loaded if library.package}):
        held = libraries.installed_version(name)
        reference = f"pkg:deb/debian/{name}@{held}"
        components.append({
            "type": "library", "bom-ref": reference, "name": name, "version": held, "purl": reference,
            "properties": [{"name": "replicator:loaded", "value": str(library.path)}
                           for library in loaded if library.package == name]})
    root = f"pkg:generic/replicator@{version}"
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json", "bomFormat": "CycloneDX", "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, root + json.dumps(components))}", "version": 1,
        "metadata": {
            "timestamp": epoch.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": {"type": "application", "bom-ref": root, "name": "replicator", "version": version, "purl": root,
                          "licenses": [{"license": {"id": "Apache-2.0"}}]}},
        "components": components,
        "dependencies": [{"ref": root, "dependsOn": sorted(one["bom-ref"] for one in components)}]}


def component(source):
    reference = f"pkg:swift/{re.sub('^https?://', '', source.location)}@{source.version}"
    licence = source.licence()
    return {
        "type": "library", "bom-ref": reference, "name": source.name, "version": source.version, "purl": reference,
        **({"licenses": [{"license": {"id": licence}}]} if licence else {}),
        "externalReferences": [{"type": "vcs", "url": source.location, "comment": f"revision {source.revision}"}]}


def licences(linked):
    """One text with the licences and notices of everything that is inside the program."""
    parts = ["The program contains these Swift packages, and Swift's runtime libraries (Apache-2.0 with the runtime library "
             "exception).\n"]
    for source in linked:
        parts.append(f"\n{'=' * 78}\n{source.name} {source.version}, {source.location}\n{'=' * 78}\n")
        parts += [path.read_text(errors="replace").rstrip() + "\n" for path in source.texts()]
    return "\n".join(parts)




def text(document):
    return json.dumps(document, indent=1, sort_keys=True) + "\n"
