#!/usr/bin/env bash
# oneDNN: a matmul whose sizes are told at each call allocates at each call, though the user provides the scratchpad.
#
# Version: oneDNN 2.6 (Debian 12: libdnnl2, libdnnl-dev).
# Behaviour: scratchpad_mode::user promises that the library takes its scratch from the memory that a call hands over. A
# matmul of fixed sizes does so. One of DNNL_RUNTIME_DIM_VAL asks for a scratchpad of 0 bytes, and calls posix_memalign
# and free every time it runs.
# What follows: such scratch is in nobody's memory plan, and where it lies is up to malloc. At the end of one of glibc's
# thread heaps (64 MiB) each call maps a heap and unmaps it: up to a tenth of a training step, by luck of the start. dsrun
# lets its process keep freed memory (runtime/memory/memory_source.hpp, keep_freed_memory).
#
# Seen on 2026-12-01, one thread, 512 × 512 × 512 in fp32, two calls after a first one:
#     fixed sizes: scratchpad asked for: yes, allocations in two calls: 0
#     sizes at run time: scratchpad asked for: no, allocations in two calls: 2
cd "$(dirname "${BASH_SOURCE[0]}")" && exec python3 - <<'PYTHON'
import os

import sandbox

PROGRAM = r"""
#include <cstdio>
#include <dlfcn.h>
#include <dnnl.hpp>
#include <vector>

static int calls = 0;
extern "C" int posix_memalign(void** out, size_t alignment, size_t size) noexcept {
  static const auto real = reinterpret_cast<int (*)(void**, size_t, size_t)>(dlsym(RTLD_NEXT, "posix_memalign"));
  ++calls;
  return real(out, alignment, size);
}

using Memory = dnnl::memory;

int main() {
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  dnnl::stream stream(engine);
  const Memory::dim n = 512;
  std::vector<float> a(n * n), b(n * n), c(n * n);
  const Memory::desc matrix({n, n}, Memory::data_type::f32, Memory::dims{n, 1});
  for (const Memory::dim told : {n, static_cast<Memory::dim>(DNNL_RUNTIME_DIM_VAL)}) {
    const Memory::desc each({told, told}, Memory::data_type::f32, Memory::dims{told, 1});
    dnnl::primitive_attr attributes;
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    const dnnl::matmul::primitive_desc described(dnnl::matmul::desc(each, each, each), attributes, engine);
    const dnnl::matmul product(described);
    const Memory scratchpad(described.scratchpad_desc(), engine);
    const Memory in(matrix, engine, a.data()), weights(matrix, engine, b.data()), out(matrix, engine, c.data());
    for (int call = 0; call < 3; ++call) {
      if (call == 1) calls = 0;
      product.execute(stream, {{DNNL_ARG_SRC, in}, {DNNL_ARG_WEIGHTS, weights}, {DNNL_ARG_DST, out},
                               {DNNL_ARG_SCRATCHPAD, scratchpad}});
      stream.wait();
    }
    std::printf("%s %d\n", described.scratchpad_desc().get_size() > 0 ? "yes" : "no", calls);
  }
}
"""

with sandbox.folder() as there:
    headers = sandbox.debian(there, "libdnnl-dev", "2.6") / "usr"
    library = sandbox.debian(there, "libdnnl2", "2.6") / "usr/lib/x86_64-linux-gnu"
    (there / "program.cpp").write_text(PROGRAM)
    code, words = sandbox.output("g++", "-std=c++17", "-I", headers / "include", there / "program.cpp", "-o",
                                 there / "program", library / "libdnnl.so.2", "-ldl")
    if code:
        sandbox.give_up(words)
    code, words = sandbox.output(there / "program",
                                 env={**os.environ, "OMP_NUM_THREADS": "1", "LD_LIBRARY_PATH": str(library)})
    if code:
        sandbox.give_up(words)
    fixed, at_run = words.splitlines()
    said = "scratchpad asked for: {}, allocations in two calls: {}"
    sandbox.expect("fixed sizes", said.format(*fixed.split()), said.format("yes", 0))
    sandbox.expect("sizes at run time", said.format(*at_run.split()), said.format("no", 2))
sandbox.end()
PYTHON
