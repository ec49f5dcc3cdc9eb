#!/usr/bin/env python3
"""Draws docs/step.svg: the chart of one DualPipe step, taken from the page that `dsrun plan --chart` writes.

The page holds a small SVG for each lane and takes its colours from a style sheet; git hosts show neither. This script
puts the lanes of four pipeline ranks into one SVG with a style of its own, in light and dark.
Usage: docs/draw_step.py [build/bin/dsrun]
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
JOB = ["examples/quickstart.toml", "--set", "parallel.pipeline=4", "--set", "parallel.data=1",
       "--set", "parallel.expert=1", "--set", "batch.sequences=16", "--set", "batch.microbatches=16"]
WIDTH, LEFT, TOP, LANE, GAP = 1000, 64, 30, 28, 8
BARS = WIDTH - LEFT - 12

LEGEND = [("F", "forward"), ("B", "backward"), ("I", "input gradient"), ("W", "weight gradient"),
          ("R", "reduce, update, gather"), ("idle", "waiting for another rank")]
STYLE = """
:root { color-scheme: light dark; }
text { font: 12px system-ui, sans-serif; fill: #1d2430; } .faint { fill: #667080; } .back { fill: #fff; }
.n { font-size: 10px; fill: #10161f; text-anchor: middle; } .grid { stroke: #d6dbe3; }
.lane rect { stroke: #fff; stroke-width: .6px; } .idle { fill: #f5c9c3; }
.F { fill: #6aa5f0; } .F.q { fill: #a9cbf7; } .B { fill: #3f9d6b; } .B.q { fill: #7fc5a0; }
.I { fill: #2ba5a5; } .I.q { fill: #86cfcf; } .W { fill: #e0b13c; } .W.q { fill: #f0d58c; }
.R { fill: #a583d6; } .U { fill: #8460bd; } .G { fill: #c4afe6; }
@media (prefers-color-scheme: dark) {
  text { fill: #dfe5ee; } .faint { fill: #8f9bad; } .back { fill: #14181f; } .n { fill: #10161f; }
  .grid { stroke: #333c4a; } .lane rect { stroke: #14181f; } .idle { fill: #52302e; }
}"""
RECT = re.compile(r'<rect class="([^"]+)" x="([\d.]+)%" width="([\d.]+)%" y="(\d+)" height="(\d+)"/>')
TEXT = re.compile(r'<text x="([\d.]+)%" y="(\d+)">([^<]*)</text>')
TICK = re.compile(r'<text x="([\d.]+)%" y="12" dx="3">([^<]*)</text>')
LABEL = re.compile(r"<b>(rank \d+)</b>")


def place(percent):
    return LEFT + BARS * float(percent) / 100


def page(dsrun):
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, "step.html")
        nothing_measured = {"HOME": folder, "XDG_CACHE_HOME": folder, "XDG_DATA_HOME": folder}
        subprocess.run([dsrun, "plan", *JOB, "--chart", file], cwd=ROOT, check=True, stderr=subprocess.DEVNULL,
                       env={**os.environ, **nothing_measured})
        return file.read_text(encoding="utf-8")


def lane(markup, label, top):
    parts = [f'<g class="lane"><text x="4" y="{top + 18}">{label}</text>']
    for name, x, width, y, height in RECT.findall(markup):
        name = "idle" if name.startswith("idle") else name
        if BARS * float(width) / 100 >= 0.5:
            parts.append(f'<rect class="{name}" x="{place(x):.1f}" y="{top + int(y)}" '
                         f'width="{BARS * float(width) / 100:.1f}" height="{height}"/>')
    for x, y, text in TEXT.findall(markup):
        parts.append(f'<text class="n" x="{place(x):.1f}" y="{top + int(y)}">{text}</text>')
    return "\n".join(parts) + "</g>"


def legend(top):
    parts, x = [], LEFT
    for name, words in LEGEND:
        parts.append(f'<rect class="{name}" x="{x}" y="{top}" width="14" height="14"/>')
        parts.append(f'<text x="{x + 20}" y="{top + 11}">{words}</text>')
        x += 42 + 6 * len(words)
    note = ("Pale: the rank's second stage, fed from the other end. "
            "Two colours in one bar: a forward and a backward at once.")
    return parts + [f'<text class="faint" x="{LEFT}" y="{top + 32}">{note}</text>']


def drawing(html):
    lanes = re.findall(r'<svg class="lane">(.*?)</svg>', html, re.DOTALL)
    labels = LABEL.findall(html)
    bottom = TOP + len(lanes) * (LANE + GAP)
    height = bottom + 52
    parts = ['<svg xmlns="http://www.w3.org/2000/svg" '
             f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}">',
             f"<title>One training step under DualPipe, forecast by dsrun plan</title><style>{STYLE}</style>",
             f'<rect class="back" width="{WIDTH}" height="{height}" rx="6"/>']
    for x, text in TICK.findall(html):
        parts.append(f'<line class="grid" x1="{place(x):.1f}" x2="{place(x):.1f}" y1="10" y2="{bottom}"/>')
        parts.append(f'<text class="faint" x="{place(x) + 4:.1f}" y="20">{text}</text>')
    parts += [lane(markup, label, TOP + number * (LANE + GAP))
              for number, (markup, label) in enumerate(zip(lanes, labels))]
    return "\n".join(parts + legend(bottom + 4)) + "\n</svg>\n"


if __name__ == "__main__":
    program = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build/bin/dsrun").resolve()
    (ROOT / "docs/step.svg").write_text(drawing(page(program)), encoding="utf-8")
