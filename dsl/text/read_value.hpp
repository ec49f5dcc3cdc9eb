// Reads a value of the job file into the field of its key, or says why it does not fit.
#pragma once

#include <optional>
#include <string>

#include "dsl/keys/keys.hpp"
#include "dsl/text/document.hpp"

namespace dsrun {

struct Misfit {
  SourcePosition at;    // the value, or the entry that is at fault
  std::string message;  // continues a sentence that begins with the key: "is a string, not an integer"
  std::string help;
};

// Owner: Job or NodeSpec. The field keeps its value if there is a misfit.
template <class Owner>
std::optional<Misfit> read_value(Owner& owner, const Key<Owner>& key, const TomlValue& value);

}  // namespace dsrun
