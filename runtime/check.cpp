#include "runtime/check.hpp"

#include <fmt/format.h>

namespace dsrun {

void fail_invariant(const char* invariant, const std::source_location& place) {
  throw InternalError(fmt::format("{}:{}: broken invariant of {}: {}", place.file_name(), place.line(),
                                  place.function_name(), invariant));
}

}  // namespace dsrun
