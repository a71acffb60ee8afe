#!/usr/bin/env python3
"""What a pipeline of `weft run` must print, worked out plainly: oracle.py STAGES FILE..."""
import re
import sys
from collections import Counter


def items_of(stages, paths):
    """The items behind the last stage before count, print or top, in order."""
    items = []
    for path in paths:
        with open(path, "rb") as file:
            data = file.read()
        first = stages[0].split("=")[0]
        if first == "words":
            items.append(data)
        else:
            lines = data.split(b"\n")
            items.extend(lines if lines[-1] else lines[:-1])
    for stage in stages:
        name, _, argument = stage.partition("=")
        if name == "words":
            items = [word.lower() if argument == "lower" else word
                     for item in items for word in re.findall(rb"[A-Za-z]+", item)]
        elif name == "grep":
            pattern = re.compile(argument.encode("latin-1"), re.S)
            items = [item for item in items if pattern.search(item)]
    return items


def main():
    """Print it."""
    stages = [stage.strip() for stage in sys.argv[1].split("|")]
    name, _, argument = stages[-1].partition("=")
    items = items_of(stages, sys.argv[2:])
    if "count" in stages:
        counts = sorted(Counter(items).items(), key=lambda pair: (-pair[1], pair[0]))
        items = [b"%d\t%s" % (n, item) for item, n in counts]
    if name == "top":
        items = items[:int(argument)]
    sys.stdout.buffer.write(b"".join(item + b"\n" for item in items))


main()
