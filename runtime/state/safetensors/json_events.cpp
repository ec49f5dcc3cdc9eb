#include "runtime/state/safetensors/json_events.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "runtime/state/safetensors/error.hpp"

namespace dsrun {

void JsonEvents::refuse(const std::string& what) const { throw SafetensorsError(file_, tensor_in_hand(), what); }

void JsonEvents::read(std::string_view text) {
  if (text.empty() || text[0] != '{') refuse("the JSON does not begin with '{'");
  nlohmann::json::sax_parse(text.begin(), text.end(), this);
}

bool JsonEvents::null() { refuse("a null has no place here"); }
bool JsonEvents::boolean(bool) { refuse("true or false has no place here"); }
bool JsonEvents::number_integer(std::int64_t value) { refuse(fmt::format("the number {} has no place here", value)); }
bool JsonEvents::number_unsigned(std::uint64_t value) { refuse(fmt::format("the number {} has no place here", value)); }
bool JsonEvents::number_float(double value, const std::string&) {
  refuse(fmt::format("the number {} has no place here", value));
}
bool JsonEvents::string(std::string&) { refuse("a string has no place here"); }
bool JsonEvents::binary(nlohmann::json::binary_t&) { refuse("binary data has no place here"); }
bool JsonEvents::start_array(std::size_t) { refuse("a list has no place here"); }
bool JsonEvents::end_array() { return true; }

bool JsonEvents::parse_error(std::size_t position, const std::string&, const nlohmann::json::exception&) {
  refuse(fmt::format("malformed JSON or UTF-8 at byte {}", position));
}

}  // namespace dsrun
