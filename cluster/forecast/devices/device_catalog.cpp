#include "cluster/forecast/devices/device_catalog.hpp"

#include <algorithm>
#include <array>

#include "dsl/device_kind.hpp"

namespace dsrun {
namespace {

struct Row {
  RateClass of;
  double share;
  std::string_view source;
};

// Products: TFLOPS over 1979 or 989 of dense products at M = 4096 on all 132 SMs, the mean over DeepSeek-V3's shapes
// weighted by their FLOPs. The first published version of each library is taken, as the nearest to what was there to
// train with.
constexpr std::string_view deep_gemm =
    "DeepGEMM README of February 2025, H800: dense 590 to 1358 TFLOPS by shape, here 1131 over V3's six";
constexpr std::array hopper = {
    Row{RateClass::product, 0.72, "vLLM pull request 23280, H100, torch: 716 TFLOPS for 2112 x 7168 at M = 4096"},
    Row{RateClass::product_fp8, 0.572, deep_gemm},
    Row{RateClass::weight_product_fp8, 0.475, "DeepGEMM pull request 95: 878 to 994 TFLOPS at K = 4096"},
    Row{RateClass::grouped_product, 0.67,
        "TileOPs pull request 1567, H200 (the same peak): DeepGEMM in BF16 657 to 670 TFLOPS, 256 groups, K = 6144"},
    Row{RateClass::grouped_product_fp8, 0.618,
        "DeepGEMM README of February 2025, H800: 4 groups of 8192 rows, 1297 and 1099 TFLOPS"},
    Row{RateClass::grouped_weight_product_fp8, 0.468,
        "DeepGEMM pull request 95: 939 and 900 TFLOPS, 4 groups, K = 4096 on average"},
    Row{RateClass::attention_forward, 0.585,
        "FlashAttention-3 (arXiv 2407.08608), H100, head 128, causal, 4 K: 579 TFLOPS; none is published for 192/128"},
    Row{RateClass::attention_backward, 0.50,
        "FlashAttention-3, H100, head 128, 4 K: 542 TFLOPS without mask, scaled as forward's 579/638 for the causal "
        "one"},
    Row{RateClass::rows, 0.85,
        "QuACK's memory-bound kernels on H100: 3.01 TB/s of 3.35, norms and element-wise ones somewhat less"},
};

DeviceModel hopper_model(std::string_view name, std::string_view source) {
  DeviceModel model;
  model.name = name;
  model.source = source;
  model.peak_flops = 989e12;
  model.peak_flops_fp8 = 1979e12;
  model.memory_bytes_per_sec = 3.35e12;
  model.memory_bytes = 80e9;
  for (const Row& row : hopper) model.efficiency(row.of) = {row.share, std::string(row.source)};
  model.communication_share = 20.0 / 132;  // DeepSeek-V3's report, section 3.2.2; DeepEP's default
  model.op_overhead_secs = 2e-6;           // between kernels of one stream
  model.instruction_overhead_secs = 10e-6;
  model.step_overhead_secs = 1e-3;  // two rounds of small messages over some thousand ranks
  model.local = {450e9, 3.3e-6};  // arXiv 2505.09343, table 5: 64 bytes over NVLink, and over InfiniBand between leaves
  model.network = {50e9, 3.7e-6};
  model.efficiency(RateClass::local_port) = {0.80, "nccl-tests on eight H100 and H200: 360 of 450 GB/s"};
  model.efficiency(RateClass::network_port) = {
      0.80, "DeepEP README of February 2025, EP64: 46 GB/s of rows, 7/8 of them over the network: 40 of 50 GB/s"};
  return model;
}

DeviceModel h800() {
  DeviceModel model = hopper_model("h800", "published: peaks of the data sheet, efficiencies each with its source");
  model.local.bytes_per_sec = 160e9;  // arXiv 2412.19437, section 3.2
  model.efficiency(RateClass::local_port) = {0.956, "DeepEP README, EP8: 153 GB/s of 160"};
  return model;
}

DeviceModel h200() {
  DeviceModel model = hopper_model("h200", "published: as h100, with the data sheet's memory");
  model.memory_bytes_per_sec = 4.8e12;
  model.memory_bytes = 141e9;
  return model;
}

DeviceModel cpu() {
  DeviceModel model;
  model.name = cpu_kind;
  model.source = "a guess, as nothing was measured: dsrun calibrate measures this machine";
  model.peak_flops = model.peak_flops_fp8 = 100e9;
  model.memory_bytes_per_sec = 8e9;
  for (Efficiency& each : model.efficiencies) each = {0.5, "guess"};
  model.efficiency(RateClass::local_port) = {1, "messages between threads hand over a buffer"};
  model.op_overhead_secs = 2e-6;
  model.local = {0, 30e-6};
  model.network = {1.25e9, 100e-6};
  return model;
}

}  // namespace

std::optional<DeviceModel> catalog_model(std::string_view kind) {
  if (kind == cpu_kind) return cpu();
  if (kind == "h800") return h800();
  if (kind == "h100")
    return hopper_model("h100", "published: peaks of the data sheet, efficiencies each with its source");
  if (kind == "h200") return h200();
  return std::nullopt;
}

DeviceModel with_links(DeviceModel model, const ClusterSpec& cluster) {
  const NodeSpec& node = cluster.nodes[0];
  if (node.local_gb_per_s > 0) model.local.bytes_per_sec = node.local_gb_per_s * 1e9;
  if (node.network_gb_per_s > 0) model.network.bytes_per_sec = node.network_gb_per_s * 1e9;
  model.local.bytes_per_sec *= model.share(RateClass::local_port);
  model.network.bytes_per_sec *= model.share(RateClass::network_port);
  // Nodes that one machine stands for are reached as its own devices are.
  const bool one_process = std::all_of(cluster.nodes.begin(), cluster.nodes.end(),
                                       [](const NodeSpec& each) { return each.host == "localhost" && is_cpu(each); });
  if (one_process && node.network_gb_per_s == 0) model.network = model.local;
  if (cluster.link.emulated()) {  // the transport enforces it, on top of what a message takes in the process
    const Port in_process = model.local;
    const auto emulate = [&](Port& port, const LinkSpec& link) {
      port.bytes_per_sec = link.gb_per_s * 1e9;
      port.latency_secs = in_process.latency_secs + link.latency_us * 1e-6;
    };
    emulate(model.local, cluster.link);
    emulate(model.network, cluster.link.between_nodes());
  }
  return model;
}

}  // namespace dsrun
