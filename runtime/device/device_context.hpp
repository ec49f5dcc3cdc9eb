// DeviceContext: what all parts of one device share: the plan, its rank, memory, products, parameters and counters.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "cluster/layout/expert_routes.hpp"
#include "cluster/membership.hpp"
#include "cluster/plan.hpp"
#include "runtime/backend/backend.hpp"
#include "runtime/data/loader.hpp"
#include "runtime/device/message.hpp"
#include "runtime/device/meter/clock.hpp"
#include "runtime/device/parameters/parameter_store.hpp"
#include "runtime/device/protocol.hpp"
#include "runtime/memory/memory.hpp"
#include "runtime/memory/workspace.hpp"

namespace dsrun {

// Called with the head's operands, hidden_TD and head_WD, before each forward of head_loss. `depth`: of the prediction
// module; 0: the main model.
using HeadObserver = std::function<void(int depth, const TensorView& hidden, const TensorView& head)>;

// Called with the token of the largest logit at each position, after each forward of head_loss.
using PredictionObserver =
    std::function<void(int depth, const SequenceBatch& batch, std::span<const std::int32_t> likeliest)>;

// Called with indices_TK, the experts that a microbatch's tokens chose in a layer of the model, once per forward pass.
using RoutingObserver = std::function<void(int layer, const TensorView& indices)>;

struct DeviceContext {
  DeviceContext(std::shared_ptr<const Plan> plan, int rank, std::shared_ptr<const BatchLoader> loader, DeviceUse use,
                const Clock& clock, Reach reach, const Backend& backend);

  std::shared_ptr<const Plan> plan;
  int rank;
  std::uint32_t generation = first_generation;  // in the tags of what this device sends and takes
  std::shared_ptr<const BatchLoader> loader;
  const Clock& clock;
  const Backend& backend;
  std::shared_ptr<MemoryPool> pool;
  Workspace workspace;
  std::unique_ptr<Gemm> gemm;
  ParameterStore parameters;
  ExpertRoutes routes;

  RoundOrder round;    // the round that is running
  RoundResult result;  // the round's, so far
  SentTraffic sent;    // in the round, so far
  std::vector<Outgoing> outbox;
  std::vector<std::vector<bool>> saved;  // [stage][value]: kept for backward
  HeadObserver on_head;                  // may be empty
  PredictionObserver on_predictions;     // may be empty
  RoutingObserver on_routing;            // may be empty

  // Index of a stage's MoE layer among the model's MoE layers.
  int model_moe(int stage, int moe) const;
  Tag tag(Traffic traffic, int stage) const;
  Way way_to(int destination) const {
    return plan->placement.same_node(rank, destination) ? Way::inside_node : Way::between_nodes;
  }
  // Also sends to this rank itself: every message goes through the inbox.
  void send(int destination, const Tag& tag, Buffer payload);

  // [MoE layer of the model][expert]
  const std::vector<std::vector<float>>& biases() const { return biases_; }
  // Throws InternalError unless each MoE layer of the model has a bias for each expert.
  void set_biases(std::vector<std::vector<float>> biases);

 private:
  std::vector<std::vector<float>> biases_;
};

}  // namespace dsrun
