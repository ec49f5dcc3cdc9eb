#include <fmt/format.h>

#include "models/arch/deepseek_v3/deepseek_v3.hpp"

namespace dsrun::deepseek_v3 {

std::vector<ModelFault> validate(const ModelSpec& model, const NameKey& name) {
  std::vector<ModelFault> faults;
  if (model.rope_dim % 2 != 0)
    faults.push_back({"rope_dim", fmt::format("{} is odd: columns rotate in pairs", model.rope_dim)});
  if (model.experts % model.expert_groups != 0) {
    faults.push_back({"expert_groups",
                      fmt::format("{} does not divide {} = {}", model.expert_groups, name("experts"), model.experts)});
    return faults;
  }
  if (model.moe_layers() > 0 && model.experts == model.expert_groups) {
    faults.push_back(
        {"expert_groups", fmt::format("{} groups of one expert: a group counts by its two best", model.expert_groups)});
    return faults;
  }
  if (model.groups_per_token > model.expert_groups) {
    faults.push_back({"groups_per_token", fmt::format("{} of {} groups", model.groups_per_token, model.expert_groups)});
    return faults;
  }
  const std::int64_t reachable = std::int64_t{model.experts} / model.expert_groups * model.groups_per_token;
  if (model.experts_per_token > reachable)
    faults.push_back({"experts_per_token", fmt::format("{}, but a token's groups hold only {} experts",
                                                       model.experts_per_token, reachable)});
  return faults;
}

}  // namespace dsrun::deepseek_v3
