#!/usr/bin/env python3
"""Refuses includes that point the wrong way.

Layers: dsl -> models -> cluster -> runtime -> actors -> dsrun; a file includes its own layer and those left of it.
runtime/schedule is a leaf: anybody may include it, and it includes itself and the standard library alone.
Third-party headers stay behind fences (FENCES). tests/LAYER has the rights of LAYER, any other tests folder of all.

To admit a library, add a row to FENCES and a line to GOOD and BAD. Usage: check_includes.py [--self-test]
"""
import pathlib
import re
import sys

LAYERS = ["dsl", "models", "cluster", "runtime", "actors", "dsrun"]
SUFFIXES = {".cpp", ".hpp", ".cu", ".cuh"}
CAF_HEADERS = ["actors/caf.hpp", "actors/processes/net/caf_network.hpp"]
CAF_FOLDERS = ["actors", "tests/actors", "tests/end_to_end", "tests/sanitizers"]
KERNEL_FOLDERS = ["runtime", "tests/runtime", "tests/kernels", "tests/cuda", "tests/bench"]
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
    (r"CLI/|boost/", in_folders("dsrun", "tests/dsrun"), "CLI11 and Boost are for dsrun/"),
    (r"openssl/", in_folders("actors", "tests/actors", "tests/processes"), "OpenSSL is for actors/"),
    (r"gtest/|gmock/|benchmark/|sanitizer/", in_folders("tests"), "test libraries are for tests/"),
    (r"fmt/|nlohmann/", beyond_schedule, "runtime/schedule uses the standard library alone"),
    (r"[a-z_0-9]+$", lambda path: True, ""),  # the standard library: no folder, no suffix
    (r"(sys/|linux/|arpa/|net/|netinet/)?[a-z_0-9]+\.h$", beyond_schedule,
     "runtime/schedule uses the standard library alone"),
    (r"", lambda path: False, "unknown to FENCES in tests/check_includes.py"),
]


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


def project_fault(path, header):
    source, target = layer_of(path), layer_of(header)
    if header in CAF_HEADERS and not in_folders(*CAF_FOLDERS)(path):
        return f"{header} is for actors/: include what actors/ offers instead"
    if header.startswith("tests/"):
        return None if path.startswith("tests/") else "tests/ is for tests"
    if target == "schedule":
        return None
    if source == "schedule":
        return "runtime/schedule includes itself and the standard library alone"
    if LAYERS.index(target) > LAYERS.index(source):
        return f"{source} may not include {target}: includes go leftwards in {' -> '.join(LAYERS)}"
    return None


def fault(path, line, exists):
    """Why `line` of the file at `path` is refused, or None. `exists` tells whether the repository has a header."""
    match = INCLUDE.match(line)
    if not match:
        return None
    bracket, header = match.groups()
    if bracket == '"':
        if not exists(header):
            return f'"{header}" is not a path from the repository\'s root'
        return project_fault(path, header)
    if header.split("/")[0] in LAYERS:
        return f'write "{header}" in quotes'
    for pattern, allowed, reason in FENCES:
        if re.match(pattern, header):
            return None if allowed(path) else f"<{header}>: {reason}"
    raise AssertionError("the last fence matches everything")


def check(root):
    faults = []
    for folder in LAYERS + ["tests"]:
        for file in sorted((root / folder).rglob("*")):
            if file.suffix not in SUFFIXES:
                continue
            path = file.relative_to(root).as_posix()
            for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
                reason = fault(path, line, lambda header: (root / header).is_file())
                if reason:
                    faults.append(f"{path}:{number}: {reason}")
    return faults


GOOD = [
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
    ("dsrun/main.cpp", "#include <CLI/CLI.hpp>"),
    ("cluster/plan.cpp", "#include <fmt/format.h>"),
    ("runtime/text.cpp", "#include <sys/mman.h>"),
    ("actors/processes/net/own_address.cpp", "#include <net/if.h>"),
    ("dsl/job.hpp", '// #include "actors/device.hpp"'),
]
BAD = [
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
    ("runtime/text.cpp", "#include <gtest/gtest.h>"),
    ("runtime/text.cpp", "#include <Eigen/Dense>"),
    ("runtime/text.cpp", '#include "tests/support.hpp"'),
    ("runtime/text.cpp", "#include <dsl/job.hpp>"),
    ("tests/dsl/keys_test.cpp", '#include "models/graph.hpp"'),
]


def self_test():
    wrong = [f"refused, though right: {path}: {line}" for path, line in GOOD if fault(path, line, lambda _: True)]
    wrong += [f"let through, though bad: {path}: {line}" for path, line in BAD if not fault(path, line, lambda _: True)]
    if not fault("dsl/keys/keys.cpp", '#include "job.hpp"', lambda _: False):
        wrong.append("let through: a path that is not from the root")
    return wrong


if __name__ == "__main__":
    problems = self_test() if "--self-test" in sys.argv[1:] else check(pathlib.Path(__file__).resolve().parent.parent)
    print("\n".join(problems) if problems else "includes: nothing to refuse")
    sys.exit(1 if problems else 0)
