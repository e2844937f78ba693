#!/usr/bin/python3
"""Makes an image set's worth of pages: payload.py random|mix MIB DIRECTORY

mix: four tenths zero pages, three tenths of what lies in this machine's text and program files, three tenths random, in runs
of 16 pages in an order that is the same every time.
"""
import os
import random
import sys

RUN = 16 * 4096


def files():
    while True:
        for top in ("/usr/lib/x86_64-linux-gnu", "/usr/share", "/usr/include", "/usr/bin"):
            for folder, _, names in sorted(os.walk(top)):
                for name in sorted(names):
                    path = os.path.join(folder, name)
                    # What is compressed already is not what memory looks like.
                    if os.path.isfile(path) and not os.path.islink(path) and not path.endswith((".gz", ".xz", ".zst", ".png")):
                        with open(path, "rb") as file:
                            while block := file.read(RUN):
                                if len(block) == RUN:
                                    yield block


kind, mib, directory = sys.argv[1], int(sys.argv[2]), sys.argv[3]
os.makedirs(directory, exist_ok=True)
order = random.Random(7)
texts = files()
with open(os.path.join(directory, "pages-1.img"), "wb") as pages:
    for _ in range(mib * 1048576 // RUN):
        draw = 9 if kind == "random" else order.randrange(10)
        pages.write(bytes(RUN) if draw < 4 else next(texts) if draw < 7 else os.urandom(RUN))
with open(os.path.join(directory, "inventory.img"), "wb") as inventory:
    inventory.write(b"as small as images are")
