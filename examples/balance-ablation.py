#!/usr/bin/env python3
"""Runs balance-ablation.toml without balancing, with the auxiliary loss and with biases, each with three seeds; prints
a table, draws a plot.

    examples/balance-ablation.py build/bin/dsrun FOLDER [docs/balance.svg]

FOLDER takes the runs, two at a time; those that are complete there are not run again. Needs Python alone.
"""
import concurrent.futures
import json
import pathlib
import statistics
import subprocess
import sys

JOB = pathlib.Path(__file__).with_name("balance-ablation.toml")
VARIANTS = {  # name: (colour, [balance])
    "none": ("#888888", {"bias_speed": 0.0}),
    "auxiliary loss, α = 0.001": ("#d08a2a", {"bias_speed": 0.0, "sequence_alpha": 1e-3}),
    "auxiliary loss, α = 0.01": ("#b03030", {"bias_speed": 0.0, "sequence_alpha": 1e-2}),
    "bias, γ = 0.01": ("#2060b0", {"bias_speed": 0.01}),
    "bias, γ = 0.001": ("#40a070", {"bias_speed": 0.001}),
}
SEEDS = (1, 2, 3)  # the plot shows the first


def run(dsrun, folder, number, seed, balance):
    out = folder / f"{number}-{seed}"
    sets = [word for key, value in balance.items() for word in ("--set", f"balance.{key}={value}")]
    subprocess.run([dsrun, "--log-level", "warn", JOB, "--run-dir", out, "--resume", "--set",
                    f"job.seed={seed}", *sets], check=True,
                   stdout=subprocess.DEVNULL)
    records = [json.loads(line) for line in open(out / "metrics.jsonl", encoding="utf-8")]
    return [r for r in records if "loss" in r], [r for r in records if "val_loss" in r]


def spread(values, digits):
    return f"{statistics.mean(values):.{digits}f} ({min(values):.{digits}f}–{max(values):.{digits}f})"


def table(results):
    rows = ["| balancing | validation loss, nats | max_vio_global at the end | "
            "MaxVio of a step, median of the last 100 |",
            "| --- | ---: | ---: | ---: |"]
    for name, runs in results.items():
        losses = [validations[-1]["val_loss"] for _, validations in runs]
        loads = [steps[-1]["max_vio_global"] for steps, _ in runs]
        single = [statistics.median(s["max_vio"] for s in steps[-100:]) for steps, _ in runs]
        rows.append(f"| {name} | {spread(losses, 3)} | {spread(loads, 2)} | {spread(single, 2)} |")
    return "\n".join(rows)


WIDTH, HEIGHT, LEFT, TOP, PLOT_WIDTH, PLOT_HEIGHT = 760, 620, 60, 30, 670, 230


def polyline(points, colour, box):
    (x0, x1), (y0, y1), top = box
    path = " ".join(f"{LEFT + PLOT_WIDTH * (x - x0) / (x1 - x0):.1f},"
                    f"{top + PLOT_HEIGHT * (1 - (min(max(y, y0), y1) - y0) / (y1 - y0)):.1f}" for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.6"/>'


def axes(title, box, ticks):
    (x0, x1), (y0, y1), top = box
    parts = [f'<text x="{LEFT}" y="{top - 8}" font-weight="bold">{title}</text>',
             f'<rect x="{LEFT}" y="{top}" width="{PLOT_WIDTH}" height="{PLOT_HEIGHT}" fill="none" stroke="#999"/>']
    for tick in ticks:
        y = top + PLOT_HEIGHT * (1 - (tick - y0) / (y1 - y0))
        parts += [f'<line x1="{LEFT}" y1="{y:.1f}" x2="{LEFT + PLOT_WIDTH}" y2="{y:.1f}" stroke="#eee"/>',
                  f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>']
    for step in range(0, int(x1) + 1, 250):
        x = LEFT + PLOT_WIDTH * (step - x0) / (x1 - x0)
        parts.append(f'<text x="{x:.1f}" y="{top + PLOT_HEIGHT + 16}" text-anchor="middle">{step}</text>')
    return parts


def plot(results):
    steps = max(s[-1]["step"] for s, _ in results.values())
    last = [validations[-1]["val_loss"] for _, validations in results.values()]
    low = int(min(last) * 20) / 20 - 0.05
    load = ((0, steps), (0, 2.5), TOP)
    loss = ((0, steps), (low, low + 0.8), TOP + PLOT_HEIGHT + 60)
    parts = axes("max_vio_global: most loaded expert over the mean, less 1, window of 100 steps", load,
                 [0, 0.1, 0.5, 1, 1.5, 2, 2.5])
    parts += axes("validation loss, nats per byte", loss, [round(low + 0.1 * i, 2) for i in range(9)])
    for row, (name, (colour, _)) in enumerate(VARIANTS.items()):
        records, validations = results[name]
        parts.append(polyline([(r["step"], r["max_vio_global"]) for r in records[::5]], colour, load))
        parts.append(polyline([(r["step"], r["val_loss"]) for r in validations], colour, loss))
        parts.append(f'<text x="{LEFT + 470}" y="{TOP + 20 + 18 * row}" fill="{colour}">{name}</text>')
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
            f'viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">'
            f'<rect width="100%" height="100%" fill="white"/>\n' + "\n".join(parts) + "\n</svg>\n")


def main():
    dsrun, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        runs = {(name, seed): pool.submit(run, dsrun, folder, number, seed, balance)
                for seed in SEEDS for number, (name, (_, balance)) in enumerate(VARIANTS.items())}
        results = {name: [runs[name, seed].result() for seed in SEEDS] for name in VARIANTS}
    print(table(results))
    if len(sys.argv) > 3:
        first = {name: runs[0] for name, runs in results.items()}
        pathlib.Path(sys.argv[3]).write_text(plot(first), encoding="utf-8")


if __name__ == "__main__":
    main()
