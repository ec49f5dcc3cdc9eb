// Mesh: ranks form a grid of pipeline × data. An expert group is a part of the data ranks of one pipeline index.
#pragma once

#include <vector>

#include "dsl/specs/parallel.hpp"

namespace dsrun {

struct Mesh {
  int pipeline = 1;
  int data = 1;
  int expert = 1;

  explicit Mesh(const ParallelSpec& parallel)
      : pipeline(parallel.pipeline), data(parallel.data), expert(parallel.expert) {}

  int size() const { return pipeline * data; }
  int rank(int pipeline_index, int data_index) const { return pipeline_index * data + data_index; }
  int pipeline_index(int rank) const { return rank / data; }
  int data_index(int rank) const { return rank % data; }
  int expert_index(int rank) const { return data_index(rank) % expert; }
  // The rank of member `index` in the expert group of `rank`.
  int expert_member(int rank, int index) const { return rank - expert_index(rank) + index; }
};

}  // namespace dsrun
