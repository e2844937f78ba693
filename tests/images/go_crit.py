"""The JSON of crit in the words of go-crit, which prints protobuf's own JSON: 64-bit numbers are texts, base64 is one line, also
in the names of UNIX sockets, and content that is not base64 is JSON within a text."""
import base64
import json
import os
import quopri

here = os.path.dirname(os.path.realpath(__file__))


def load_schema():
    """message -> field -> type"""
    schema = {}
    with open(os.path.join(here, "../proto/criu-schema.tsv"), encoding="ascii") as table:
        for line in table:
            _, kind, owner, _, _, kind_of_value, name, *_ = line.rstrip("\n").split("\t")
            if kind == "field":
                schema.setdefault(owner, {})[name] = kind_of_value
    return schema


SCHEMA = load_schema()
LONG = ("int64", "uint64", "sint64", "fixed64")


def one_line(text):
    return text.replace("\n", "")


def value(message, name, kind, given):
    if isinstance(given, list):
        return [value(message, name, kind, item) for item in given]
    if kind in LONG:
        return str(given)
    if kind == "bytes":
        if (message, name) == ("unix_sk_entry", "name"):
            return base64.b64encode(quopri.decodestring(given)).decode()
        return one_line(given)
    if kind.startswith("message "):
        return entry(kind.split(" ")[1], given)
    return given


def entry(message, given):
    return {name: value(message, name, SCHEMA[message][name], item) for name, item in given.items() if name != "extra"}


def extra(given, as_text):
    """Objects and lists stand as they are, or as JSON within a text, in which go-crit keeps them."""
    if isinstance(given, str):
        return one_line(given)
    if isinstance(given, dict):
        given = {"in_q": one_line(given["inq"]), "out_q": one_line(given["outq"])}
    elif given and isinstance(given[0], dict):
        given = [json.dumps(value("", "", "message ipc_msg", item)) if isinstance(item, dict) else one_line(item)
                 for item in given]
    return json.dumps(given) if as_text else given


def translate(image, message_of, as_text):
    """`message_of(magic, number)` is what the entry of that number is."""
    entries = []
    for number, given in enumerate(image["entries"]):
        made = entry(message_of(image["magic"], number), given)
        if given.get("extra"):
            made["extra"] = extra(given["extra"], as_text)
        entries.append(made)
    return {"magic": image["magic"], "entries": entries}
