#!/usr/bin/env bash
# promtool check metrics fails on a valid exposition because of what its metrics are called.
#
# Version: prometheus 2.42 (Debian 12).
# Behaviour: `promtool check metrics` ends with exit code 3 for gauges whose names end in _m, _h, _s or _us, or hold the
# word "bits" or "histogram". The exposition format allows all of them, and Prometheus scrapes them.
# What follows: where promtool stands in a pipeline, no metric can be called link_speed_m or expert_load_histogram_ratio.
# Names have their units written out, and base units.
#
# Seen on 2026-11-30:
#     step_seconds: exit code 0
#     step_us: exit code 3, metric names should not contain abbreviated units
#     layer_h: exit code 3, metric names should not contain abbreviated units
#     link_speed_m: exit code 3, metric names should not contain abbreviated units
#     queue_bits: exit code 3, use base unit "bytes" instead of "bits"
#     expert_load_histogram_ratio: exit code 3, metric name should not include type 'histogram'
cd "$(dirname "${BASH_SOURCE[0]}")" && exec python3 - <<'PYTHON'
import sandbox

ABBREVIATED = "exit code 3, metric names should not contain abbreviated units"
NAMES = {
    "step_seconds": "exit code 0",
    "step_us": ABBREVIATED,
    "layer_h": ABBREVIATED,
    "link_speed_m": ABBREVIATED,
    "queue_bits": 'exit code 3, use base unit "bytes" instead of "bits"',
    "expert_load_histogram_ratio": "exit code 3, metric name should not include type 'histogram'",
}

with sandbox.folder() as there:
    promtool = sandbox.debian(there, "prometheus", "2.42.0") / "usr/bin/promtool"
    for name, stated in NAMES.items():
        exposition = f"# HELP {name} A.\n# TYPE {name} gauge\n{name} 1\n"
        code, words = sandbox.output(promtool, "check", "metrics", input=exposition)
        said = [words.strip().removeprefix(name).strip()] if words.strip() else []
        sandbox.expect(name, ", ".join([f"exit code {code}", *said]), stated)
sandbox.end()
PYTHON
