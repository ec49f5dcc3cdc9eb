// A table of an enum's names is complete and in the enum's order, or it does not compile; tests/refused/ shows the
// compiler's word for it.
#include <gtest/gtest.h>

#include <cstdint>

#include "runtime/schedule/enum_table.hpp"

namespace dsrun {
namespace {

enum class Colour : std::uint8_t { red, green, blue };
struct ColourRow {
  Colour colour;
  int wavelength_nm;
};

template <std::size_t size>
consteval bool covers(const std::array<ColourRow, size>& rows) {
  return has_row_for_each_enumerator(rows, &ColourRow::colour);
}

static_assert(covers<3>({{{Colour::red, 650}, {Colour::green, 530}, {Colour::blue, 470}}}));
static_assert(!covers<3>({{{Colour::red, 650}, {Colour::blue, 470}, {Colour::green, 530}}}), "out of order");
static_assert(!covers<3>({{{Colour::red, 650}, {Colour::green, 530}}}), "the last row is missing");
static_assert(!covers<2>({{{Colour::red, 650}, {Colour::green, 530}}}), "the enum has gained an enumerator");
static_assert(!covers<3>({{{Colour::red, 650}, {Colour::red, 530}, {Colour::blue, 470}}}), "one row is there twice");

TEST(EnumTable, gives_the_value_of_an_enumerator_and_finds_the_enumerator_of_a_value) {
  constexpr EnumNames<Colour, 3> names({{Colour::red, "red"}, {Colour::green, "green"}, {Colour::blue, "blue"}});
  EXPECT_EQ(names[Colour::green], "green");
  EXPECT_EQ(names.find("blue"), Colour::blue);
  EXPECT_EQ(names.find("violet"), std::nullopt);
  EXPECT_EQ(names.rows().size(), 3u);
}

}  // namespace
}  // namespace dsrun
