#!/usr/bin/env python3
"""What the CLI scenarios share: steady text out of a transcript, and JSON held to its schema.

    transcript.py steady RUN-FOLDER          stdin to stdout, without what differs from run to run
    transcript.py valid SCHEMA-FILE          stdin must be such a document, or such a document on each line, and hold nothing else
"""
import json
import re
import sys


def steady(text, run):
    text = text.replace(run, "RUN")
    for pattern, word in [
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "TIME"),
        (r"\b[0-9a-f]{32}\b", "HEX"),
        (r"\b[0-9a-f]{8}\b", "HEX"),
        (r"\b\d+(d\d+h|h\d\dm|m\d\ds|s)\b", "SPAN"),
        (r"\b127\.0\.7\.(\d+):\d{5}\b", r"127.0.7.\1:PORT"),
        (r"\b(commits|term|datagrams|messages|pending|left|cookies-sent|datagrams-unsent)( |\": )\d+", r"\1\2N"),
        (r"-?\d+ ms from here, known to \d+ ms", "OFFSET"),
    ]:
        text = re.sub(pattern, word, text)
    # A check value of digits alone is quoted in YAML.
    text = text.replace('"HEX"', "HEX")
    # Columns are as wide as what stands in them.
    return "\n".join(re.sub(r"  +", "  ", line).rstrip() for line in text.split("\n"))


def closed(schema):
    """The schema with nothing let in that it does not name: what is printed must be written down."""
    if isinstance(schema, dict):
        schema = {key: closed(value) for key, value in schema.items()}
        if "properties" in schema and "additionalProperties" not in schema:
            schema["additionalProperties"] = False
        return schema
    return [closed(item) for item in schema] if isinstance(schema, list) else schema


def valid(path):
    import jsonschema

    with open(path) as file:
        schema = json.load(file)
    jsonschema.Draft202012Validator.check_schema(schema)
    judge = jsonschema.Draft202012Validator(closed(schema), format_checker=jsonschema.FormatChecker())
    text = sys.stdin.read()
    documents = [json.loads(text)] if text.startswith("{\n") else [json.loads(line) for line in text.splitlines()]
    if not documents:
        sys.exit("no document")
    for document in documents:
        for error in judge.iter_errors(document):
            sys.exit(f"{error.json_path}: {error.message}")
        for item in document["items"]:
            for name in names(item):
                if not re.fullmatch(r"[a-z0-9_-]+", name):
                    sys.exit(f"{name} is not snake_case")


def names(value):
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from names(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from names(inner)


if __name__ == "__main__":
    if sys.argv[1] == "steady":
        sys.stdout.write(steady(sys.stdin.read(), sys.argv[2]))
    else:
        valid(sys.argv[2])
