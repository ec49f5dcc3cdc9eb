// Backend: all that a device needs from its hardware, as one table of functions.
//
// All code under runtime/device uses the table of its DeviceContext; no other folder includes the code behind the table
// (tests/check_includes.py). A kind of device is a folder here with one function that returns its table, and a row in
// backend.cpp. See docs/decisions/0014-a-backend-is-a-table-of-functions.md.
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
#include "runtime/backend/kernel_table.hpp"
#include "runtime/backend/needs.hpp"
#include "runtime/backend/rows.hpp"
#include "runtime/memory/memory_source.hpp"

namespace dsrun {

struct Backend {
  std::string_view kind;  // as cluster.node.kind names it
  MemorySource memory;  // the device's memory; views that functions take lie there, unless their comment says otherwise

  // Whether devices here have fast products in this precision.
  bool (*computes_in)(Precision precision);

  void (*copy)(void* to, const void* from, std::size_t num_bytes);  // both lie in the device's memory
  void (*clear)(void* data, std::size_t num_bytes);                 // sets every byte to 0
  // Returns the elements where the host can read them: `view` itself, or a copy in `room`, which must outlive the
  // result.
  TensorView (*fetch)(const TensorView& view, std::vector<char>& room);

  KernelTable kernels;
  RowFunctions rows;
  OptimizerFunctions optimizer;
  InitialValues initial;

  std::unique_ptr<Gemm> (*make_gemm)(Workspace& workspace, int num_threads);
  // Adds what one call of `op` needs besides its operands.
  void (*add_needs)(Op op, const CallShape& shape, CallNeeds& needs);
};

// The backend for devices of a kind; null: this program has none and can only plan for them.
const Backend* find_backend(std::string_view kind);
std::string backend_kinds();  // that this program has: "\"cpu\""
// As find_backend(), but throws std::runtime_error, which names the existing kinds, if there is none.
const Backend& backend_for(std::string_view kind);

}  // namespace dsrun
