#!/usr/bin/python3
"""manifest_oracle.py DIRECTORY: reads ferry.manifest and computes its root and all hashes again, in another way and with
other code than ours. Prints the line that is signed, or says what does not fit.

The tree is built as RFC 6962 describes it: split at the largest power of two below the number of chunks."""
import hashlib, os, struct, sys

CHUNK = 1 << 20


def sha(domain, data):
    return hashlib.sha256(bytes([domain]) + data).digest()


def tree(leaves):
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha(1, tree(leaves[:split]) + tree(leaves[split:]))


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def fields(data):
    found, at = {}, 0
    while at < len(data):
        tag, at = varint(data, at)
        if tag & 7 == 0:
            found[tag >> 3], at = varint(data, at)
        elif tag & 7 == 2:
            size, at = varint(data, at)
            found[tag >> 3] = data[at:at + size]
            at += size
        else:
            sys.exit("wire type %d" % (tag & 7))
    return found


def leaves_of(directory, name):
    path = os.path.join(directory, name)
    if os.path.islink(path):
        return [sha(0, os.readlink(path).encode())]
    with open(path, "rb") as file:
        chunks = [sha(0, chunk) for chunk in iter(lambda: file.read(CHUNK), b"")]
    return chunks or [sha(0, b"")]


directory = sys.argv[1]
raw = open(os.path.join(directory, "ferry.manifest"), "rb").read()
records, at = [], 8
while at < len(raw):
    size = struct.unpack_from("<I", raw, at)[0]
    records.append(raw[at + 4:at + 4 + size])
    at += 4 + size
head = fields(records[0])
if raw[:8] != b"FYMANIF1" or head[1] != 1 or head[2] != b"sha256" or head[3] != CHUNK:
    sys.exit("not a manifest")
names, listed = [], struct.pack("<Q", head[4])
for record in records[2:2 + head[4]]:
    entry = fields(record)
    name = entry[2].decode()
    names.append(name)
    leaves = leaves_of(directory, name)
    if tree(leaves) != entry[4] or (len(leaves) > 1 and b"".join(leaves) != entry[5]):
        sys.exit("%s: other hashes" % name)
    listed += struct.pack("<BI", entry[1], len(entry[2])) + entry[2] + struct.pack("<Q", entry[3]) + entry[4]
if names != sorted(set(os.listdir(directory)) - {"ferry.manifest"}):
    sys.exit("other names")
root = sha(3, sha(2, listed) + records[1])
if root != head[5]:
    sys.exit("other root")
print("sha256:" + root.hex())
