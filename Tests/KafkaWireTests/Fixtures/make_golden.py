#!/usr/bin/env python3
"""Writes golden/*.txt: messages encoded by software that is not ours, with the values that went in.

    python3 make_golden.py [--old FOLDER]        needs: pip install kafka-python==3.0.12 kio==0.6.5

Encoders: kio (one dataclass per structure and version), kafka-python (driven by Kafka's JSON), and kafka-python-old (the
hand-written classes of kafka.protocol.old). Every encoder that knows a version gets the same values, and they must agree
on the bytes. FOLDER is as in make_schema.py; without it the lines of versions that Kafka 4.0 removed are kept.

A line: direction version variant encoders hex JSON. Variant "full" has every field set to something other than its default
and arrays of two; in "sparse" whatever may be null is, tagged fields hold their defaults, and arrays have one element.
In JSON bytes and uuids are hex. headers.txt: direction header-version encoders hex JSON.
"""
import argparse
import dataclasses
import datetime
import importlib
import io
import json
import pathlib
import pkgutil
import random
import sys
import uuid

from kafka.protocol import api_data
from kafka.protocol.api_message import ApiMessage
from kafka.protocol.old.types import Schema
from kafka.protocol.schemas import BaseField
from kio.schema.errors import ErrorCode
from kio.serial import _introspect as introspect
from kio.serial import entity_writer

from make_schema import APIS, HERE, Sources, add_later, kio_class, trace

OUTPUT = HERE / "golden"


class Values:
    """Seeded values for one message; no two fields of a type hold the same one."""

    def __init__(self, seed, sparse):
        self.random = random.Random(seed)
        self.sparse = sparse
        self.count = 0
        self.bools = 0

    def structure(self, fields, entity):
        shapes = {field.name: field for field in dataclasses.fields(entity)} if entity else {}
        return {field.name: self.value(field, kio_field(shapes, field)) for field in fields}

    def value(self, field, shape):
        if self.sparse and (field.nullable or field.tag is not None):
            return None if field.nullable else self.default(field)
        if field.array:
            return [self.single(field, shape) for _ in range(1 if self.sparse else 2)]
        return self.single(field, shape)

    def default(self, field):
        if field.array or not field.fields:
            return field.default
        return {inner.name: self.default(inner) for inner in field.fields}

    def single(self, field, shape):
        if field.fields:
            return self.structure(field.fields, introspect.classify_field(shape).type_ if shape else None)
        self.count += 1
        number = self.count
        match field.type:
            case "bool":
                self.bools += 1
                return (self.bools >> (1 if self.sparse else 0)) % 2 == 1
            case "int8":
                return number % 127 + 1
            case "int16" if field.name.endswith("ErrorCode"):
                return number % 97 + 1
            case "int16":
                return 300 + number * 7
            case "uint16":
                return 40_000 + number * 7
            case "int32":
                return self.random.choice((1, -1)) * (70_000 + number * 1_000_003) if not time_like(shape) else 70_000 + number
            case "int64":
                return (5_000_000_000 + number * 1_000_000_007) * 1000
            case "float64":
                return number + 0.25
            case "uuid":
                return uuid.UUID(int=self.random.getrandbits(128))
            case "string":
                return self.random.choice(("s{}", "name-{}", "grüße.{}", "{}→")).format(number) + "x" * (150 if number == 3 else 0)
            case "bytes" | "records":
                return self.random.randbytes(number % 5 + 3)
        raise ValueError(field.type)


def time_like(shape):
    return shape is not None and shape.metadata.get("kafka_type", "").startswith("timedelta")


def snake(name):
    return BaseField.underscore_name(name)


def kio_field(shapes, field):
    return shapes.get(snake(field.name)) or shapes.get(snake(field.name).removesuffix("_ms"))


# Encoders: each returns bytes, or None when it does not know the version


def kio_encode(name, version, fields, values):
    entity = kio_class(name, version)
    if entity is None:
        return None
    with io.BytesIO() as buffer:
        entity_writer(entity)(buffer, kio_value(entity, fields, values))
        return buffer.getvalue()


def kio_value(entity, fields, values):
    shapes = {field.name: field for field in dataclasses.fields(entity)}
    arguments = {}
    for field in fields:
        shape = kio_field(shapes, field)
        value = values[field.name]
        single = lambda one: kio_single(field, shape, one)
        if value is None:
            arguments[shape.name] = None
        else:
            arguments[shape.name] = tuple(map(single, value)) if field.array else single(value)
    return entity(**arguments)


def kio_single(field, shape, value):
    if field.fields:
        return kio_value(introspect.classify_field(shape).type_, field.fields, value)
    match introspect.get_schema_field_type(shape):
        case "error_code":
            return ErrorCode(value)
        case "timedelta_i32" | "timedelta_i64":
            return datetime.timedelta(milliseconds=value)
        case "datetime_i64":
            return datetime.datetime.fromtimestamp(value / 1000, datetime.UTC) if value != -1 else None
        case "uuid" if value.int == 0 and introspect.is_optional(shape):
            return None
    return value


MESSAGE_CLASSES = {}
_load_json = api_data.load_json
api_data.load_json = lambda *arguments, **options: add_later(_load_json(*arguments, **options))


def kafka_python_encode(name, version, fields, values):
    description = SOURCES.description(name)
    # It encodes versions older than its description claims, but only knows the fields that are left.
    if description is None or version > description.valid[-1] or trace(description.fields(version)) != trace(fields):
        return None
    if name not in MESSAGE_CLASSES:
        MESSAGE_CLASSES[name] = type(ApiMessage)(name, (ApiMessage,), {})
    message_class = MESSAGE_CLASSES[name]
    message = kafka_python_value(message_class, message_class._struct, version, fields, values)
    return bytes(message.encode(version=version))


def kafka_python_value(container, struct, version, fields, values):
    arguments = {}
    for field in fields:
        value = values[field.name]
        if field.fields and value is not None:
            inner = struct.fields[snake(field.name)]
            single = lambda one: kafka_python_value(inner.data_class, inner, version, field.fields, one)
            value = [single(one) for one in value] if field.array else single(value)
        if not (field.tag is not None and values[field.name] == Values(0, True).default(field)):
            arguments[snake(field.name)] = value
    return container(version=version, **arguments)


def old_classes():
    package = importlib.import_module("kafka.protocol.old")
    for module in pkgutil.iter_modules(package.__path__):
        for name, value in vars(importlib.import_module(f"kafka.protocol.old.{module.name}")).items():
            if isinstance(value, type):
                yield name, value


OLD_CLASSES = dict(old_classes())


# Versions that kafka.protocol.old describes differently from everybody else.
OLD_IS_WRONG = {
    ("MetadataResponse", 8): "wants authorized operations as a set of bits",
    ("DescribeGroupsResponse", 3): "wants authorized operations as a set of bits",
    ("DescribeAclsRequest", 2): "is not flexible",
    ("DescribeAclsResponse", 2): "is not flexible",
    ("DescribeLogDirsRequest", 0): "has one partition instead of an array",
    ("CreatePartitionsRequest", 0): "puts two fields into a structure of their own",
    ("CreatePartitionsRequest", 1): "puts two fields into a structure of their own",
}


def old_encode(name, version, fields, values):
    message_class = OLD_CLASSES.get(f"{name}_v{version}")
    if message_class is None or message_class.SCHEMA.has_tagged_fields() or (name, version) in OLD_IS_WRONG:
        return None
    return message_class.SCHEMA.encode(old_value(message_class.SCHEMA, fields, values))


def old_value(schema, fields, values):
    """Positional, as those classes have names of their own."""
    assert len(schema.fields) == len(fields)
    return tuple(
        old_array(kind.array_of, field, values[field.name]) if field.array else values[field.name]
        for kind, field in zip(schema.fields, fields))


def old_array(element, field, values):
    if values is None or not field.fields:
        return values
    if not isinstance(element, Schema):  # a structure of one field is that field there
        return [value for one in values for value in one.values()]
    return [old_value(element, field.fields, one) for one in values]


ENCODERS = {"kio": kio_encode, "kafka-python": kafka_python_encode, "kafka-python-old": old_encode}


def encode(name, version, fields, values):
    results = {}
    for encoder, function in ENCODERS.items():
        result = function(name, version, fields, values)
        if result is not None:
            results[encoder] = result
    if len(set(results.values())) > 1:
        sys.exit(f"{name} v{version}: {results.keys()} differ: {[result.hex() for result in results.values()]}")
    return results


def plain(value):
    if isinstance(value, (bytes, bytearray)):
        return value.hex()
    if isinstance(value, uuid.UUID):
        return value.hex
    raise TypeError(type(value))


def to_json(values):
    return json.dumps(values, default=plain, ensure_ascii=False, separators=(",", ":"))


def messages(api, present):
    for direction in ("Request", "Response"):
        name = api + direction
        for version in range(32):
            found = SOURCES.lookup(name, version)
            for variant in ("full", "sparse"):
                key = (direction.lower(), str(version), variant)
                if found:
                    fields = found[1]
                    values = Values(f"{name} {version} {variant}", variant == "sparse").structure(fields, kio_class(name, version))
                    results = encode(name, version, fields, values)
                    if results:
                        yield " ".join((*key, ",".join(results), next(iter(results.values())).hex() or "-", to_json(values)))
                    else:
                        print(f"{name} v{version}: no encoder", file=sys.stderr)
                elif key in present:
                    yield present[key]


def headers():
    for client in ("client-7", None):
        for version in (1, 2):
            values = {"RequestApiKey": 3, "RequestApiVersion": 9, "CorrelationId": 77_001, "ClientId": client}
            yield header("request", version, values)
    for version in (0, 1):
        yield header("response", version, {"CorrelationId": 77_002})


def header(direction, version, values):
    module = importlib.import_module(f"kio.schema.{direction}_header.v{version}.header")
    entity = getattr(module, f"{direction.capitalize()}Header")
    kafka_python = getattr(importlib.import_module("kafka.protocol.api_header"), entity.__name__)
    arguments = {snake(name): value for name, value in values.items()}
    with io.BytesIO() as buffer:
        entity_writer(entity)(buffer, entity(**arguments))
        encoded = buffer.getvalue()
    other = kafka_python(**arguments).encode(flexible=version == {"request": 2, "response": 1}[direction])
    assert encoded == other, (direction, version, encoded, other)
    return " ".join((direction, str(version), "kio,kafka-python", encoded.hex(), to_json(values)))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--old", type=pathlib.Path)
    global SOURCES
    SOURCES = Sources(parser.parse_args().old)
    OUTPUT.mkdir(exist_ok=True)
    for api in APIS:
        path = OUTPUT / f"{api}.txt"
        present = {}
        if path.exists():
            present = {tuple(line.split(" ")[:3]): line for line in path.read_text().splitlines()}
        path.write_text("".join(line + "\n" for line in messages(api, present)))
    (OUTPUT / "headers.txt").write_text("".join(line + "\n" for line in headers()))


if __name__ == "__main__":
    main()
