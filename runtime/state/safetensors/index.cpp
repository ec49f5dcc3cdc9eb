#include "runtime/state/safetensors/index.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "dsl/text/utf8.hpp"
#include "runtime/state/safetensors/json_events.hpp"

namespace dsrun {
namespace {

constexpr int deepest = 16;  // of what stands beside weight_map and is skipped

// {"metadata": anything, "weight_map": {tensor: file}}
class IndexReader : public JsonEvents {
 public:
  explicit IndexReader(const std::string& file) : JsonEvents(file) {}

  SafetensorsIndex index;
  bool has_map = false;

  bool start_object(std::size_t) override { return enter(); }
  bool end_object() override { return leave(); }
  bool start_array(std::size_t elements) override { return skips() ? enter() : JsonEvents::start_array(elements); }
  bool end_array() override { return leave(); }
  bool null() override { return skips() || JsonEvents::null(); }
  bool boolean(bool value) override { return skips() || JsonEvents::boolean(value); }
  bool number_integer(std::int64_t value) override { return skips() || JsonEvents::number_integer(value); }
  bool number_unsigned(std::uint64_t value) override { return skips() || JsonEvents::number_unsigned(value); }
  bool number_float(double value, const std::string& text) override {
    return skips() || JsonEvents::number_float(value, text);
  }

  bool key(std::string& name) override {
    if (depth_ == 1) {
      in_map_ = name == "weight_map";
      if (in_map_ && has_map) refuse("weight_map is there twice");
      has_map |= in_map_;
    } else if (in_map_) {
      tensor_ = std::move(name);
    }
    return true;
  }

  bool string(std::string& value) override {
    if (skips()) return true;
    if (depth_ != 2) return JsonEvents::string(value);
    const auto [place, is_new] = number_of_.try_emplace(value, static_cast<std::uint32_t>(index.files.size()));
    if (is_new) {
      check_file_name(value);
      index.files.push_back(value);
    }
    index.entries.push_back({std::move(tensor_), place->second});
    tensor_.clear();
    return true;
  }

 protected:
  std::string_view tensor_in_hand() const override { return in_map_ ? std::string_view(tensor_) : ""; }

 private:
  bool skips() const { return depth_ >= 1 && !in_map_; }
  bool enter() {
    if (in_map_ && depth_ >= 2) refuse("a tensor's place is the name of a file, nothing else");
    if (++depth_ > deepest) refuse(fmt::format("nested deeper than {}", deepest));
    return true;
  }
  bool leave() {
    if (--depth_ == 1) {
      in_map_ = false;
      tensor_.clear();
    }
    return true;
  }

  // So that no index reaches out of its folder.
  void check_file_name(const std::string& name) const {
    const bool plain = !name.empty() && name[0] != '.' && name.find_first_of("/\\") == std::string::npos &&
                       name.find('\0') == std::string::npos && printable(name) == name;
    if (!plain) refuse(fmt::format("{} is no plain file name", in_quotes(name)));
  }

  int depth_ = 0;
  bool in_map_ = false;
  std::string tensor_;
  std::map<std::string, std::uint32_t> number_of_;
};

}  // namespace

SafetensorsIndex parse_safetensors_index(std::string_view text, const std::string& file) {
  IndexReader reader(file);
  reader.read(text);
  if (!reader.has_map) throw SafetensorsError(file, "", "weight_map is missing");
  std::vector<SafetensorsIndex::Entry>& entries = reader.index.entries;
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.tensor < b.tensor; });
  const auto twice = std::adjacent_find(entries.begin(), entries.end(),
                                        [](const auto& a, const auto& b) { return a.tensor == b.tensor; });
  if (twice != entries.end()) throw SafetensorsError(file, twice->tensor, "the name is there twice in weight_map");
  return std::move(reader.index);
}

}  // namespace dsrun
