// ExpectedMessages: which messages a rank may get and how long each of them is, as its plan says.
//
// Every message is compared with this before anything reads it. The length of an exchange's rows depends on routing:
// here it has bounds, and the step that reads the rows compares it with the counts
// (runtime/device/exchange/exchange_step.hpp).
#pragma once

#include <set>
#include <string>
#include <tuple>

#include "cluster/layout/expert_routes.hpp"
#include "cluster/plan.hpp"
#include "runtime/device/inbox/message_error.hpp"

namespace dsrun {

class ExpectedMessages {
 public:
  // `plan` and `routes` must outlive this object; `routes` are those of `rank`.
  ExpectedMessages(const Plan& plan, int rank, const ExpertRoutes& routes);

  // The length of the message with this tag. Throws MessageError if the rank never gets such a message.
  ByteRange bytes(const Tag& tag) const;
  // Throws MessageError if the rank never gets such a message, or one of another length.
  void check(const Tag& tag, std::int64_t num_bytes) const;

  int rank() const { return rank_; }
  [[noreturn]] void refuse(const Tag& tag, const std::string& fault) const;

 private:
  ByteRange bytes_between_stages(const Tag& tag) const;
  ByteRange bytes_of_exchange(const Tag& tag) const;
  ByteRange bytes_of_shard(const Tag& tag) const;
  void check_microbatch(const Tag& tag) const;
  // How many members' rows a message of an exchange holds.
  std::int64_t num_origins(const Tag& tag, bool to_experts) const;

  const Plan& plan_;
  int rank_;
  const ExpertRoutes& routes_;
  std::set<std::tuple<int, int, Pass>> transfers_;  // (stage, node, pass) of every transfer that this rank finishes
};

}  // namespace dsrun
