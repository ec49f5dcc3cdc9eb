// Job: one immutable, fully validated description of a run. No later code derives a setting or gives it a default.
//
// dsl/parse.hpp makes it from a TOML file and `--set` overrides. Each table of the file is a struct of dsl/specs/. Each
// member has exactly one row in dsl/keys/tables/ (unit, range, default, what a change means, help).
#pragma once

#include <string>

#include "dsl/specs/balance.hpp"
#include "dsl/specs/batch.hpp"
#include "dsl/specs/cluster.hpp"
#include "dsl/specs/data.hpp"
#include "dsl/specs/memory.hpp"
#include "dsl/specs/model.hpp"
#include "dsl/specs/optimizer.hpp"
#include "dsl/specs/parallel.hpp"
#include "dsl/specs/precision.hpp"
#include "dsl/specs/run.hpp"

namespace dsrun {

struct Job {
  RunSpec run;
  ModelSpec model;
  ParallelSpec parallel;
  BatchSpec batch;
  DataSpec data;
  OptimizerSpec optimizer;
  BalanceSpec balance;
  MemorySpec memory;
  PrecisionSpec precision;
  ClusterSpec cluster;
  std::string folder;  // folder of the job file; relative globs start here

  int world_size() const { return parallel.pipeline * parallel.data; }
  bool operator==(const Job&) const = default;
};

}  // namespace dsrun
