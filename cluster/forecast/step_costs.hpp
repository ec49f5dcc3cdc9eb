// StepCosts: every step list of a Plan with seconds and bytes instead of tensors, once for all microbatches.
#pragma once

#include <vector>

#include "cluster/forecast/devices/device_model.hpp"
#include "cluster/plan.hpp"
#include "cluster/traffic/expert_traffic.hpp"

namespace dsrun {

// One step as the replay runs it. A start sends `local_bytes` and `network_bytes` through the rank's ports; its finish
// waits for what the peers' starts sent. With two hops there is a relay between them: it waits for what the peers'
// starts sent on the first hop, and the finish waits for what their relays sent. The two or three steps of one transfer
// have the same `transfer`, a number for node and pass.
struct CostedStep {
  double seconds = 0;
  Part part = Part::whole;
  RateClass rate = RateClass::rows;  // what limits it
  int transfer = -1;
  double local_bytes = 0, network_bytes = 0;
  bool two_hop = false;             // there is a relay
  bool first_hop_is_local = false;  // of a start with a relay: whether its rows leave by the local port first
};
using CostedList = std::vector<CostedStep>;

struct CostedStage {
  CostedList forward, backward, backward_input, backward_weight;
  const CostedList& list(Kind kind) const;
};

// What a rank sends for one of its buckets when a step ends: the other copies' shards of gradients, then its own shard
// of weights to each of them.
struct CostedBucket {
  std::vector<int> ranks;
  double reduce_local = 0, reduce_network = 0;  // bytes sent before the sum
  double gather_local = 0, gather_network = 0;  // after the update
  double sum_seconds = 0, update_seconds = 0, copy_seconds = 0;
};

// Bytes that an owner of one shard of a bucket reads and writes in each part of the step's end.
SyncParts sync_bytes(const Plan& plan, const Bucket& bucket);

class StepCosts {
 public:
  StepCosts(const Plan& plan, const DeviceModel& model);

  // Costs of a stage for a rank with the links of `rank`; `overlapped`: within F&B, where transfers take a part of the
  // compute units.
  CostedStage stage(int stage, int rank, bool overlapped) const;
  std::vector<CostedBucket> buckets(int rank) const;
  MicrobatchShape shape(int rank) const;
  const Placement& placement() const { return plan_.placement; }

 private:
  CostedList costed(const StageSteps& stage, const StepList& list, const MicrobatchShape& shape,
                    const RowCopies& copies, double slowdown) const;

  const Plan& plan_;
  const DeviceModel& model_;
};

}  // namespace dsrun
