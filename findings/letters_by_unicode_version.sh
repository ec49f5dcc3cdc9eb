#!/usr/bin/env bash
# One tokenizer.json splits one text in two ways: \p{L} means the letters of the Unicode version that its reader has.
#
# Versions: tokenizers 0.23.3 (PyPI) knows Unicode 16; libpcre2-8-0 10.42 (Debian 12) knows Unicode 14.
# Behaviour: the file names a pattern and no Unicode version. U+31350, a Chinese character of Unicode 15 (CJK Extension
# H), is a letter for tokenizers and none for PCRE2. So is U+1C89 of Unicode 16 (Cyrillic). For U+4E2D, of Unicode 1, both
# agree.
# What follows: a trainer and a sampler with different libraries give such a text different tokens, without an error.
# dsrun carries tables made from tokenizers (runtime/tokenizer/unicode/tables) and asks PCRE2 about no property.
#
# Seen on 2026-11-30:
#     Unicode in PCRE2: 14.0.0
#     tokenizers, a U+4E2D b: ['a中b']
#     PCRE2, a U+4E2D b: ['a中b']
#     tokenizers, a U+31350 b: ['a\U00031350b']
#     PCRE2, a U+31350 b: ['a', '\U00031350', 'b']
#     tokenizers, a U+1C89 b: ['a\u1c89b']
#     PCRE2, a U+1C89 b: ['a', '\u1c89', 'b']
cd "$(dirname "${BASH_SOURCE[0]}")" && exec python3 - <<'PYTHON'
import json
import pathlib

import sandbox

PATTERN = r"\p{L}+|[^\p{L}]"
TOKENIZERS = """
import json, sys
from tokenizers import Regex, pre_tokenizers
split = pre_tokenizers.Split(Regex(sys.argv[1]), "isolated")
print(json.dumps([piece for piece, _ in split.pre_tokenize_str(sys.argv[2])]))
"""

with sandbox.folder() as there:
    python = sandbox.pip(there, "--no-deps", "tokenizers==0.23.3")
    library = next((sandbox.debian(there, "libpcre2-8-0", "10.42") / "usr/lib").rglob("libpcre2-8.so.0"))
    splitter = pathlib.Path("pcre2_split.py").absolute()
    for character, newer in (("\u4e2d", False), ("\U00031350", True), ("\u1c89", True)):
        text, name = f"a{character}b", f"a U+{ord(character):04X} b"
        seen = json.loads(sandbox.output(python, "-c", TOKENIZERS, PATTERN, text)[1])
        version, pieces = json.loads(sandbox.output(python, splitter, library, PATTERN, text)[1])
        if not newer:
            sandbox.expect("Unicode in PCRE2", version, "14.0.0")
        sandbox.expect(f"tokenizers, {name}", seen, [text])
        sandbox.expect(f"PCRE2, {name}", pieces, ["a", character, "b"] if newer else [text])
sandbox.end()
PYTHON
