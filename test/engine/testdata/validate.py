"""Holds requests against the models of the AWS services, which botocore ships: names, types, what is required,
lengths, ranges, words and patterns. Reads a JSON list of requests and prints a JSON list of problems."""

import json
import re
import sys

import botocore.loaders
import botocore.model


def problems(shape, value, where):
    kind = shape.type_name
    if kind == "structure":
        if not isinstance(value, dict):
            return [f"{where} is not a structure"]
        found = [f"{where}.{name} is missing" for name in shape.required_members if name not in value]
        for name, inner in value.items():
            if name not in shape.members:
                found.append(f"{where} has no {name}")
            else:
                found += problems(shape.members[name], inner, f"{where}.{name}")
        return found
    if kind == "list":
        if not isinstance(value, list):
            return [f"{where} is not a list"]
        found = size(shape, len(value), where)
        for i, inner in enumerate(value):
            found += problems(shape.member, inner, f"{where}[{i}]")
        return found
    if kind == "map":
        if not isinstance(value, dict):
            return [f"{where} is not a map"]
        found = size(shape, len(value), where)
        for name, inner in value.items():
            found += problems(shape.key, name, f"{where} key") + problems(shape.value, inner, f"{where}.{name}")
        return found
    if kind == "boolean":
        return [] if isinstance(value, bool) else [f"{where} is not a boolean"]
    if kind in ("integer", "long"):
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value != int(value):
            return [f"{where} is not a whole number"]
        return size(shape, value, where)
    if kind in ("double", "float"):
        return size(shape, value, where) if isinstance(value, (int, float)) else [f"{where} is not a number"]
    if not isinstance(value, str):
        return [f"{where} is not a text"]
    found = size(shape, len(value), where)
    words = getattr(shape, "enum", None)
    if words and value not in words:
        found.append(f"{where} is {value!r}, not one of {words}")
    pattern = shape.metadata.get("pattern")
    # Some are Java's, which Python does not read.
    if pattern and "\\p{" not in pattern and "\\uD800" not in pattern and not re.fullmatch(pattern, value, re.DOTALL):
        found.append(f"{where} is {value!r}, which is not {pattern}")
    return found


def size(shape, n, where):
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is not None and n < low or high is not None and n > high:
        return [f"{where} has {n}, not {low} to {high}"]
    return []


def main():
    loader = botocore.loaders.create_loader()
    found = []
    for request in json.load(sys.stdin):
        service = botocore.model.ServiceModel(loader.load_service_model(request["service"], "service-2"), request["service"])
        model = service.operation_model(request["operation"])
        for problem in problems(model.input_shape, request["params"], request["operation"]):
            found.append(f"{request['object']}: {problem}")
    json.dump(found, sys.stdout)


main()
