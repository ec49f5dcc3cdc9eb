#!/usr/bin/env python3
"""Refuses includes that point the wrong way.

Layers: dsl -> models -> cluster -> runtime -> actors -> dsrun; a file includes its own layer and those left of it.
runtime/schedule is a leaf: anybody may include it, and it includes itself and the standard library alone.
Inside a layer a room (a folder) includes the rooms that its line in ROOMS names. A line that names an arrow which no
include draws is refused too, so that the table says what is.
An architecture is known to its folder and to the table alone (ARCHITECTURE).
Third-party headers stay behind fences (FENCES), and actors/core includes nothing that acts (BEYOND_CORE).
tests/LAYER has the rights of LAYER, any other tests folder of all.

To admit a library, add a row to FENCES and a line to GOOD and BAD. To add a room or an arrow, edit its line in ROOMS;
--rooms prints the lines that today's includes would need. Usage: check_includes.py [--self-test | --rooms]
"""
import collections
import pathlib
import re
import sys

LAYERS = ["dsl", "models", "cluster", "runtime", "actors", "dsrun"]
SUFFIXES = {".cpp", ".hpp", ".cu", ".cuh"}
CAF_HEADERS = ["actors/caf.hpp", "actors/processes/net/caf_network.hpp"]
CAF_FOLDERS = ["actors", "tests/actors", "tests/end_to_end", "tests/sanitizers"]
# What a backend is made of: its own folder, the one place that chooses among backends, and tests of kernels.
BACKEND = re.compile(r"runtime/backend/(?!row/)[^/]+/")
BACKEND_USERS = ("runtime/backend/backend.cpp", "tests/kernels/", "tests/cuda/", "tests/bench/")
KERNEL_FOLDERS = ["runtime", "tests/runtime", "tests/kernels", "tests/cuda", "tests/bench"]
ARCHITECTURE = re.compile(r"models/arch/[^/]+/")
ARCHITECTURE_TABLE = "models/arch/architecture.cpp"
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def in_folders(*folders):
    return lambda path: any(path.startswith(folder + "/") for folder in folders)


def beyond_schedule(path):
    return layer_of(path) != "schedule"


# (what the header's name looks like, which files may include it, in words), first match wins.
FENCES = [
    (r"caf/", lambda path: path in CAF_HEADERS, f"only {CAF_HEADERS} include CAF"),
    (r"toml\+\+/|toml\.hpp$", lambda path: re.match(r"dsl/.*\.cpp$", path), "toml++ is for dsl/*.cpp"),
    (r"oneapi/|dnnl", in_folders(*KERNEL_FOLDERS), "oneDNN is for runtime/"),
    (r"cuda|cublas|curand|cub/|nvtx|nccl", in_folders(*KERNEL_FOLDERS), "CUDA and NCCL are for runtime/"),
    (r"uc[ptsm]/", in_folders("runtime/transport"), "UCX is for runtime/transport/"),
    (r"omp\.h$|immintrin\.h$", in_folders(*KERNEL_FOLDERS), "kernels' headers are for runtime/"),
    (r"CLI/", lambda path: path == "dsrun/verbs/command_line.cpp", "CLI11 is for dsrun/verbs/command_line.cpp"),
    (r"boost/", in_folders("dsrun", "tests/dsrun"), "Boost is for dsrun/"),
    (r"openssl/", in_folders("actors", "tests/actors", "tests/processes"), "OpenSSL is for actors/"),
    (r"gtest/|gmock/|benchmark/|sanitizer/", in_folders("tests"), "test libraries are for tests/"),
    (r"fmt/|nlohmann/", beyond_schedule, "runtime/schedule uses the standard library alone"),
    (r"[a-z_0-9]+$", lambda path: True, ""),  # the standard library: no folder, no suffix
    (r"(sys/|linux/|arpa/|net/|netinet/)?[a-z_0-9]+\.h$", beyond_schedule,
     "runtime/schedule uses the standard library alone"),
    (r"", lambda path: False, "unknown to FENCES in tests/check_includes.py"),
]


# Each room, and the rooms of its own layer that it includes; "." is the layer's own folder.
ROOMS = {
    "actors": "core messages",
    "actors/core": "core/watch",
    "actors/core/watch": "",
    "actors/messages": ". core",
    "actors/processes/doctor": "core messages processes/launch processes/net",
    "actors/processes/launch": ". core core/watch messages processes/doctor processes/net",
    "actors/processes/net": ". messages",
    "cluster": "layout",
    "cluster/forecast": ". forecast/devices layout memory traffic",
    "cluster/forecast/devices": "",
    "cluster/hosts": "report/chart",
    "cluster/layout": ". forecast/devices",
    "cluster/memory": ". layout traffic",
    "cluster/report": ". forecast forecast/devices memory report/chart",
    "cluster/report/chart": ". forecast forecast/devices memory",
    "cluster/traffic": ". layout",
    "dsl": "keys specs text",
    "dsl/keys": ". keys/tables specs",
    "dsl/keys/tables": ". keys",
    "dsl/specs": "",
    "dsl/text": "keys",
    "dsrun": "verbs",
    "dsrun/export": "run",
    "dsrun/run": ". run/feed",
    "dsrun/run/feed": "",
    "dsrun/verbs": ". export run run/feed verbs/text",
    "dsrun/verbs/text": "run",
    "models": "passes",
    "models/arch": ". arch/deepseek_v3",
    "models/arch/deepseek_v3": ". arch",
    "models/passes": ".",
    "runtime": "",
    "runtime/backend": "backend/cpu device/exchange memory",
    "runtime/backend/cpu": ". backend backend/cpu/parts backend/cpu/products backend/row memory",
    "runtime/backend/cpu/parts": ". backend backend/row memory",
    "runtime/backend/cpu/products": ". backend memory",
    "runtime/backend/cuda": "backend backend/row memory",
    "runtime/backend/row": "backend memory",
    "runtime/calibration": "data/sources device",
    "runtime/data": ". data/sources state/checkpoint tokenizer/unicode",
    "runtime/data/sources": "data state state/checkpoint tokenizer",
    "runtime/device": ". backend data device/exchange device/inbox device/meter device/parameters memory",
    "runtime/device/exchange": ". device device/inbox device/parameters memory",
    "runtime/device/inbox": ". device device/exchange device/parameters memory",
    "runtime/device/meter": "device",
    "runtime/device/parameters": ". backend device memory state/safetensors",
    "runtime/machine": "backend device/meter",
    "runtime/memory": ".",
    "runtime/metrics": "device device/meter state",
    "runtime/schedule": "schedule/builders",
    "runtime/schedule/builders": "schedule",
    "runtime/state": "",
    "runtime/state/checkpoint": "state",
    "runtime/state/safetensors": "memory state state/checkpoint",
    "runtime/tokenizer": ". state tokenizer/regex tokenizer/unicode",
    "runtime/tokenizer/load": "state/checkpoint tokenizer tokenizer/unicode",
    "runtime/tokenizer/regex": "tokenizer/unicode",
    "runtime/tokenizer/train": "tokenizer tokenizer/load tokenizer/unicode",
    "runtime/tokenizer/unicode": "tokenizer/unicode/tables",
    "runtime/tokenizer/unicode/tables": "tokenizer/unicode",
    "runtime/transport/collectives": "machine memory transport/ucx",
    "runtime/transport/ucx": "memory transport/wire",
    "runtime/transport/wire": "device memory",
}


def layer_of(path):
    """The layer whose rights a file has; tests outside the layers' mirrors have the last one's."""
    parts = path.split("/")
    if parts[0] == "tests":
        parts = parts[1:]
        if parts[0] == "schedule":
            return "schedule"
    if parts[:2] == ["runtime", "schedule"]:
        return "schedule"
    return parts[0] if parts[0] in LAYERS else LAYERS[-1]


# What actors/core decides with comes to it as values: no actors, files, sockets, threads or clocks of its own.
CORE = in_folders("actors/core")
BEYOND_CORE = re.compile(r"(?:sys|linux|arpa|net|netinet)/|[a-z_0-9]+\.h$|(?:f|io|o)stream$|filesystem$|cstdio$|thread$|"
                         r"mutex$|condition_variable$|future$|random$|caf/|uc[ptsm]/|"
                         r"actors/(?!core/)|runtime/(?:state|transport)/|runtime/device/meter/clock")


def core_fault(path, header):
    if CORE(path) and BEYOND_CORE.match(header):
        return f"{header}: actors/core has no actors, files, sockets, threads or clocks; a shell gives it values"
    return None


def project_fault(path, header):
    source, target = layer_of(path), layer_of(header)
    if header in CAF_HEADERS and not in_folders(*CAF_FOLDERS)(path):
        return f"{header} is for actors/: include what actors/ offers instead"
    if ARCHITECTURE.match(header) and path != ARCHITECTURE_TABLE and room_of(path) != room_of(header):
        return f"an architecture's folder is for {ARCHITECTURE_TABLE}: ask models/arch/architecture.hpp"
    behind = BACKEND.match(header)
    if behind and not path.startswith((behind.group(), *BACKEND_USERS)):
        return f"{header} stands behind runtime/backend/backend.hpp: ask the Backend"
    if header.startswith("tests/"):
        return None if path.startswith("tests/") else "tests/ is for tests"
    if target == "schedule":
        return None
    if source == "schedule":
        return "runtime/schedule includes itself and the standard library alone"
    if LAYERS.index(target) > LAYERS.index(source):
        return f"{source} may not include {target}: includes go leftwards in {' -> '.join(LAYERS)}"
    return None


def room_of(path):
    return path.rpartition("/")[0]


def arrow(path, header):
    """(room, the name that ROOMS uses for the included room), or None where ROOMS has no say."""
    source, target = room_of(path), room_of(header)
    layer = source.split("/")[0]
    if source == target or layer not in LAYERS or target.split("/")[0] != layer:
        return None
    if layer_of(header) == "schedule" and layer_of(path) != "schedule":
        return None
    return source, target[len(layer) + 1:] or "."


def room_fault(path, header):
    drawn = arrow(path, header)
    if not drawn or drawn[1] in ROOMS.get(drawn[0], "").split():
        return None
    return f"{drawn[0]} may not include {drawn[1]}: ROOMS in tests/check_includes.py has no such arrow"


def fault(path, line, exists):
    """Why `line` of the file at `path` is refused, or None. `exists` tells whether the repository has a header."""
    match = INCLUDE.match(line)
    if not match:
        return None
    bracket, header = match.groups()
    if core_fault(path, header):
        return core_fault(path, header)
    if bracket == '"':
        if not exists(header):
            return f'"{header}" is not a path from the repository\'s root'
        return project_fault(path, header) or room_fault(path, header)
    if header.split("/")[0] in LAYERS:
        return f'write "{header}" in quotes'
    for pattern, allowed, reason in FENCES:
        if re.match(pattern, header):
            return None if allowed(path) else f"<{header}>: {reason}"
    raise AssertionError("the last fence matches everything")


def lines_of(root, folders):
    """(path, line number, line) of every source file below the folders."""
    for folder in folders:
        for file in sorted((root / folder).rglob("*")):
            if file.suffix in SUFFIXES:
                path = file.relative_to(root).as_posix()
                for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
                    yield path, number, line


def rooms_of(root):
    """Every room in order, and the arrows that its includes draw: what ROOMS has to say."""
    rooms = collections.defaultdict(set)
    for path, _, line in lines_of(root, LAYERS):
        included = INCLUDE.match(line)
        drawn = arrow(path, included.group(2)) if included else None
        rooms[room_of(path)] |= {drawn[1]} if drawn else set()
    return {room: " ".join(sorted(rooms[room])) for room in sorted(rooms)}


def table_faults(rooms, table):
    """Where the table has no line for a room, a line for no room, or names an arrow that no include draws."""
    faults = [f'{room} has no line in ROOMS: "{room}": "{rooms[room]}"' for room in rooms if room not in table]
    for room, names in table.items():
        if room not in rooms:
            faults.append(f"ROOMS names {room}, which has no source files")
            continue
        unused = sorted(set(names.split()) - set(rooms[room].split()))
        faults += [f"ROOMS lets {room} include {name}, and no file there does: take it out" for name in unused]
    return faults


def check(root):
    faults = []
    for path, number, line in lines_of(root, LAYERS + ["tests"]):
        reason = fault(path, line, lambda header: (root / header).is_file())
        if reason:
            faults.append(f"{path}:{number}: {reason}")
    return faults + table_faults(rooms_of(root), ROOMS)


GOOD = [
    ("models/arch/architecture.cpp", '#include "models/arch/deepseek_v3/deepseek_v3.hpp"'),
    ("runtime/device/parameters/pretrained.hpp", '#include "models/arch/hugging_face.hpp"'),
    ("actors/core/gate_core.cpp", '#include "actors/core/fault.hpp"'),
    ("actors/core/gate_core.cpp", "#include <chrono>"),
    ("runtime/backend/backend.cpp", '#include "runtime/backend/cpu/cpu_backend.hpp"'),
    ("tests/kernels/rows_ops_test.cpp", '#include "runtime/backend/cpu/functions.hpp"'),
    ("models/graph.cpp", '#include "dsl/job.hpp"'),
    ("dsl/validate.cpp", '#include "runtime/schedule/schedule.hpp"'),
    ("runtime/schedule/checker.cpp", '#include "runtime/schedule/program.hpp"'),
    ("runtime/schedule/checker.cpp", "#include <vector>"),
    ("dsl/parse.cpp", "#include <toml++/toml.h>"),
    ("runtime/kernels/matmul.cpp", "#include <oneapi/dnnl/dnnl.hpp>"),
    ("runtime/cuda/rows.cu", "#include <cub/cub.cuh>"),
    ("runtime/transport/ucx/ucx_worker.cpp", "#include <ucp/api/ucp.h>"),
    ("actors/caf.hpp", "#include <caf/all.hpp>"),
    ("actors/device.cpp", '#include "actors/caf.hpp"'),
    ("tests/actors/job_test.cpp", '#include "actors/caf.hpp"'),
    ("tests/models/graph_test.cpp", "#include <gtest/gtest.h>"),
    ("tests/end_to_end/mesh_test.cpp", '#include "actors/job.hpp"'),
    ("dsrun/verbs/command_line.cpp", "#include <CLI/CLI.hpp>"),
    ("cluster/plan.cpp", "#include <fmt/format.h>"),
    ("runtime/text.cpp", "#include <sys/mman.h>"),
    ("actors/processes/net/own_address.cpp", "#include <net/if.h>"),
    ("dsl/job.hpp", '// #include "actors/device.hpp"'),
    ("cluster/memory/memory_plan.cpp", '#include "cluster/layout/mesh.hpp"'),
    ("cluster/layout/mesh.hpp", '#include "models/passes/steps.hpp"'),
    ("runtime/data/loader.cpp", '#include "runtime/schedule/program.hpp"'),
    ("tests/cluster/link_test.cpp", '#include "cluster/report/chart/page.hpp"'),
]
BAD = [
    ("runtime/device/parameters/pretrained.hpp", '#include "models/arch/deepseek_v3/deepseek_v3.hpp"'),
    ("models/costs.cpp", '#include "models/arch/deepseek_v3/deepseek_v3.hpp"'),
    ("tests/models/graph_test.cpp", '#include "models/arch/deepseek_v3/deepseek_v3.hpp"'),
    ("actors/core/gate_core.cpp", '#include "actors/caf.hpp"'),
    ("actors/core/gate_core.cpp", '#include "actors/messages/start.hpp"'),
    ("actors/core/agent_core.cpp", "#include <sys/types.h>"),
    ("actors/core/job_core.cpp", "#include <fstream>"),
    ("actors/core/job_core.cpp", "#include <filesystem>"),
    ("actors/core/job_core.cpp", '#include "runtime/state/checkpoint/checkpoint.hpp"'),
    ("runtime/device/strand.cpp", '#include "runtime/backend/cpu/functions.hpp"'),
    ("dsrun/run/run_preflight.cpp", '#include "runtime/backend/cpu/products/gemm.hpp"'),
    ("tests/invariants/memory_test.cpp", '#include "runtime/backend/cpu/products/gemm.hpp"'),
    ("dsl/job.cpp", '#include "models/graph.hpp"'),
    ("runtime/memory/tensor.hpp", '#  include "actors/device.hpp"'),
    ("runtime/schedule/checker.cpp", '#include "runtime/memory/tensor.hpp"'),
    ("runtime/schedule/checker.cpp", '#include "dsl/job.hpp"'),
    ("runtime/schedule/checker.cpp", "#include <fmt/format.h>"),
    ("runtime/schedule/checker.cpp", "#include <unistd.h>"),
    ("dsl/keys/keys.hpp", "#include <toml++/toml.h>"),
    ("cluster/plan.cpp", "#include <dnnl.hpp>"),
    ("models/graph.cpp", "#include <cuda_runtime.h>"),
    ("runtime/device/device_core.cpp", "#include <ucp/api/ucp.h>"),
    ("tests/transport/worker_test.cpp", "#include <ucp/api/ucp.h>"),
    ("actors/device.cpp", "#include <caf/all.hpp>"),
    ("tests/actors/job_test.cpp", "#include <caf/all.hpp>"),
    ("dsrun/main.cpp", '#include "actors/caf.hpp"'),
    ("actors/device.cpp", "#include <boost/asio.hpp>"),
    ("runtime/text.cpp", "#include <CLI/CLI.hpp>"),
    ("dsrun/verbs/verb_run.cpp", "#include <CLI/CLI.hpp>"),
    ("dsrun/run/training_run.cpp", "#include <CLI/CLI.hpp>"),
    ("dsrun/run/training_run.cpp", '#include "dsrun/verbs/verbs.hpp"'),
    ("dsrun/run/feed/run_feed.cpp", '#include "dsrun/run/training_run.hpp"'),
    ("runtime/text.cpp", "#include <gtest/gtest.h>"),
    ("runtime/text.cpp", "#include <Eigen/Dense>"),
    ("runtime/text.cpp", '#include "tests/support.hpp"'),
    ("runtime/text.cpp", "#include <dsl/job.hpp>"),
    ("tests/dsl/keys_test.cpp", '#include "models/graph.hpp"'),
    ("cluster/traffic/link.hpp", '#include "cluster/report/chart/page.hpp"'),
    ("runtime/memory/tensor.hpp", '#include "runtime/device/protocol.hpp"'),
    ("runtime/transport/wire/envelope.cpp", '#include "runtime/transport/ucx/ucx_worker.hpp"'),
    ("models/graph.cpp", '#include "models/new_room/graph.hpp"'),
    ("models/new_room/graph.cpp", '#include "models/graph.hpp"'),
]


def self_test():
    wrong = [f"refused, though right: {path}: {line}" for path, line in GOOD if fault(path, line, lambda _: True)]
    wrong += [f"let through, though bad: {path}: {line}" for path, line in BAD if not fault(path, line, lambda _: True)]
    if not fault("dsl/keys/keys.cpp", '#include "job.hpp"', lambda _: False):
        wrong.append("let through: a path that is not from the root")
    rooms = {"dsl": "text", "dsl/text": ""}
    if table_faults(rooms, rooms):
        wrong.append("refused, though right: a table that says what the includes draw")
    for table in ({"dsl": "text"}, rooms | {"dsl/gone": ""}, rooms | {"dsl/text": "."}):
        if len(table_faults(rooms, table)) != 1:
            wrong.append(f"not refused once: ROOMS = {table} where the includes draw {rooms}")
    return wrong


ROOT = pathlib.Path(__file__).resolve().parent.parent

if __name__ == "__main__":
    if "--rooms" in sys.argv[1:]:
        print("\n".join(f'    "{room}": "{names}",' for room, names in rooms_of(ROOT).items()))
        sys.exit(0)
    problems = self_test() if "--self-test" in sys.argv[1:] else check(ROOT)
    print("\n".join(problems) if problems else "includes: nothing to refuse")
    sys.exit(1 if problems else 0)
