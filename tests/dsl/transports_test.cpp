#include "dsl/transports.hpp"

#include <gtest/gtest.h>

namespace dsrun::test {
namespace {

TEST(Transports, are_words_between_commas) {
  EXPECT_EQ(words_of_list("posix,cma,self"), (std::vector<std::string>{"posix", "cma", "self"}));
  EXPECT_TRUE(words_of_list("").empty());
}

TEST(Transports, tell_which_ways_are_open) {
  struct Row {
    const char* list;
    bool memory, tcp;
  };
  for (const Row& row : {Row{"", true, true}, Row{"all", true, true}, Row{"posix,self", true, false},
                         Row{"tcp,self", false, true}, Row{"^tcp", true, false}, Row{"^posix,tcp", true, false},
                         Row{"^posix", true, true}, Row{"rc,self", false, false}}) {
    EXPECT_EQ(may_share_memory(words_of_list(row.list)), row.memory) << row.list;
    EXPECT_EQ(may_use_tcp(words_of_list(row.list)), row.tcp) << row.list;
  }
}

}  // namespace
}  // namespace dsrun::test
