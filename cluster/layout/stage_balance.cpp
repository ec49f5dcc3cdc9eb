#include "cluster/layout/stage_balance.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstddef>
#include <limits>
#include <map>

#include "cluster/forecast/devices/device_catalog.hpp"
#include "cluster/plan.hpp"
#include "dsl/job_schedule.hpp"
#include "models/step_work.hpp"

namespace dsrun {
namespace {

constexpr double rounding = 1 + 1e-12;  // sums of the same costs in another order are no dearer

constexpr double infinite = std::numeric_limits<double>::infinity();

// Cuts a row of costs into pieces so that the pieces' penalties, joined, are least.
class Cuts {
 public:
  explicit Cuts(const std::vector<double>& costs) : sums_(costs.size() + 1, 0) {
    for (std::size_t i = 0; i < costs.size(); ++i) sums_[i + 1] = sums_[i] + costs[i];
  }

  // penalty(cost of a piece), join(penalty before, penalty of a piece): monotone in both. Returns the pieces' sizes.
  template <class Penalty, class Join>
  std::vector<int> least(int num_pieces, Penalty penalty, Join join) const {
    const std::size_t n = sums_.size() - 1, pieces = static_cast<std::size_t>(num_pieces);
    std::vector<double> before(n + 1, infinite);  // by number of costs taken
    before[0] = 0;
    std::vector<std::vector<std::size_t>> cut(pieces, std::vector<std::size_t>(n + 1, 0));
    for (std::size_t piece = 0; piece < pieces; ++piece) {
      std::vector<double> now(n + 1, infinite);
      for (std::size_t end = piece + 1; end <= n - (pieces - 1 - piece); ++end)
        for (std::size_t begin = end; begin-- > piece;) {  // from the shortest piece: cost rises
          const double own = penalty(sums_[end] - sums_[begin]);
          if (own == infinite) break;
          const double joined = join(before[begin], own);
          if (joined >= now[end]) continue;
          now[end] = joined;
          cut[piece][end] = begin;
        }
      before = std::move(now);
    }
    std::vector<int> sizes(pieces);
    for (std::size_t piece = pieces, end = n; piece-- > 0; end = cut[piece][end])
      sizes[piece] = static_cast<int>(end - cut[piece][end]);
    return sizes;
  }

  double dearest(const std::vector<int>& sizes) const {
    double most = 0;
    std::size_t begin = 0;
    for (const int size : sizes) {
      const std::size_t end = begin + static_cast<std::size_t>(size);
      most = std::max(most, sums_[end] - sums_[begin]);
      begin = end;
    }
    return most;
  }

 private:
  std::vector<double> sums_;  // of the first i costs
};

}  // namespace

namespace {

class LayerCosts {
 public:
  explicit LayerCosts(const Job& job)
      : job_(job), graph_(build_graph(job.model)), device_(catalog_model(job.cluster.nodes[0].kind).value()) {
    const auto pieces = static_cast<double>(job.parallel.data) * job.batch.microbatches;
    shape_.tokens = static_cast<double>(job.batch.sequences) / pieces * job.batch.length;
    shape_.routed_rows = shape_.sent_rows = shape_.received_rows = shape_.tokens * job.model.experts_per_token;
    shape_.length = job.batch.length;
    shape_.local_experts = static_cast<double>(job.model.experts) / job.parallel.expert;
    shape_.compute = job.precision.compute;
  }

  // Layers of a kind cost the same: only the first and the last have more to them.
  std::vector<double> all() const {
    const int last = job_.model.layers - 1;
    std::map<bool, double> inner;  // by whether it is dense
    std::vector<double> costs;
    for (int layer = 0; layer <= last; ++layer) {
      const bool is_dense = layer < job_.model.dense_layers;
      if (layer == 0 || layer == last) {
        costs.push_back(cost(layer));
        continue;
      }
      const auto [found, is_new] = inner.try_emplace(is_dense);
      if (is_new) found->second = cost(layer);
      costs.push_back(found->second);
    }
    return costs;
  }

 private:
  double cost(int layer) const {
    const bool is_last = layer == job_.model.layers - 1;
    const StageSteps steps = derive_steps(slice_graph(graph_, layer, layer + 1 + (is_last ? job_.model.mtp_depth : 0)),
                                          job_.memory.recompute);
    double seconds = 0;
    for (const StepList* list : {&steps.forward, &steps.backward})
      for (const OpStep& step : *list)
        seconds += step_seconds(device_, step_work(steps, step, shape_), job_.precision.products == Products::fp8);
    return seconds;
  }

  const Job& job_;
  Graph graph_;
  DeviceModel device_;
  MicrobatchShape shape_;
};

}  // namespace

std::vector<double> layer_costs(const Job& job) { return LayerCosts(job).all(); }

std::vector<int> balance_stages(const std::vector<double>& costs, int num_stages) {
  assert(num_stages >= 1 && costs.size() >= static_cast<std::size_t>(num_stages));
  const Cuts cuts(costs);
  const auto same = [](double cost) { return cost; };
  const auto larger = [](double a, double b) { return std::max(a, b); };
  const double most = cuts.dearest(cuts.least(num_stages, same, larger)) * rounding;
  const auto square = [&](double cost) { return cost > most ? infinite : cost * cost; };
  return cuts.least(num_stages, square, [](double a, double b) { return a + b; });
}

namespace {

// What a cut makes of ranks and stages; less is better, the first first.
using CutScore = std::array<double, 3>;  // busiest rank, dearest stage, sum of ranks' squares

CutScore score_of(const std::vector<double>& sums, const std::vector<int>& sizes, const Program& program) {
  std::vector<double> stages;
  std::size_t begin = 0;
  for (const int size : sizes) {
    stages.push_back(sums[begin + static_cast<std::size_t>(size)] - sums[begin]);
    begin += static_cast<std::size_t>(size);
  }
  CutScore score{0, *std::max_element(stages.begin(), stages.end()), 0};
  for (const RankProgram& rank : program.ranks) {
    double sum = 0;
    for (const Chunk& chunk : rank.chunks) sum += stages[static_cast<std::size_t>(chunk.stage)];
    score[0] = std::max(score[0], sum);
    score[2] += sum * sum;
  }
  return score;
}

bool clearly_less(const CutScore& a, const CutScore& b) {
  for (std::size_t i = 0; i < a.size(); ++i)
    if (a[i] * rounding < b[i] || b[i] * rounding < a[i]) return a[i] < b[i];
  return false;
}

}  // namespace

std::vector<int> balance_ranks(const std::vector<double>& costs, std::vector<int> sizes, const Program& program) {
  std::vector<double> sums(costs.size() + 1, 0);
  for (std::size_t i = 0; i < costs.size(); ++i) sums[i + 1] = sums[i] + costs[i];
  CutScore best = score_of(sums, sizes, program);
  for (bool moved = true; moved;) {
    moved = false;
    // Moving every boundary between two stages by a layer takes one from the first and gives it to the second.
    for (std::size_t from = 0; from < sizes.size(); ++from)
      for (std::size_t to = 0; to < sizes.size(); ++to) {
        if (from == to || sizes[from] < 2) continue;
        std::vector<int> other = sizes;
        --other[from];
        ++other[to];
        const CutScore score = score_of(sums, other, program);
        if (!clearly_less(score, best)) continue;
        best = score;
        sizes = std::move(other);
        moved = true;
      }
  }
  return sizes;
}

Job with_stages(Job job) {
  if (!job.parallel.layers_per_stage.empty()) return job;
  const std::vector<double> costs = layer_costs(job);
  const std::vector<int> by_stage = balance_stages(costs, num_stages(job.parallel));
  job.parallel.layers_per_stage = balance_ranks(costs, by_stage, build_program(job.parallel, job.batch.microbatches));
  return job;
}

}  // namespace dsrun
