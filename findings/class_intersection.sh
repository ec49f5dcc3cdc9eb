#!/usr/bin/env bash
# A pattern of published tokenizers compiles in four engines and means two things: && inside a character class.
#
# Versions: tokenizers 0.23.3 and regex 2025.9.18 (PyPI), libpcre2-8-0 10.42 (Debian 12).
# Behaviour: to tokenizers, and to regex with its flag V1, [\p{L}&&[^\p{Han}]]+ is "letters that are not Han". To PCRE2,
# and to regex without the flag, it is a class of letters, &, [, ^ and Han, followed by one or more ]. No engine refuses it.
# What follows: the tokenizer of Kimi-K2 has such a pattern. Another engine gives other pieces, without an error. dsrun
# works classes out itself and leaves PCRE2 the rest (runtime/tokenizer/regex/class_reader.cpp).
#
# Seen on 2026-11-30:
#     tokenizers: ['deep', '学习', '&', ']', 'x']
#     regex, V1: ['deep', '学习', '&', ']', 'x']
#     regex, V0: ['deep', '学习', '&]', 'x']
#     PCRE2: ['deep', '学习', '&]', 'x']
cd "$(dirname "${BASH_SOURCE[0]}")" && exec python3 - <<'PYTHON'
import json
import pathlib

import sandbox

PATTERN = r"[\p{L}&&[^\p{Han}]]+|\p{Han}+|[^\p{L}]"
TEXT = "deep学习&]x"
ENGINES = """
import json, sys
import regex
from tokenizers import Regex, pre_tokenizers
pattern, text = sys.argv[1:]

def pieces(flag):
    found, at = [], 0
    for match in regex.finditer(pattern, text, flag):
        found += [text[at:match.start()], match.group()]
        at = match.end()
    return [piece for piece in [*found, text[at:]] if piece]

split = pre_tokenizers.Split(Regex(pattern), "isolated")
print(json.dumps([[piece for piece, _ in split.pre_tokenize_str(text)], pieces(regex.V1), pieces(regex.V0)]))
"""
INTERSECTION, UNION = ["deep", "学习", "&", "]", "x"], ["deep", "学习", "&]", "x"]

with sandbox.folder() as there:
    python = sandbox.pip(there, "--no-deps", "tokenizers==0.23.3", "regex==2025.9.18")
    library = next((sandbox.debian(there, "libpcre2-8-0", "10.42") / "usr/lib").rglob("libpcre2-8.so.0"))
    tokenizers, v1, v0 = json.loads(sandbox.output(python, "-c", ENGINES, PATTERN, TEXT)[1])
    splitter = pathlib.Path("pcre2_split.py").absolute()
    pcre2 = json.loads(sandbox.output(python, splitter, library, PATTERN, TEXT)[1])[1]
    sandbox.expect("tokenizers", tokenizers, INTERSECTION)
    sandbox.expect("regex, V1", v1, INTERSECTION)
    sandbox.expect("regex, V0", v0, UNION)
    sandbox.expect("PCRE2", pcre2, UNION)
sandbox.end()
PYTHON
