// Does not compile: `blue` has no name.
#include "runtime/schedule/enum_table.hpp"

enum class Colour : unsigned char { red, green, blue };
constexpr dsrun::EnumNames<Colour, 2> names({{Colour::red, "red"}, {Colour::green, "green"}});
