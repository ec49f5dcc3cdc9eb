#!/usr/bin/env bash
# \w of a tokenizer's pattern is not one set of characters: tokenizers and tiktoken split Persian and "m²" in two ways.
#
# Versions: tokenizers 0.23.3 and tiktoken 0.14.0 (PyPI).
# Behaviour: to tokenizers ² ³ ¹ ¼ ½ ¾ are word characters and the zero-width joiners U+200C and U+200D are none. To tiktoken
# it is the other way round, as Unicode's annex on regexes (UTS 18) has it. ⁴ is a word character to neither. And to
# tokenizers \w inside a class, [\w], leaves ² out.
# What follows: a pattern with \w must say which library it is for. dsrun reads tokenizer.json, and takes tokenizers' set
# (runtime/tokenizer/unicode/properties.cpp).
#
# Seen on 2026-11-30:
#     tokenizers, 'm²': ['m²']
#     tiktoken, 'm²': ['m', '²']
#     tokenizers with [\w], 'm²': ['m', '²']
#     tokenizers, 'm⁴': ['m', '⁴']
#     tiktoken, 'm⁴': ['m', '⁴']
#     tokenizers, 'می\u200cروم': ['می', '\u200c', 'روم']
#     tiktoken, 'می\u200cروم': ['می\u200cروم']
cd "$(dirname "${BASH_SOURCE[0]}")" && exec python3 - <<'PYTHON'
import json

import sandbox

PIECES = r"""
import json, sys
import tiktoken
from tokenizers import Regex, pre_tokenizers
pattern, text = r"\w+|\W+", sys.argv[1]

def split(pattern):
    return [piece for piece, _ in pre_tokenizers.Split(Regex(pattern), "isolated").pre_tokenize_str(text)]

# A vocabulary of every part of the text: then each piece is one token.
data = text.encode()
ranks = {bytes([byte]): byte for byte in range(256)}
for length in range(2, len(data) + 1):
    for first in range(len(data) - length + 1):
        ranks.setdefault(data[first:first + length], len(ranks))
encoding = tiktoken.Encoding("pieces", pat_str=pattern, mergeable_ranks=ranks, special_tokens={})
tokens = [encoding.decode_single_token_bytes(token).decode() for token in encoding.encode(text)]
print(json.dumps([split(pattern), split(r"[\w]+|[^\w]+"), tokens]))
"""
CASES = [("m²", ["m²"], ["m", "²"]),
         ("m⁴", ["m", "⁴"], ["m", "⁴"]),
         ("می\u200cروم", ["می", "\u200c", "روم"], ["می\u200cروم"])]

with sandbox.folder() as there:
    python = sandbox.pip(there, "--no-deps", "tokenizers==0.23.3", "tiktoken==0.14.0", "regex==2025.9.18",
                         "requests==2.32.5")
    for text, library, other in CASES:
        code, words = sandbox.output(python, "-c", PIECES, text)
        if code:
            sandbox.give_up(words)
        alone, in_class, tiktoken = json.loads(words)
        sandbox.expect(f"tokenizers, {text!r}", alone, library)
        if text == "m²":
            sandbox.expect(f"tokenizers with [\\w], {text!r}", in_class, other)
        sandbox.expect(f"tiktoken, {text!r}", tiktoken, other)
sandbox.end()
PYTHON
