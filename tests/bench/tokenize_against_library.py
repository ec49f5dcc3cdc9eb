#!/usr/bin/env python3
"""Times our encoder and `dsrun tokenize` against the `tokenizers` library, one thread each, in turns on the same
documents, after a check that all ids are the same.

    tokenize_against_library.py BIN TEXT…   e.g. build/bin data/kjv.txt

Trains a vocabulary with each pre-tokenizer by `dsrun tokenizer train`, on the TEXTs and the fixtures' texts of many
scripts; encodes the TEXTs in documents of 4,096 characters, the TEXTs whole, and the fixtures' texts. Prints medians in
MB/s. "encoder" (bench_tokenize) and "library" (encode_batch_fast) have the documents in memory and are compared in
processor time; the library remembers words from turn to turn, the encoder begins with none. "command" starts dsrun,
reads, and writes the token file, and is compared by the clock: of little text, that is its start. Needs the package
`tokenizers`.
"""
import array
import json
import os
import pathlib
import statistics
import struct
import subprocess
import sys
import tempfile
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"
import tokenizers  # noqa: E402

TURNS = 5
DOCUMENT = 4096  # characters
FIXTURES = pathlib.Path(__file__).resolve().parents[1] / "fixtures/tokenizer/texts.jsonl"
HEADER = struct.Struct("<8sIIQQQQqQQQ")  # runtime/data/sources/token_file_format.hpp


def ids_of(path):
    """All ids of a token file, one document after the other."""
    content = path.read_bytes()
    _, _, width, _, count, *_ = HEADER.unpack_from(content)
    ids = array.array({2: "H", 4: "I"}[width])
    ids.frombytes(content[HEADER.size:HEADER.size + width * count])
    return ids


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def take_turns(programs, folder, file, documents):
    """Times of the library by processor and clock, and of the command; the encoder's speeds."""
    source, out = folder / "documents.jsonl", folder / "out.tokens"
    source.write_text("".join(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in documents))
    library, times = tokenizers.Tokenizer.from_file(str(file)), []
    for _ in range(TURNS):
        processor, clock = time.process_time(), time.perf_counter()
        encoded = library.encode_batch_fast(documents, add_special_tokens=False)
        processor, clock = time.process_time() - processor, time.perf_counter() - clock
        start = time.perf_counter()
        run(programs / "dsrun", "tokenize", "--tokenizer", file, "--out", out, "--documents", "jsonl", "--threads", "1",
            "--no-end-token", source)
        command = time.perf_counter() - start
        times.append((processor, clock, command, float(run(programs / "bench_tokenize", file, source))))
    expected = [each for document in encoded for each in document.ids]
    if list(ids_of(out)) != expected:
        sys.exit("they do not encode alike")
    return zip(*times)


def compare(programs, folder, pre_tokenizer, file, name, documents):
    size = sum(len(document.encode()) for document in documents) / 1e6
    processor, clock, command, encoder = take_turns(programs, folder, file, documents)
    library, ours = size / statistics.median(processor), statistics.median(encoder)
    print(f"{pre_tokenizer:<12} {name:<14} {size:>5.1f} {library:>9.1f} {ours:>9.1f} {ours / library:>6.1f} "
          f"{min(encoder) * min(processor) / size:>8.1f}–{max(encoder) * max(processor) / size:<6.1f} "
          f"{size / statistics.median(command):>9.1f} {statistics.median(clock) / statistics.median(command):>6.1f}",
          flush=True)


def main():
    programs = pathlib.Path(sys.argv[1])
    texts = [pathlib.Path(path).read_text(encoding="utf-8") for path in sys.argv[2:]]
    scripts = [json.loads(row)[0] for row in open(FIXTURES, encoding="utf-8")]
    cut = [text[begin:begin + DOCUMENT] for text in texts for begin in range(0, len(text), DOCUMENT)]
    print(f"tokenizers {tokenizers.__version__}, medians of {TURNS} turns, MB/s on one thread")
    print("pre-tokenizer documents        MB   library   encoder  ratio      its spread   command  ratio")
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for pre_tokenizer in ("deepseek-v3", "gpt2"):
            file, source = folder / "tokenizer.json", folder / "training.jsonl"
            source.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts + scripts))
            run(programs / "dsrun", "tokenizer", "train", "--vocab", "32000", "--min-frequency", "1", "--pre-tokenizer",
                pre_tokenizer, "--out", file, "--documents", "jsonl", source)
            print(f"{pre_tokenizer}: {tokenizers.Tokenizer.from_file(str(file)).get_vocab_size()} tokens")
            for name, documents in (("4 K", cut), ("whole files", texts), ("many scripts", scripts)):
                compare(programs, folder, pre_tokenizer, file, name, documents)


if __name__ == "__main__":
    main()
