#include "models/arch/deepseek_v3/config_text.hpp"

#include <set>
#include <vector>

#include <fmt/format.h>

#include "dsl/text/utf8.hpp"

namespace dsrun::deepseek_v3 {
namespace {

using nlohmann::json;

constexpr std::size_t longest_config = 1 << 20;
constexpr int deepest_config = 16;

}  // namespace

json parse_config_text(std::string_view text,
                       const std::function<void(const std::string&, const std::string&)>& fault) {
  if (text.size() > longest_config) {
    fault("", fmt::format("{} bytes are too many for a config; at most {}", text.size(), longest_config));
    return nullptr;
  }
  bool too_deep = false;
  std::vector<std::set<std::string>> keys;  // of the objects that are open
  const auto watch = [&](int depth, json::parse_event_t event, json& value) {
    too_deep |= depth >= deepest_config;
    if (too_deep) return false;
    if (event == json::parse_event_t::object_start) keys.emplace_back();
    if (event == json::parse_event_t::object_end) keys.pop_back();
    if (event == json::parse_event_t::key && !keys.back().insert(value.get<std::string>()).second)
      fault(printable(value.get<std::string>()), "it is there twice");
    return true;
  };
  json object;
  try {
    object = json::parse(text.begin(), text.end(), watch);
  } catch (const json::parse_error& error) {
    fault("", fmt::format("malformed JSON or UTF-8 at byte {}", error.byte));
    return nullptr;
  } catch (const json::out_of_range&) {
    fault("", "it has a number that is beyond any range");
    return nullptr;
  }
  if (too_deep)
    fault("", fmt::format("nested deeper than {}", deepest_config));
  else if (!object.is_object())
    fault("", "the config is no JSON object");
  return !too_deep && object.is_object() ? object : json();
}

std::string shown(const json& value) {
  std::string text = value.dump(-1, ' ', false, json::error_handler_t::replace);
  if (text.size() > 100) text = text.substr(0, 100) + "…";
  return printable(text);
}

}  // namespace dsrun::deepseek_v3
