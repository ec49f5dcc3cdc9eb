// A trace is JSON whose lanes a viewer can draw: named, and without spans that overlap on one of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "runtime/metrics/trace.hpp"
#include "tests/runtime/temporary_folder.hpp"

namespace dsrun::test {
namespace {

DeviceSpan span_of(DeviceSpan::What what, std::int64_t start_ns, std::int64_t end_ns) {
  DeviceSpan span;
  span.what = what;
  span.start_ns = start_ns;
  span.end_ns = end_ns;
  return span;
}

// The names of a rank's events, by the name of their lane.
std::map<std::string, std::vector<std::string>> lanes_of(const nlohmann::json& trace) {
  std::map<int, std::string> names;
  std::map<std::string, std::vector<std::string>> lanes;
  for (const auto& event : trace["traceEvents"])
    if (event["name"] == "thread_name")
      names[event["tid"]] = fmt::format("{} {}", event["args"]["name"].get<std::string>(), event["tid"].get<int>());
  for (const auto& event : trace["traceEvents"])
    if (event["ph"] == "X") lanes[names.at(event["tid"])].push_back(event["name"]);
  return lanes;
}

TEST(Trace, shows_instructions_and_messages_on_their_wires) {
  const TemporaryFolder folder;
  const std::string path = folder / "trace.json";
  TraceWriter writer(path);
  DeviceSpan instruction = span_of(DeviceSpan::What::instruction, 1000, 9000);
  instruction.instruction = {{Kind::forward, 0, 3}, Half{Kind::backward, 1, 1}};
  writer.add(0, instruction);
  DeviceSpan wire = span_of(DeviceSpan::What::wire, 2000, 5000);
  wire.traffic = Traffic::exchange;
  wire.op = Op::dispatch;
  wire.peer = 1;
  writer.add(0, wire);
  wire.start_ns = 4000;  // while the first is on its way
  wire.end_ns = 7000;
  wire.traffic = Traffic::all_gather;
  writer.add(0, wire);
  wire.start_ns = 5000;
  wire.traffic = Traffic::activation;
  writer.add(0, wire);
  writer.finish();
  std::ifstream file(path);
  const auto lanes = lanes_of(nlohmann::json::parse(file));
  using testing::ElementsAre;
  using testing::Pair;
  EXPECT_THAT(lanes, ElementsAre(Pair("program 0", ElementsAre("F0.3&B1.1")),
                                 Pair("wire 5", ElementsAre("F dispatch to 1", "activations to 1")),
                                 Pair("wire 6", ElementsAre("weight shard to 1"))));
}

}  // namespace
}  // namespace dsrun::test
