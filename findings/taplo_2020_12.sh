#!/usr/bin/env bash
# taplo checks TOML files against JSON schemas, and reads a schema of draft 2020-12 as an older draft, without a word.
#
# Version: taplo 0.9.3 (PyPI).
# Behaviour: the schema says "$schema": ".../draft/2020-12/schema". taplo does not know the keywords of that draft.
# prefixItems is skipped while items: false, which goes with it, holds for every item: a valid file is refused.
# dependentRequired and unevaluatedProperties are skipped: two invalid files pass.
# What follows: `dsrun schema` must say what matters in keywords of draft 7, or editors do not see it.
#
# Seen on 2026-11-30:
#     valid, pair = [1, "one"]: refused, False schema does not allow 1, False schema does not allow "one"
#     invalid, tls = true without its cert: accepted
#     invalid, a key that the schema does not know: accepted
#     invalid, tls = 3: refused, 3 is not of type "boolean"
cd "$(dirname "${BASH_SOURCE[0]}")" && exec python3 - <<'PYTHON'
import json
import re

import sandbox

SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {
        "pair": {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}], "items": False},
        "tls": {"type": "boolean"},
        "cert": {"type": "string"},
    },
    "dependentRequired": {"tls": ["cert"]},
    "unevaluatedProperties": False,
}
FILES = [  # what it is, the file, and what taplo says
    ('valid, pair = [1, "one"]', 'pair = [1, "one"]\n',
     'refused, False schema does not allow 1, False schema does not allow "one"'),
    ("invalid, tls = true without its cert", "tls = true\n", "accepted"),
    ("invalid, a key that the schema does not know", "typo = 1\n", "accepted"),
    ("invalid, tls = 3", "tls = 3\n", 'refused, 3 is not of type "boolean"'),
]

with sandbox.folder() as there:
    taplo = sandbox.pip(there, "taplo==0.9.3").with_name("taplo")
    schema, file = there / "schema.json", there / "file.toml"
    schema.write_text(json.dumps(SCHEMA), encoding="utf-8")
    for what, text, stated in FILES:
        file.write_text(text, encoding="utf-8")
        code, words = sandbox.output(taplo, "lint", "--colors", "never", "--schema", f"file://{schema}", file)
        errors = re.findall(r"^error: (.*)", words, re.MULTILINE)
        sandbox.expect(what, ", ".join(["refused" if code else "accepted", *errors]), stated)
sandbox.end()
PYTHON
