#include "actors/processes/net/invitation.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dsrun::test {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::ThrowsMessage;

AgentInvitation to_an_agent() {
  return {"job", 2, {"10.0.0.1", 4711}, "eth0", "tcp,self", {"authority\n", "certificate\n", "key\n"}};
}

TEST(Invitation, an_agents_is_one_line_and_comes_back) {
  const std::string text = to_text(to_an_agent());
  EXPECT_THAT(text, Not(HasSubstr("\n")));
  const AgentInvitation back = read_agent_invitation(text);
  EXPECT_EQ(to_text(back), text);
  EXPECT_EQ(back.gate.port, 4711);
  EXPECT_EQ(back.credentials.key, "key\n");
}

TEST(Invitation, a_devices_keeps_a_secret_of_any_bytes) {
  DeviceInvitation device;
  device.rank = 5;
  device.clock_ahead_ns = -86'400'000'000'123;
  device.secret = std::string("\0\xff\n\"", 4);
  device.brief = "{\"job\": \"[job]\\n\"}";
  const DeviceInvitation back = read_device_invitation(to_text(device));
  EXPECT_EQ(back.secret, device.secret);
  EXPECT_EQ(back.brief, device.brief);
  EXPECT_EQ(back.rank, 5);
  EXPECT_EQ(back.clock_ahead_ns, device.clock_ahead_ns);
}

TEST(Invitation, what_is_none_is_refused) {
  for (const char* text : {"", "{", "[]", "{}", "{\"to\": \"agent\"}"})
    EXPECT_THAT([&] { read_agent_invitation(text); }, ThrowsMessage<std::runtime_error>(HasSubstr("not an invitation")))
        << text;
  EXPECT_THAT([] { read_device_invitation(to_text(to_an_agent())); },
              ThrowsMessage<std::runtime_error>("not an invitation to a device"));
}

}  // namespace
}  // namespace dsrun::test
