// Backend: all that a device asks of the hardware that it runs on, as one table of functions.
//
// Everything under runtime/device goes through the table of its DeviceContext; what stands behind it no other folder
// includes (tests/check_includes.py). A kind of device is a folder here with one function that returns its table, and a
// row in backend.cpp. See docs/decisions/0014-a-backend-is-a-table-of-functions.md.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dsl/specs/precision.hpp"
#include "runtime/backend/adamw.hpp"
#include "runtime/backend/initial_values.hpp"
#include "runtime/backend/kernel.hpp"
#include "runtime/backend/needs.hpp"
#include "runtime/backend/rows.hpp"
#include "runtime/memory/memory_source.hpp"

namespace dsrun {

struct Backend {
  std::string_view kind;  // as cluster.node.kind names it
  MemorySource memory;    // of the device; every view that a function takes lies there, but where it says otherwise

  // Whether devices here have fast products in this precision.
  bool (*computes_in)(Precision precision);

  void (*copy)(void* to, const void* from, std::size_t num_bytes);  // both lie in the device's memory
  void (*clear)(void* data, std::size_t num_bytes);                 // sets every byte to 0
  // The same elements where the host can read them: `view` itself, or a copy in `room`, which then has to outlive it.
  TensorView (*fetch)(const TensorView& view, std::vector<char>& room);

  KernelTable kernels;
  RowFunctions rows;
  OptimizerFunctions optimizer;
  InitialValues initial;

  std::unique_ptr<Gemm> (*make_gemm)(Workspace& workspace, int num_threads);
  // Adds what one call of `op` needs besides its operands.
  void (*add_needs)(Op op, const CallShape& shape, CallNeeds& needs);
};

// The backend for devices of a kind; null: this program has none, it can only plan for them.
const Backend* find_backend(std::string_view kind);
std::string backend_kinds();  // that this program has: "\"cpu\""
// Throws std::runtime_error, which names the kinds that there are.
const Backend& backend_for(std::string_view kind);

}  // namespace dsrun
