// Every message is compared with its receiver's plan before it is used. One of a wrong length, with a tag that the plan
// does not know or with counts that contradict it, is refused by name.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <optional>

#include "runtime/device/inbox/message_error.hpp"
#include "tests/support/fake_cluster.hpp"
#include "tests/support/meshes.hpp"

namespace dsrun::test {
namespace {

using testing::HasSubstr;

// Two stages of four ranks on two nodes each: rows go straight inside a node, and take two hops between nodes.
Job job_with_every_message() {
  auto overrides = on_nodes_of_two(mesh_case("1f1b", 2, 4, 4, 4), 4).overrides;
  overrides.insert(overrides.end(), {"job.steps=1", "memory.recompute=full"});
  return small_job(overrides);
}

using Alter = std::function<void(FakeCluster&, int destination, TensorMessage&)>;
using Chosen = std::function<bool(const Plan&, const TensorMessage&)>;

// Runs a step in which the first chosen message is altered on its way; returns what the receiver throws.
std::optional<MessageError> run_altered(const Chosen& chosen, const Alter& alter, std::int64_t delay_ns = 0) {
  bool altered = false;
  FakeCluster* running = nullptr;
  FakeClusterOptions options;
  options.fixed_delay_ns = delay_ns;
  options.on_message = [&](int destination, TensorMessage& message) {
    if (altered || !chosen(running->plan(), message)) return;
    altered = true;
    alter(*running, destination, message);
  };
  FakeCluster cluster(job_with_every_message(), small_corpus(), options);
  running = &cluster;
  try {
    cluster.run();
  } catch (const MessageError& error) {
    return error;
  }
  EXPECT_TRUE(altered) << "no message was chosen";
  return std::nullopt;
}

// A message of `num_bytes`, with as much of the old one as fits and zeros behind.
void resize(TensorMessage& message, std::size_t num_bytes) {
  Buffer resized = MemoryPool::make()->allocate(num_bytes, MemoryClass::messages);
  std::memset(resized.data(), 0, num_bytes);
  std::memcpy(resized.data(), message.payload.data(), std::min(num_bytes, message.payload.size()));
  message.payload = resized;
}

struct MessageKind {
  std::string name;
  Traffic traffic;
  Op op = Op::embed;  // of an exchange
  Pass pass = Pass::forward;
  Hop hop = Hop::direct;

  bool is(const Plan& plan, const TensorMessage& message) const {
    const Tag& tag = message.tag;
    if (tag.traffic != traffic || message.payload.size() == 0) return false;
    const auto stage = static_cast<std::size_t>(tag.stage), node = static_cast<std::size_t>(tag.node);
    return traffic != Traffic::exchange ||
           (plan.stages.at(stage).graph.nodes.at(node).op == op && tag.pass == pass && tag.hop == hop);
  }
  Chosen chosen() const {
    return [kind = *this](const Plan& plan, const TensorMessage& message) { return kind.is(plan, message); };
  }
};

std::vector<MessageKind> every_kind() {
  std::vector<MessageKind> kinds = {{"activation", Traffic::activation},
                                    {"gradient", Traffic::gradient},
                                    {"reduce", Traffic::reduce},
                                    {"gather", Traffic::all_gather}};
  const std::pair<const char*, Hop> hops[] = {
      {"direct", Hop::direct}, {"first_hop", Hop::first}, {"second_hop", Hop::second}};
  for (const auto& [name, hop] : hops) {
    const std::string on_way = std::string("_") + name;
    kinds.push_back({"counts" + on_way, Traffic::exchange, Op::exchange_counts, Pass::forward, hop});
    kinds.push_back({"dispatch" + on_way, Traffic::exchange, Op::dispatch, Pass::forward, hop});
    kinds.push_back({"dispatch_again" + on_way, Traffic::exchange, Op::dispatch, Pass::recompute, hop});
    kinds.push_back({"dispatch_gradient" + on_way, Traffic::exchange, Op::dispatch, Pass::backward_input, hop});
    kinds.push_back({"combine" + on_way, Traffic::exchange, Op::combine, Pass::forward, hop});
    kinds.push_back({"combine_gradient" + on_way, Traffic::exchange, Op::combine, Pass::backward_input, hop});
  }
  return kinds;
}

const MessageKind& kind_named(const std::string& name) {
  static const std::vector<MessageKind> kinds = every_kind();
  return *std::find_if(kinds.begin(), kinds.end(), [&](const MessageKind& kind) { return kind.name == name; });
}

class Payload : public testing::TestWithParam<MessageKind> {
 protected:
  // The first message of the kind comes with `change` more bytes.
  static void expect_refused(int change) {
    Tag tag;
    std::size_t sent_bytes = 0;
    const auto error = run_altered(GetParam().chosen(), [&](FakeCluster&, int, TensorMessage& message) {
      tag = message.tag;
      sent_bytes = message.payload.size();
      resize(message, sent_bytes + static_cast<std::size_t>(change));
    });
    ASSERT_TRUE(error) << "taken as it came";
    EXPECT_EQ(error->tag(), tag);
    const bool counts = GetParam().op == Op::exchange_counts;  // say themselves how long they are
    if (!counts) {
      EXPECT_EQ(error->expected(), (ByteRange{std::int64_t(sent_bytes), std::int64_t(sent_bytes)}));
      EXPECT_EQ(error->received_bytes(), std::int64_t(sent_bytes) + change);
    }
    const bool is_shard = tag.traffic == Traffic::reduce || tag.traffic == Traffic::all_gather;
    for (const std::string& words : {to_string(tag), std::string(is_shard ? "(stage " : "layer "),
                                     fmt::format("{} bytes came", std::int64_t(sent_bytes) + change),
                                     fmt::format("say{} {}", counts ? "" : "s", sent_bytes)})
      EXPECT_THAT(error->what(), HasSubstr(words));
  }
};

TEST_P(Payload, that_is_short_is_refused_by_name) { expect_refused(-4); }
TEST_P(Payload, that_is_long_is_refused_by_name) { expect_refused(4); }

INSTANTIATE_TEST_SUITE_P(, Payload, testing::ValuesIn(every_kind()), [](const auto& of) { return of.param.name; });

// The test of the test: untouched, every message passes.
TEST(Payloads, of_the_plan_are_taken) {
  EXPECT_FALSE(run_altered(kind_named("activation").chosen(), [](FakeCluster&, int, TensorMessage&) {}));
}

// Rows that nobody could have sent are refused before their step comes.
TEST(Payloads, of_rows_beyond_the_plan_are_refused_when_they_come) {
  const auto error = run_altered(kind_named("dispatch_direct").chosen(),
                                 [](FakeCluster&, int, TensorMessage& message) { resize(message, 1 << 20); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->expected().least, 0);
  EXPECT_EQ(error->received_bytes(), 1 << 20);
}

TEST(Payloads, of_counts_that_contradict_the_plan_are_refused) {
  for (const char* kind : {"counts_direct", "counts_first_hop", "counts_second_hop"})
    for (const auto& [word, fault] : {std::pair{0, "rows are announced"}, {2, "is of row"}}) {
      const auto error =
          run_altered(kind_named(kind).chosen(), [index = word](FakeCluster&, int, TensorMessage& message) {
            reinterpret_cast<std::int32_t*>(message.payload.data())[index] += 1000;
          });
      ASSERT_TRUE(error) << kind;
      EXPECT_THAT(error->what(), HasSubstr(fault)) << kind;
    }
}

struct WrongTag {
  const char* name;
  const char* kind;
  std::function<void(Tag&, int destination)> set;
  const char* fault;
};

class WrongTags : public testing::TestWithParam<WrongTag> {};

TEST_P(WrongTags, are_refused) {
  Tag tag;
  const auto error =
      run_altered(kind_named(GetParam().kind).chosen(), [&](FakeCluster&, int destination, TensorMessage& message) {
        GetParam().set(message.tag, destination);
        tag = message.tag;
      });
  ASSERT_TRUE(error) << "taken as it came";
  EXPECT_EQ(error->tag(), tag);
  EXPECT_THAT(error->what(), HasSubstr(GetParam().fault));
}

std::vector<WrongTag> wrong_tags() {
  using Set = std::function<void(Tag&, int)>;
  const auto to = [](auto field, auto value) -> Set { return [=](Tag& tag, int) { tag.*field = value; }; };
  const Set own = [](Tag& tag, int destination) { tag.source = destination; };
  return {
      {"unknown_kind", "activation", to(&Tag::traffic, Traffic(9)), "no such kind of message"},
      {"negative_stage", "activation", to(&Tag::stage, -1), "does not have this stage"},
      {"stage_of_others", "gradient", to(&Tag::stage, 1), "does not have this stage"},
      {"stage_out_of_range", "dispatch_direct", to(&Tag::stage, 9), "does not have this stage"},
      {"other_direction", "activation", to(&Tag::direction, 1), "does not have this stage in this direction"},
      {"microbatch_out_of_range", "gradient", to(&Tag::microbatch, 99), "a step has 4 microbatches"},
      {"negative_microbatch", "combine_direct", to(&Tag::microbatch, -1), "a step has 4 microbatches"},
      {"activation_for_the_first_stage", "gradient", to(&Tag::traffic, Traffic::activation),
       "the first stage gets no activations"},
      {"gradient_for_the_last_stage", "activation", to(&Tag::traffic, Traffic::gradient),
       "the last stage gets no gradients"},
      {"activation_of_another_data_rank", "activation", [](Tag& tag, int) { tag.source = (tag.source + 1) % 4; },
       "sends them"},
      {"activation_with_an_op", "activation", to(&Tag::node, 3), "names no op"},
      {"gradient_with_a_hop", "gradient", to(&Tag::hop, Hop::second), "names no op"},
      {"port_out_of_range", "gradient", to(&Tag::port, std::uint8_t{1}), "no such port"},
      {"port_of_rows", "dispatch_direct", to(&Tag::port, std::uint8_t{1}), "ports are for"},
      {"port_of_a_shard", "gather", to(&Tag::port, std::uint8_t{1}), "belongs to no microbatch"},
      {"op_out_of_range", "dispatch_direct", to(&Tag::node, 999), "no step waits"},
      {"negative_op", "dispatch_direct", to(&Tag::node, -1), "no step waits"},
      {"op_that_sends_nothing", "dispatch_direct", to(&Tag::node, 0), "no step waits"},
      {"pass_that_sends_nothing", "dispatch_direct", to(&Tag::pass, Pass::backward_weight), "no step waits"},
      {"unknown_pass", "dispatch_direct", to(&Tag::pass, Pass(9)), "no step waits"},
      {"unknown_hop", "dispatch_direct", to(&Tag::hop, Hop(9)), "on this way"},
      {"hop_that_is_not_taken", "dispatch_direct", to(&Tag::hop, Hop::second), ""},
      {"sender_beyond_the_group", "dispatch_direct", to(&Tag::source, 7), "on this way"},
      {"negative_sender", "reduce", to(&Tag::source, -1), "no copy of this bucket"},
      {"own_activation", "activation", own, "under this rank's number"},
      {"own_rows", "dispatch_direct", own, "under this rank's number"},
      {"own_shard", "gather", own, "under this rank's number"},
      {"bucket_out_of_range", "reduce", to(&Tag::stage, 99), "no such bucket"},
      {"bucket_of_others", "gather", [](Tag& tag, int destination) { tag.stage = destination < 4 ? 99 : 0; }, "bucket"},
      {"shard_of_a_microbatch", "gather", to(&Tag::microbatch, 1), "belongs to no microbatch"},
      {"round_that_is_over", "gradient", to(&Tag::round, std::uint64_t{0}), "belongs to round 0"},
      {"round_to_come", "gradient", to(&Tag::round, std::uint64_t{2}), "belongs to round 2"},
  };
}

INSTANTIATE_TEST_SUITE_P(, WrongTags, testing::ValuesIn(wrong_tags()), [](const auto& of) { return of.param.name; });

// The second of two equal messages is refused: while the first waits, and when it is used long since.
TEST(WrongTag, of_a_message_that_came_already_is_refused) {
  const auto deliver_twice = [](FakeCluster& cluster, int destination, TensorMessage& message) {
    cluster.device(destination).on_tensor(message);
  };
  for (const char* kind : {"activation", "combine_direct", "reduce"}) {
    const auto waiting = run_altered(kind_named(kind).chosen(), deliver_twice);
    ASSERT_TRUE(waiting) << kind;
    const auto used = run_altered(kind_named(kind).chosen(), deliver_twice, 1'000'000);
    ASSERT_TRUE(used) << kind;
    EXPECT_THAT(used->what(), HasSubstr("refused")) << used->what();
  }
}

}  // namespace
}  // namespace dsrun::test
