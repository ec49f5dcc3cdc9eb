#!/usr/bin/env python3
"""Times `dsrun tokenize` against the `tokenizers` library, one thread each, in turns on the same documents.

    tokenize_against_library.py DSRUN TEXT…   e.g. build/bin/dsrun data/kjv.txt

Trains a vocabulary with each pre-tokenizer by `dsrun tokenizer train`, checks that both encode alike, and prints medians.
The library's time is that of encode_batch_fast on the documents in memory; dsrun's includes reading and writing files.
Needs the package `tokenizers`.
"""
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"
import tokenizers  # noqa: E402

TURNS = 5
DOCUMENT = 4096  # characters


def documents_of(paths):
    for path in paths:
        text = pathlib.Path(path).read_text(encoding="utf-8")
        for begin in range(0, len(text), DOCUMENT):
            yield text[begin:begin + DOCUMENT]


def compare(dsrun, folder, pre_tokenizer, vocab, documents):
    source, file, out = folder / "documents.jsonl", folder / "tokenizer.json", folder / "out.tokens"
    subprocess.run([dsrun, "--log-level", "warn", "tokenizer", "train", "--vocab", str(vocab), "--out", file,
                    "--pre-tokenizer", pre_tokenizer, "--documents", "jsonl", source], check=True, capture_output=True)
    library = tokenizers.Tokenizer.from_file(str(file))
    bytes_of_text = sum(len(document.encode()) for document in documents)
    ours, theirs, kernel = [], [], []
    for _ in range(TURNS):
        begin = time.perf_counter()
        encoded = library.encode_batch_fast(documents, add_special_tokens=False)
        theirs.append(time.perf_counter() - begin)
        begin = time.perf_counter()
        told = subprocess.run([dsrun, "tokenize", "--tokenizer", file, "--out", out, "--documents", "jsonl", "--threads",
                               "1", "-o", "json", source], check=True, capture_output=True)
        ours.append(time.perf_counter() - begin)
        kernel.append(json.loads(told.stdout)["seconds"])
    tokens = sum(len(each.ids) + 1 for each in encoded)  # an end token a document
    told = json.loads(told.stdout)
    assert told["tokens"] == tokens, (told, tokens)
    speed = [bytes_of_text / 1e6 / statistics.median(times) for times in (theirs, ours, kernel)]
    print(f"{pre_tokenizer:<12} {told['vocab_size']:>6} {bytes_of_text / 1e6:>8.1f} {speed[0]:>8.1f} {speed[1]:>8.1f} "
          f"{speed[1] / speed[0]:>6.2f} {speed[2]:>12.1f} {speed[2] / speed[0]:>6.2f}   "
          f"{min(theirs) / max(ours):.2f}–{max(theirs) / min(ours):.2f}")


def main():
    dsrun, documents = sys.argv[1], list(documents_of(sys.argv[2:]))
    print(f"tokenizers {tokenizers.__version__}, {len(documents)} documents, medians of {TURNS} turns, MB/s")
    print("pre-tokenizer  vocab  text, MB  library  command  ratio  without start  ratio   spread of the command's")
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        with open(folder / "documents.jsonl", "w", encoding="utf-8") as out:
            out.writelines(json.dumps({"text": document}, ensure_ascii=False) + "\n" for document in documents)
        for pre_tokenizer in ("deepseek-v3", "gpt2"):
            for vocab in (4000, 32000):
                compare(dsrun, folder, pre_tokenizer, vocab, documents)


if __name__ == "__main__":
    main()
