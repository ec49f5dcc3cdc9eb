// Uses a model in Hugging Face's form (a folder with config.json and safetensors files) as initial state. Every device
// reads the ranges that it holds.
#pragma once

#include <string>
#include <vector>

#include "models/arch/hugging_face.hpp"
#include "runtime/device/parameters/parameter_store.hpp"
#include "runtime/state/safetensors/model.hpp"

namespace dsrun {

struct Pretrained {
  std::string folder;
  HuggingFaceConfig config;
  SafetensorsModel files;
  HuggingFaceTable table;
  std::vector<std::string> notes;  // for people: the parts of the folder that have no effect
};

// Reads config.json and the headers of all files, and checks that each tensor of the model is there and has its shape.
// `accept` names unknown keys of the config that may be ignored. Throws StorageError, which names the file and its
// fault. A prediction module's own copies of the embedding and the head are not read, and may be missing. Tensors that
// no parameter takes are left out.
Pretrained open_pretrained(const std::string& folder, const std::vector<std::string>& accept = {});

// The folder's config.json, without faults. Throws StorageError with all of them.
HuggingFaceConfigResult read_pretrained_config(const std::string& folder, const std::vector<std::string>& accept);

// A text such as "model.hidden is 64 there and 128 here" for each size in which a job's model differs from that of a
// config; empty: none differs.
std::vector<std::string> differences(const ModelSpec& there, const ModelSpec& here);

// Fills weights, and the masters of the owned shards where the store trains. Each value goes through fp32. Prediction
// modules that only the job's model has keep their initial values; those that only the files have are left out. Throws
// SafetensorsError if a tensor has a type that weights cannot have.
void load_weights(const Pretrained& pretrained, ParameterStore& store);

// The router's biases for a job with this model, [MoE layer][expert].
std::vector<std::vector<float>> load_biases(const Pretrained& pretrained, const ModelSpec& model);

}  // namespace dsrun
