"""Prints the medians of speed and load over the last half of a run's steps, from its metrics.jsonl."""
import json
import pathlib
import statistics
import sys

lines = pathlib.Path(sys.argv[1], "metrics.jsonl").read_text().splitlines()
steps = [record for record in map(json.loads, lines) if "loss" in record]
last = steps[len(steps) // 2:]
medians = {key: statistics.median(record[key] for record in last) for key in ("tokens_per_s", "mfu", "max_vio", "bubble")}
print(f"last {len(last)} steps, medians: {medians['tokens_per_s']:.0f} tokens/s, MFU {100 * medians['mfu']:.1f} %, "
      f"MaxVio {medians['max_vio']:.2f}, bubble {100 * medians['bubble']:.1f} %")
