#!/usr/bin/env python3
"""Writes schema.txt, the wire types of every version of every API, and errors.txt, the error codes, as known to software
that is not ours.

    python3 make_schema.py [--old FOLDER]        needs: pip install kafka-python==3.0.12 kio==0.6.5

Where a version's facts come from, best first:
  kafka-python  the message descriptions of Apache Kafka 4.x that it carries
  kio           its dataclasses, one per structure and version
  kafka         FOLDER, the message descriptions of an Apache Kafka before 4.0 (clients/src/main/resources/common/message),
                for the versions that 4.0 removed; without it those lines are kept from the present schema.txt

Where two sources describe the same version they must agree, or the script stops.

A line: api direction version source header-version: types. The types are in the notation of KafkaMessage.trace(version:).
"""
import argparse
import dataclasses
import datetime
import importlib
import importlib.resources
import json
import pathlib
import re
import sys
import uuid

APIS = """Produce Fetch ListOffsets Metadata OffsetCommit OffsetFetch FindCoordinator JoinGroup Heartbeat LeaveGroup
SyncGroup DescribeGroups ListGroups SaslHandshake ApiVersions CreateTopics DeleteTopics DeleteRecords InitProducerId
OffsetForLeaderEpoch AddPartitionsToTxn AddOffsetsToTxn EndTxn WriteTxnMarkers TxnOffsetCommit DescribeAcls CreateAcls
DeleteAcls DescribeConfigs AlterConfigs DescribeLogDirs SaslAuthenticate CreatePartitions DeleteGroups ElectLeaders
IncrementalAlterConfigs AlterPartitionReassignments ListPartitionReassignments OffsetDelete DescribeClientQuotas
AlterClientQuotas DescribeUserScramCredentials AlterUserScramCredentials DescribeCluster DescribeProducers
DescribeTransactions ListTransactions ConsumerGroupHeartbeat ConsumerGroupDescribe DescribeTopicPartitions
ShareGroupDescribe StreamsGroupDescribe DescribeShareGroupOffsets AlterShareGroupOffsets DeleteShareGroupOffsets
AlterReplicaLogDirs CreateDelegationToken RenewDelegationToken ExpireDelegationToken DescribeDelegationToken
DescribeQuorum UpdateFeatures UnregisterBroker ListConfigResources""".split()
HERE = pathlib.Path(__file__).parent


@dataclasses.dataclass
class Field:
    """One field in one version."""

    name: str  # Kafka's, e.g. ThrottleTimeMs
    type: str  # bool int8 int16 int32 int64 float64 uuid string bytes records struct
    array: bool
    nullable: bool
    default: object  # None, or what the type holds; arrays: []
    tag: int | None
    fields: list | None


# Versions that Apache Kafka's trunk describes and that the descriptions of kafka-python do not have yet: its encoder is given
# them. KIP-1242: ApiVersions 5.
LATER = {
    "ApiVersionsRequest": ("0-5", [
        {"name": "ClusterId", "type": "string", "versions": "5+", "nullableVersions": "5+", "default": "null",
         "ignorable": True, "about": "The cluster that is meant."},
        {"name": "NodeId", "type": "int32", "versions": "5+", "default": "-1", "ignorable": True,
         "about": "The broker that is meant."}]),
    "ApiVersionsResponse": ("0-5", []),
}


def add_later(described):
    """Adds to a description what it does not have yet."""
    if described["name"] in LATER:
        valid, fields = LATER[described["name"]]
        described["validVersions"] = valid
        described["fields"] = described["fields"] + fields
    return described


# Kafka's own descriptions


def versions(text):
    if text in (None, "none"):
        return range(0)
    low, _, high = text.rstrip("+").partition("-")
    return range(int(low), 1000 if text.endswith("+") else int(high or low) + 1)


def parse_json(text):
    return json.loads(re.sub(r"(?m)^\s*//.*$", "", text))


class Description:
    """A message as Kafka's JSON describes it."""

    def __init__(self, text):
        self.json = add_later(parse_json(text))
        self.valid = versions(self.json["validVersions"])
        self.flexible = versions(self.json["flexibleVersions"])
        self.common = {struct["name"]: struct["fields"] for struct in self.json.get("commonStructs", [])}

    def fields(self, version):
        return self._fields(self.json["fields"], version)

    def _fields(self, listed, version):
        result = []
        for field in listed:
            if version not in versions(field.get("versions", "0+")):
                continue
            array, kind = field["type"].startswith("[]"), field["type"].removeprefix("[]")
            nested = field.get("fields") or self.common.get(kind)
            kind = "struct" if nested else kind
            tagged = "tag" in field and version in versions(field.get("taggedVersions"))
            nullable = version in versions(field.get("nullableVersions"))
            result.append(
                Field(
                    name=field["name"], type=kind, array=array, nullable=nullable,
                    default=default_value(kind, array, nullable, field.get("default")),
                    tag=field["tag"] if tagged else None,
                    fields=self._fields(nested, version) if nested else None))
        return result


def default_value(kind, array, nullable, text):
    if text == "null" and nullable or kind == "records":
        return None
    if array:
        return []
    text = "" if text in (None, "null") else str(text)
    if kind == "bool":
        return text.lower() == "true"
    if kind.startswith("int"):
        return int(text or "0", 0)
    return {"float64": float(text or 0) if kind == "float64" else 0, "uuid": uuid.UUID(int=0), "bytes": b""}.get(kind, text)


# kio's dataclasses


def kio_class(name, version):
    api, direction = re.fullmatch(r"(\w+)(Request|Response)", name).groups()
    folder = re.sub(r"(?<!^)(?=[A-Z])", "_", api).lower()
    try:
        module = importlib.import_module(f"kio.schema.{folder}.v{version}.{direction.lower()}")
    except ModuleNotFoundError:
        return None
    return getattr(module, name)


KIO_TYPES = {"timedelta_i32": "int32", "timedelta_i64": "int64", "datetime_i64": "int64", "error_code": "int16"}


def kio_fields(entity):
    from kio.serial import _introspect as introspect

    result = []
    for field in dataclasses.fields(entity):
        shape = introspect.classify_field(field)
        tag = introspect.get_field_tag(field)
        nested = dataclasses.is_dataclass(shape.type_)
        kio_type = "struct" if nested else introspect.get_schema_field_type(field)
        kind = KIO_TYPES.get(kio_type, kio_type)
        name = "".join(part.capitalize() for part in field.name.split("_"))
        if kio_type.startswith(("timedelta", "datetime")):
            name += "Ms"
        # kio spells "no time" and "no id" as None; on the wire those are -1 and zero.
        nullable = kio_type not in ("datetime_i64", "uuid") and "None" in str(field.type)
        result.append(
            Field(
                name=name, type=kind, array=shape.is_array, nullable=nullable,
                default=None if field.default is dataclasses.MISSING else plain(field.default, kio_type),
                tag=tag, fields=kio_fields(shape.type_) if nested else None))
    return result


def plain(value, kio_type):
    """What kio's value is on the wire."""
    if value is None and kio_type == "datetime_i64":
        return -1
    if isinstance(value, datetime.timedelta):
        return round(value.total_seconds() * 1000)
    if isinstance(value, datetime.datetime):
        return round(value.timestamp() * 1000)
    return getattr(value, "value", value)


# Notation


def trace(fields):
    parts = [trace_field(field) for field in fields if field.tag is None]
    tagged = sorted((field for field in fields if field.tag is not None), key=lambda field: field.tag)
    if tagged:
        parts.append("<" + " ".join(f"{field.tag}:{trace_field(field)}" for field in tagged) + ">")
    return " ".join(parts)


def trace_field(field):
    mark = "?" if field.nullable else ""
    default = "=null" if field.nullable and field.default is None else ""
    body = trace(field.fields) if field.fields else field.type
    if field.array:
        return f"[ {body} ]{mark}{default}"
    if field.fields:
        return f"{{ {body} }}{mark}{default}" if field.nullable else body
    if field.type == "records":
        return "records?"
    if field.default and not isinstance(field.default, (bytes, uuid.UUID)):
        default = "=" + {True: "true"}.get(field.default if isinstance(field.default, bool) else None, str(field.default))
    return field.type + mark + default


# Comparing sources


def differences(left, right, path=""):
    """Where two sources disagree about a version."""
    if len(left) != len(right):
        yield f"{path}: {[field.name for field in left]} or {[field.name for field in right]}"
        return
    left, right = (sorted(fields, key=lambda field: -1 if field.tag is None else field.tag) for fields in (left, right))
    for one, other in zip(left, right):
        here = f"{path}.{one.name}"
        if normal(one.name) != normal(other.name):
            yield f"{here}: called {other.name}"
        for attribute in ("type", "array", "nullable", "tag"):
            if getattr(one, attribute) != getattr(other, attribute):
                yield f"{here}: {attribute} {getattr(one, attribute)} or {getattr(other, attribute)}"
        yield from differences(one.fields or [], other.fields or [], here)


def normal(name):
    return name.lower().removesuffix("ms")


def header_version(name, version, flexible):
    if name == "ApiVersionsResponse":
        # Its reader does not know yet whether the other side knows flexible headers.
        return 0
    entity = kio_class(name, version)
    if entity is None:
        return int(flexible) + (1 if name.endswith("Request") else 0)
    return int(entity.__header_schema__.__version__)


class Sources:
    def __init__(self, old):
        self.old = old

    def description(self, name):
        """The 4.x description that kafka-python carries."""
        resource = importlib.resources.files("kafka.protocol.schemas.resources") / f"{name}.json"
        return Description(resource.read_text()) if resource.is_file() else None

    def old_description(self, name):
        path = self.old and self.old / f"{name}.json"
        return Description(path.read_text()) if path and path.is_file() else None

    def lookup(self, name, version):
        """(source, fields, flexible) of one version, or None."""
        now, then, entity = self.description(name), self.old_description(name), kio_class(name, version)
        found = []
        if now and version in now.valid:
            found.append(("kafka-python", now.fields(version), version in now.flexible))
        if entity:
            found.append(("kio", kio_fields(entity), entity.__flexible__))
        if then and version in then.valid:
            found.append(("kafka", then.fields(version), version in then.flexible))
        for other in found[1:]:
            problems = list(differences(found[0][1], other[1], name))
            if found[0][2] != other[2]:
                problems.append(f"{name}: flexible or not")
            if problems:
                sys.exit(f"{name} v{version}, {found[0][0]} against {other[0]}: {problems}")
        return found[0] if found else None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--old", type=pathlib.Path)
    sources = Sources(parser.parse_args().old)
    table = HERE / "schema.txt"
    present = {}
    if table.exists():
        for line in table.read_text().splitlines():
            present[tuple(line.split(" ")[:3])] = line
    lines = []
    for api in APIS:
        for direction in ("Request", "Response"):
            for version in range(32):
                key = (api, direction.lower(), str(version))
                found = sources.lookup(api + direction, version)
                if found:
                    source, fields, flexible = found
                    header = header_version(api + direction, version, flexible)
                    lines.append(f"{' '.join(key)} {source} {header}: {trace(fields)}".rstrip())
                elif " kafka " in present.get(key, ""):
                    lines.append(present[key])
    table.write_text("\n".join(lines) + "\n")
    (HERE / "errors.txt").write_text("".join(f"{line}\n" for line in errors()))


def errors():
    """Code, name and whether Kafka calls it retriable."""
    from kio.schema.errors import ErrorCode

    for code in ErrorCode:
        yield f"{code.value} {code.name.upper()} {'retriable' if code.retriable else 'final'}"


if __name__ == "__main__":
    main()
