"""Rewrites an image set into the forms that other versions of CRIU and other machines give it. Works on the wire format,
with field numbers of proto/criu, so that nothing of what is tested is used."""
import os
import struct

COMMON, SERVICE = 0x54564319, 0x55105940


# ---- protobuf ----

def get_varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def fields(data):
    """(tag, wire type, value) of each field: an int, or bytes."""
    at = 0
    while at < len(data):
        key, at = get_varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = get_varint(data, at)
        elif kind == 2:
            size, at = get_varint(data, at)
            value, at = data[at:at + size], at + size
        else:
            size = 8 if kind == 1 else 4
            value, at = data[at:at + size], at + size
        yield key >> 3, kind, value


def field(tag, kind, value):
    if kind == 0:
        return varint(tag << 3) + varint(value)
    if kind == 2:
        return varint(tag << 3 | 2) + varint(len(value)) + value
    return varint(tag << 3 | kind) + value


def message(parts):
    return b"".join(field(*part) for part in parts)


def taken(data, tag):
    """The values of `tag`, and the message without them."""
    parts = list(fields(data))
    return [value for number, _, value in parts if number == tag], message(part for part in parts if part[0] != tag)


# ---- images ----

class Image:
    """One image without payloads: its magic and its entries."""

    def __init__(self, path):
        with open(path, "rb") as file:
            data = file.read()
        first, = struct.unpack_from("<I", data)
        at = 8 if first in (COMMON, SERVICE) else 4
        self.magic, = struct.unpack_from("<I", data, at - 4)
        self.two = at == 8
        self.entries = []
        while at < len(data):
            size, = struct.unpack_from("<I", data, at)
            self.entries.append(data[at + 4:at + 4 + size])
            at += 4 + size

    def write(self, path):
        write_image(path, self.magic, self.entries, self.two)


def write_image(path, magic, entries, two=False):
    with open(path, "wb") as file:
        file.write(struct.pack("<II", COMMON, magic) if two else struct.pack("<I", magic))
        for entry in entries:
            file.write(struct.pack("<I", len(entry)) + entry)


def names(directory, prefix):
    return sorted(name for name in os.listdir(directory) if name.startswith(prefix))


def edit(directory, prefix, change):
    """Gives every entry of the images to `change(entry, number, name)`, which returns the new one."""
    for name in names(directory, prefix):
        path = os.path.join(directory, name)
        image = Image(path)
        image.entries = [change(entry, number, name) for number, entry in enumerate(image.entries)]
        image.write(path)


def set_version(directory, version):
    edit(directory, "inventory.img",
         lambda entry, *_: message((1, 0, version) if part[0] == 1 else part for part in fields(entry)))


def is_whole(directory):
    return os.path.exists(os.path.join(directory, "pstree.img"))


# ---- forms ----

def v1_0(directory):
    """Every file begins with its own magic only."""
    for name in os.listdir(directory):
        path = os.path.join(directory, name)
        if os.path.islink(path) or name.startswith("pages-"):
            continue
        with open(path, "rb") as file:
            data = file.read()
        if len(data) >= 8 and struct.unpack_from("<I", data)[0] in (COMMON, SERVICE):
            with open(path, "wb") as file:
                file.write(data[4:])
    if is_whole(directory):
        set_version(directory, 1)


# tag in file_entry: file, magic, and where the parts are that had an image of their own: tag, file, magic
SPLIT_FILES = {
    3: ("reg-files", 0x50363636, None), 4: ("inetsk", 0x56443851, None), 5: ("ns-files", 0x61394011, None),
    6: ("packetsk", 0x60454618, None), 7: ("netlinksk", 0x58005614, None), 8: ("eventfd", 0x44523722, None),
    9: ("eventpoll", 0x45023858, (4, "eventpoll-tfd", 0x44433746)), 10: ("signalfd", 0x57323820, None),
    11: ("tunfile", 0x57143751, None), 12: ("timerfd", 0x50493712, None),
    13: ("inotify", 0x48424431, (5, "inotify-wd", 0x54562009)),
    14: ("fanotify", 0x55096122, (6, "fanotify-mark", 0x56506035)), 15: ("ext-files", 0x59255641, None),
    16: ("unixsk", 0x54373943, None), 17: ("fifo", 0x58364939, None), 18: ("pipes", 0x56513555, None),
    19: ("tty", 0x59433025, None), 21: ("bpfmap-file", 0x57506142, None), 22: ("pidfd", 0x54435556, None),
}


def split_files(directory):
    """v1.0, and one image a kind of open file. What is newer than these images stays in files.img."""
    v1_0(directory)
    path = os.path.join(directory, "files.img")
    if not os.path.exists(path):
        return
    image, kept, split = Image(path), [], {}
    for entry in image.entries:
        tag, _, value = list(fields(entry))[2]
        if tag not in SPLIT_FILES:
            kept.append(entry)
            continue
        name, magic, inner = SPLIT_FILES[tag]
        if inner:
            parts, value = taken(value, inner[0])
            split.setdefault(inner[1:], []).extend(parts)
        split.setdefault((name, magic), []).append(value)
    image.entries = kept
    image.write(path)
    if not kept:
        os.remove(path)
    for (name, magic), entries in split.items():
        if entries:
            write_image(os.path.join(directory, name + ".img"), magic, entries)


def split_tasks(directory):
    """v1.0, and what is now in core and mm in images of its own."""
    split_files(directory)
    for name in names(directory, "mm-"):
        path = os.path.join(directory, name)
        image = Image(path)
        vmas, image.entries[0] = taken(image.entries[0], 14)
        image.write(path)
        write_image(os.path.join(directory, "vmas-" + name[3:]), 0x54123737, vmas)
    for name in names(directory, "core-"):
        split_core(directory, name)


def split_core(directory, name):
    path, number = os.path.join(directory, name), name[5:]
    image = Image(path)
    parts = []
    for tag, kind, value in fields(image.entries[0]):
        if tag == 3 and os.path.exists(os.path.join(directory, "mm-" + number)):
            value = split_task_core(directory, number, value)
        if tag == 5:
            queues, value = taken(value, 9)
            if queues:
                write_image(os.path.join(directory, "signal-p-" + number), 0x59255647, taken(queues[0], 1)[0])
        parts.append((tag, kind, value))
    image.entries = [message(parts)]
    image.write(path)


def split_task_core(directory, number, task):
    timers, task = taken(task, 7)
    limits, task = taken(task, 8)
    queues, task = taken(task, 10)
    actions, task = taken(task, 15)
    where = os.path.join(directory, "%s-" + number)
    write_image(where % "sigacts", 0x55344201, actions)
    if timers:
        parts = list(fields(timers[0]))
        write_image(where % "itimers", 0x57464056, [value for tag, _, value in parts if tag < 4])
        write_image(where % "posix-timers", 0x52603957, [value for tag, _, value in parts if tag == 4])
    if limits:
        write_image(where % "rlimit", 0x57113925, taken(limits[0], 1)[0])
    if queues:
        write_image(where % "signal-s", 0x59255647, taken(queues[0], 1)[0])
    return task


def counts_of_4_1(directory):
    """The number of pages in the field that CRIU used until 4.1."""
    def change(entry, number, _):
        if number == 0:
            return entry
        parts = {tag: value for tag, _, value in fields(entry)}
        parts[2] = parts.pop(5)
        return message((tag, 0, parts[tag]) for tag in sorted(parts))
    edit(directory, "pagemap-", change)


def flags_of_2014(directory):
    """No flags: pages are there unless in_parent says that they are in the parent."""
    def change(entry, number, _):
        if number == 0:
            return entry
        parts = {tag: value for tag, _, value in fields(entry)}
        parts[2], flags = parts.pop(5), parts.pop(4)
        if flags & 1:
            parts[3] = 1
        return message((tag, 0, parts[tag]) for tag in sorted(parts))
    edit(directory, "pagemap-", change)


# ---- compressed sets, of versions after 4.2 ----

def version_3(directory):
    set_version(directory, 3)


def aligned_pages(directory):
    """Flag 8: the payload is compressed and aligned."""
    edit(directory, "pagemap-", lambda entry, number, _: entry if number == 0 else message(
        (tag, kind, value | 8) if tag == 4 else (tag, kind, value) for tag, kind, value in fields(entry)))


def block_sizes(directory):
    """Tag 6: sizes of compressed blocks."""
    edit(directory, "pagemap-", lambda entry, number, _: entry if number == 0 else entry + field(6, 0, 1234))


# ---- other machines ----

def zeros(count, first=1):
    return [(tag, 0, 0) for tag in range(first, first + count)]


def words(tag, count):
    return [(tag, 0, 0x1000 + i) for i in range(count)]


def ppc64_regs():
    return message(words(1, 32) + zeros(8, 2))


MACHINES = {
    "arm": (2, 6, lambda: message(zeros(2) + [(3, 2, message(zeros(18))), (4, 2, message(words(1, 32) + zeros(4, 2)))])),
    "aarch64": (3, 8, lambda: message(zeros(2) + [
        (3, 2, message(words(1, 31) + zeros(3, 2))), (4, 2, message(words(1, 64) + zeros(2, 2))),
        (5, 2, message([(6, 2, message(zeros(9))), (7, 2, message(zeros(2)))]))])),
    "ppc64": (4, 9, lambda: message(zeros(1) + [
        (2, 2, ppc64_regs()), (3, 2, message(words(1, 33))), (4, 2, message(words(1, 66) + [(2, 0, 0)])),
        (5, 2, message(words(1, 32))), (6, 2, message([(1, 2, ppc64_regs())]))])),
    "s390": (5, 10, lambda: message(zeros(1) + [
        (2, 2, message(zeros(2) + words(3, 16) + words(4, 16) + zeros(2, 5))),
        (3, 2, message(zeros(1) + words(2, 16))), (4, 2, message(words(1, 16))), (5, 2, message(words(1, 32)))])),
    "mips": (6, 11, lambda: message(zeros(2) + [(3, 2, message(zeros(38))), (4, 2, message(zeros(36)))])),
    "loongarch64": (7, 12, lambda: message(zeros(2) + [
        (3, 2, message(words(1, 32) + zeros(1, 2))), (4, 2, message(words(1, 32) + zeros(2, 2)))])),
    "riscv64": (8, 13, lambda: message(zeros(2) + [
        (3, 2, message(zeros(32))), (4, 2, message(words(1, 32) + zeros(1, 2)))])),
}


def machine(name):
    """The registers of another machine in every core image; zombies have none."""
    number, place, registers = MACHINES[name]

    def change(entry, *_):
        parts = [part for part in fields(entry) if part[0] not in (1, 2)]
        parts.append((1, 0, number))
        if any(tag == 5 for tag, _, _ in parts):
            parts.append((place, 2, registers()))
        return message(sorted(parts, key=lambda part: part[0]))
    return lambda directory: edit(directory, "core-", change)
