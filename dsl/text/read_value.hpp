// From a value of the job file to the field its key fills, or why it does not fit.
#pragma once

#include <optional>
#include <string>

#include "dsl/keys/keys.hpp"
#include "dsl/text/document.hpp"

namespace dsrun {

struct Misfit {
  SourcePosition at;    // the value, or its entry at fault
  std::string message;  // goes on from the key: "is a string, not an integer"
  std::string help;
};

// Owner: Job or NodeSpec. The field keeps its value if there is a misfit.
template <class Owner>
std::optional<Misfit> read_value(Owner& owner, const Key<Owner>& key, const TomlValue& value);

}  // namespace dsrun
