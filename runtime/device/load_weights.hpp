// Initial weights from a model in safetensors form instead of random ones: every device reads the ranges that it holds.
#pragma once

#include <vector>

#include "models/hugging_face.hpp"
#include "runtime/device/parameter_store.hpp"
#include "runtime/safetensors/model.hpp"

namespace dsrun {

// Fills weights, and the masters of the owned shards where the store trains. Each value goes through fp32. Throws
// SafetensorsError naming file and tensor where one is missing, of another shape or of a type that weights cannot have.
void load_weights(const SafetensorsModel& files, const HuggingFaceTable& table, ParameterStore& store);

// The router's biases, [MoE layer][expert].
std::vector<std::vector<float>> load_biases(const SafetensorsModel& files, const HuggingFaceTable& table,
                                            const ModelSpec& model);

}  // namespace dsrun
