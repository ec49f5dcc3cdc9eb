// LinkProbe between real processes, and what UCX's prose says of its transports.
#include <gtest/gtest.h>

#include "runtime/transport/ucx/link_probe.hpp"
#include "runtime/transport/ucx/ucx_offer.hpp"
#include "tests/transport/processes.hpp"

namespace dsrun::test {
namespace {

void probe_link(Party& party, const UcxOptions& options, bool over_tcp) {
  LinkProbe probe(options);
  const auto addresses = party.exchange(probe.address());
  probe.set_peer(addresses[static_cast<std::size_t>(1 - party.rank())]);
  const auto deadline = TestClock::now() + 20s;
  if (party.rank() == 1) return probe.answer(deadline);
  const LinkSpeed speed = probe.measure(deadline);
  Party::expect(speed.transport.starts_with("tcp") == over_tcp, "the link asked for, not " + speed.transport);
  Party::expect(speed.latency_secs > 1e-8 && speed.latency_secs < 1, "a latency");
  for (const double rate : {speed.bytes_per_sec, speed.bytes_per_sec_back})
    Party::expect(rate > 1e6 && rate < 1e13, "a bandwidth");
}

TEST(LinkProbe, measures_shared_memory_and_tcp) {
  for (const std::vector<std::string>& transports : {std::vector<std::string>{}, {"tcp", "self"}}) {
    Parties parties(2, [&](Party& party) { probe_link(party, test_options(party, transports), !transports.empty()); });
    EXPECT_EQ(parties.wait(), "");
  }
}

TEST(LinkProbe, takes_another_way_where_there_is_no_room_for_shared_memory) {
  Parties parties(2, [](Party& party) {
    UcxOptions options = test_options(party, {"posix", "cma", "self"});
    options.without_shm = {"tcp", "self"};
    options.min_shm_bytes = ~std::size_t{0};
    probe_link(party, options, true);
  });
  EXPECT_EQ(parties.wait(), "");
}

TEST(LinkProbe, gives_up_on_an_end_that_does_not_answer) {
  Parties parties(2, [](Party& party) {
    LinkProbe probe(test_options(party));
    const auto addresses = party.exchange(probe.address());
    probe.set_peer(addresses[static_cast<std::size_t>(1 - party.rank())]);
    if (party.rank() == 0) {
      const auto start = TestClock::now();
      try {
        probe.measure(start + 300ms);
        Party::expect(false, "an exception");
      } catch (const TransportError& error) {
        Party::expect(std::string(error.what()) == "no answer in time", error.what());
      }
    }
    party.exchange("over");
  });
  EXPECT_EQ(parties.wait(), "");
}

TEST(UcxOffer, lists_what_the_context_prints) {
  constexpr const char* text =
      "#            md 1  :  component 1  tcp \n"
      "#      resource 0  :  md 0  dev 0  flags -- self/memory0\n"
      "#      resource 1  :  md 1  dev 1  flags -- tcp/eth0\n"
      "#      resource 2  :  md 2  dev 3  flags -- posix/memory\n"
      "#      resource 3  :  md 2  dev 3  flags -- posix/memory\n";
  EXPECT_EQ(transports_in(text), (std::vector<std::string>{"self", "tcp/eth0", "posix"}));
}

TEST(UcxOffer, is_this_hosts) {
  Parties parties(1, [](Party&) {
    const UcxOffer offer = ucx_offer();
    Party::expect(offer.version.find('.') != std::string::npos, "a version");
    Party::expect(!offer.transports.empty() && offer.transports[0] == "self", "the way to oneself");
  });
  EXPECT_EQ(parties.wait(), "");
}

}  // namespace
}  // namespace dsrun::test
