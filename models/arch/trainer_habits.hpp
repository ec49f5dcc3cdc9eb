// What the values of an imported model tell about the trainer that it comes from, where that trainer's numbers differ
// from ours (docs/coming-from.md).
#pragma once

#include <string>
#include <vector>

#include "dsl/specs/model.hpp"

namespace dsrun {

// `biases` of the routers, [MoE layer][expert], those of prediction modules last. Sentences for people; empty: nothing
// shows.
std::vector<std::string> trainer_habits(const ModelSpec& model, const std::vector<std::vector<float>>& biases);

}  // namespace dsrun
