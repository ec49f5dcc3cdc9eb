// Does not compile: the enumerators have been reordered, but not the names.
#include "runtime/schedule/enum_table.hpp"

enum class Colour : unsigned char { green, red };
constexpr dsrun::EnumNames<Colour, 2> names({{Colour::red, "red"}, {Colour::green, "green"}});
