#!/usr/bin/env python3
"""What a process a device costs: the quickstart's model with threads and with processes in turn, and the start of 64
devices on this machine. Usage: processes.py DSRUN [PAIRS]; needs data/kjv.txt (./dev quickstart makes it)."""
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

EXAMPLE = "examples/quickstart.toml"
COMMON = {"data.validate_every_steps": 0, "data.validation_fraction": 0.0}
TINY = {"parallel.pipeline": 2, "parallel.data": 32, "parallel.expert": 16, "cluster.node.0.devices": 64,
        "batch.sequences": 128, "batch.length": 32, "batch.microbatches": 4, "model.hidden": 64, "model.heads": 4,
        "model.q_rank": 32, "model.kv_rank": 32, "model.nope_dim": 16, "model.rope_dim": 8, "model.value_dim": 16,
        "model.expert_hidden": 64, "model.dense_hidden": 128}


def run(dsrun, settings):
    """Seconds from the command to its first step, seconds of each step but the first, losses."""
    with tempfile.TemporaryDirectory() as folder:
        words = [word for key, value in {**COMMON, **settings}.items()
                 for word in ("--set", f"{key}={json.dumps(value)}")]
        begin = time.time()
        done = subprocess.run([dsrun, EXAMPLE, "--run-dir", f"{folder}/run", *words], capture_output=True, text=True)
        end = time.time()
        if done.returncode != 0:
            sys.exit(done.stderr)
        metrics = pathlib.Path(folder, "run", "metrics.jsonl").read_text().splitlines()
    steps = [json.loads(line) for line in metrics]
    seconds = [step["tokens"] / step["tokens_per_s"] for step in steps]
    return end - begin - sum(seconds), seconds[1:], [step["loss"] for step in steps]


def main():
    dsrun = sys.argv[1]
    pairs = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    ratios = []
    for _ in range(pairs):
        of = {}
        for isolation in ("thread", "process"):
            _, seconds, losses = run(dsrun, {"job.steps": 12, "cluster.isolation": isolation})
            of[isolation] = (statistics.median(seconds), losses)
        if of["thread"][1] != of["process"][1]:
            sys.exit("the losses differ")
        ratios.append(of["process"][0] / of["thread"][0])
        print(f"quickstart, median step: threads {1e3 * of['thread'][0]:.0f} ms, processes "
              f"{1e3 * of['process'][0]:.0f} ms, ratio {ratios[-1]:.3f}, losses equal", flush=True)
    print(f"processes take {statistics.median(ratios):.3f} of threads' time, {min(ratios):.3f} to {max(ratios):.3f}")
    around, seconds, _ = run(dsrun, {**TINY, "job.steps": 20, "cluster.isolation": "process"})
    print(f"64 device processes: {around:.1f} s to start and to end, {statistics.median(seconds):.2f} s a step, 20 steps")


if __name__ == "__main__":
    main()
