#!/usr/bin/env python3
"""Refuses two types of one name in the project's headers.

Everything lives in namespace dsrun, so that a second `struct Value` in another header breaks the one-definition rule
without a word from compiler or linker: templates over the two share one instantiation. Usage: check_names.py
"""
import collections
import pathlib
import re
import sys

LAYERS = ["dsl", "models", "cluster", "runtime", "actors", "dsrun"]
DEFINITION = re.compile(r"^(?:struct|class|enum class|enum)\s+(?:\[\[\w+\]\]\s+)?([A-Za-z_]\w*)\b[^;<]*\{", re.MULTILINE)


def main():
    root = pathlib.Path(__file__).resolve().parent.parent
    places = collections.defaultdict(list)
    for layer in LAYERS:
        for header in sorted((root / layer).rglob("*.hpp")):
            for name in DEFINITION.findall(header.read_text(encoding="utf-8")):
                places[name].append(str(header.relative_to(root)))
    twice = {name: files for name, files in places.items() if len(files) > 1}
    for name, files in sorted(twice.items()):
        print(f"type {name} is defined in {' and in '.join(files)}: give one another name")
    print(f"{len(places)} type names, {len(twice)} of them twice")
    return 1 if twice else 0


if __name__ == "__main__":
    sys.exit(main())
