#include "runtime/backend/backend.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dsl/device_kind.hpp"

namespace dsrun {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

TEST(Backend, is_found_by_the_kind_of_its_devices) {
  ASSERT_NE(find_backend(cpu_kind), nullptr);
  EXPECT_EQ(find_backend(cpu_kind)->kind, cpu_kind);
  EXPECT_EQ(&backend_for(cpu_kind), find_backend(cpu_kind));
}

TEST(Backend, that_this_program_has_not_got_is_refused_with_those_that_it_has) {
  EXPECT_EQ(find_backend("h100"), nullptr);
  EXPECT_THAT([] { backend_for("h100"); },
              ThrowsMessage<std::runtime_error>(AllOf(HasSubstr("\"h100\""), HasSubstr("\"cpu\""))));
}

}  // namespace
}  // namespace dsrun
