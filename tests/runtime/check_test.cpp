#include "runtime/check.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace dsrun {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

TEST(Check, a_broken_invariant_is_named_with_its_place_in_every_build) {
  EXPECT_NO_THROW(require(true, "all is well"));
  EXPECT_THAT([] { require(false, "ranks ascend"); },
              ThrowsMessage<InternalError>(AllOf(HasSubstr("ranks ascend"), HasSubstr("check_test.cpp:"))));
}

TEST(Check, an_element_has_an_index_of_any_type_and_none_beyond_the_end) {
  std::vector<int> values = {1, 2};
  at(values, std::int8_t{1}) = 5;
  EXPECT_EQ(at(values, 1UL), 5);
  for (const int index : {-1, 2})
    EXPECT_THAT([&] { at(values, index); }, ThrowsMessage<InternalError>(HasSubstr("check_test.cpp:")));
}

}  // namespace
}  // namespace dsrun
