#include "runtime/state/safetensors/model.hpp"

#include <algorithm>
#include <cassert>
#include <filesystem>

#include <fmt/format.h>

#include "dsl/text/utf8.hpp"
#include "runtime/state/checkpoint/files.hpp"
#include "runtime/state/safetensors/convert.hpp"

namespace dsrun {
namespace {

namespace fs = std::filesystem;

std::string read_index(const std::string& path) {
  std::error_code error;
  const std::uint64_t size = fs::file_size(path, error);  // an error for what is no regular file
  if (error) throw SafetensorsError(path, "", error.message());
  if (size > longest_safetensors_index)
    throw SafetensorsError(path, "",
                           fmt::format("{} bytes are beyond the limit of {}", size, longest_safetensors_index));
  std::string text(size, '\0');
  read_exactly(path, 0, text.data(), text.size());
  return text;
}

std::int64_t blocks(std::int64_t size) { return size / fp8_block + (size % fp8_block != 0 ? 1 : 0); }

// The first few names, for a message.
std::string first_of(const std::vector<std::string>& names) {
  constexpr std::size_t most = 3;
  std::string text;
  for (std::size_t i = 0; i < std::min(most, names.size()); ++i) text += (i == 0 ? "" : ", ") + in_quotes(names[i]);
  return names.size() <= most ? text : fmt::format("{} and {} others", text, names.size() - most);
}

}  // namespace

SafetensorsModel SafetensorsModel::open(const std::string& folder) {
  SafetensorsModel model(folder);
  const auto path_of = [&](std::string_view name) { return fmt::format("{}/{}", folder, name); };
  std::error_code error;
  if (fs::exists(path_of(safetensors_file_name), error)) {
    model.files_.push_back(SafetensorsFile::open(path_of(safetensors_file_name)));
    model.list_tensors();
  } else if (fs::exists(path_of(safetensors_index_name), error)) {
    model.open_files_of(path_of(safetensors_index_name));
  } else {
    throw SafetensorsError(folder, "",
                           fmt::format("neither {} nor {} is there", safetensors_file_name, safetensors_index_name));
  }
  return model;
}

void SafetensorsModel::open_files_of(const std::string& index_path) {
  const SafetensorsIndex index = parse_safetensors_index(read_index(index_path), index_path);
  std::error_code error;
  for (const std::string& name : index.files) {
    const std::string path = fmt::format("{}/{}", folder_, name);
    if (fs::exists(path, error))
      files_.push_back(SafetensorsFile::open(path));
    else
      missing_files_.push_back(name);
  }
  list_tensors();
  compare_with(index);
}

void SafetensorsModel::list_tensors() {
  for (std::uint32_t file = 0; file < files_.size(); ++file)
    for (const SafetensorsTensor& tensor : files_[file].tensors()) tensors_.push_back({&tensor, file});
  std::stable_sort(tensors_.begin(), tensors_.end(),
                   [](const Located& a, const Located& b) { return a.tensor->name < b.tensor->name; });
  drop_equal_ones();
}

// A tensor that two files hold counts once, and can be read if both are equal.
void SafetensorsModel::drop_equal_ones() {
  std::vector<Located> kept;
  for (const Located& each : tensors_) {
    if (kept.empty() || kept.back().tensor->name != each.tensor->name) {
      kept.push_back(each);
      continue;
    }
    const SafetensorsTensor &one = *kept.back().tensor, &other = *each.tensor;
    const bool equal = one.dtype == other.dtype && one.dims == other.dims &&
                       std::equal(one.bytes.begin(), one.bytes.end(), other.bytes.begin(), other.bytes.end());
    if (!equal) twice_.emplace(one.name, each.file);
  }
  tensors_ = std::move(kept);
}

void SafetensorsModel::compare_with(const SafetensorsIndex& index) {
  std::vector<std::string> unnamed, elsewhere;
  for (const Located& each : tensors_) {
    const auto entry =
        std::lower_bound(index.entries.begin(), index.entries.end(), each.tensor->name,
                         [](const SafetensorsIndex::Entry& a, const std::string& name) { return a.tensor < name; });
    const bool is_named = entry != index.entries.end() && entry->tensor == each.tensor->name;
    if (!is_named)
      unnamed.push_back(each.tensor->name);
    else if (!files_[each.file].path().ends_with("/" + index.files[entry->file]))
      elsewhere.push_back(each.tensor->name);
  }
  for (const std::string& name : missing_files_)
    notes_.push_back(fmt::format("{} names {}, which is missing", safetensors_index_name, in_quotes(name)));
  if (!unnamed.empty()) notes_.push_back(fmt::format("{} does not name {}", safetensors_index_name, first_of(unnamed)));
  if (!elsewhere.empty())
    notes_.push_back(fmt::format("{} places {} in another file", safetensors_index_name, first_of(elsewhere)));
}

std::string SafetensorsModel::why_missing() const {
  if (missing_files_.empty()) return "";
  return fmt::format("; {} names {}, which {} missing", safetensors_index_name, first_of(missing_files_),
                     missing_files_.size() == 1 ? "is" : "are");
}

std::uint64_t SafetensorsModel::num_bytes() const {
  std::uint64_t total = 0;
  for (const Located& each : tensors_) total += each.tensor->bytes.size();
  return total;
}

const SafetensorsModel::Located* SafetensorsModel::locate(std::string_view name) const {
  const auto at =
      std::lower_bound(tensors_.begin(), tensors_.end(), name,
                       [](const Located& each, std::string_view other) { return each.tensor->name < other; });
  return at != tensors_.end() && at->tensor->name == name ? &*at : nullptr;
}

const SafetensorsTensor* SafetensorsModel::find(std::string_view name) const {
  const Located* located = locate(name);
  return located == nullptr ? nullptr : located->tensor;
}

const SafetensorsTensor& SafetensorsModel::get(std::string_view name, std::span<const std::int64_t> dims) const {
  const SafetensorsTensor* tensor = find(name);
  if (tensor == nullptr) throw SafetensorsError(folder_, name, "it is missing" + why_missing());
  if (const auto other = twice_.find(tensor->name); other != twice_.end())
    refuse(*tensor, fmt::format("{} holds another one", printable(files_[other->second].path())));
  if (!std::equal(dims.begin(), dims.end(), tensor->dims.begin(), tensor->dims.end()))
    refuse(*tensor, fmt::format("its shape is [{}], not [{}]", fmt::join(tensor->dims, ", "), fmt::join(dims, ", ")));
  return *tensor;
}

const std::string& SafetensorsModel::file_of(const SafetensorsTensor& tensor) const {
  return files_[locate(tensor.name)->file].path();
}

void SafetensorsModel::release(const SafetensorsTensor& tensor) const {
  files_[locate(tensor.name)->file].release(tensor);
}

void SafetensorsModel::refuse(const SafetensorsTensor& tensor, const std::string& what) const {
  throw SafetensorsError(file_of(tensor), tensor.name, what);
}

const SafetensorsTensor& SafetensorsModel::scales_of(const SafetensorsTensor& weight) const {
  const std::size_t rank = weight.dims.size();
  if (rank != 2 && rank != 3) refuse(weight, fmt::format("an FP8 weight of {} dims, not 2 or 3", rank));
  const SafetensorsTensor* scales = find(weight.name + "_scale_inv");
  if (scales == nullptr) refuse(weight, "an FP8 weight needs its scales in …_scale_inv, which is missing");
  std::vector<std::int64_t> dims = weight.dims;
  for (std::size_t i = rank - 2; i < rank; ++i) dims[i] = blocks(dims[i]);
  if (!converts_to_scales(scales->dtype) || scales->dims != dims)
    refuse(*scales, fmt::format("it is {} [{}], but the weight needs F32, F8_E8M0 or U8 [{}]", name_of(scales->dtype),
                                fmt::join(scales->dims, ", "), fmt::join(dims, ", ")));
  return *scales;
}

// Converts the scales of the block rows that `values` touch, matrix by matrix.
void SafetensorsModel::apply_scales(const SafetensorsTensor& weight, std::int64_t begin,
                                    std::span<float> values) const {
  const SafetensorsTensor& scales = scales_of(weight);
  const std::int64_t rows = weight.dims[weight.dims.size() - 2], cols = weight.dims.back(), matrix = rows * cols;
  const std::size_t width = size_of(scales.dtype);
  std::vector<float> converted;
  while (!values.empty()) {
    const std::int64_t at = begin % matrix;
    const auto size = std::min(static_cast<std::int64_t>(values.size()), matrix - at);
    const std::int64_t first = at / cols / fp8_block, last = (at + size - 1) / cols / fp8_block;
    const auto from = static_cast<std::size_t>((begin / matrix * blocks(rows) + first) * blocks(cols));
    converted.resize(static_cast<std::size_t>((last - first + 1) * blocks(cols)));
    convert_scales(scales.dtype, scales.bytes.subspan(from * width, converted.size() * width), converted);
    apply_block_scales(converted, cols, at - first * fp8_block * cols, values.first(static_cast<std::size_t>(size)));
    values = values.subspan(static_cast<std::size_t>(size));
    begin += size;
  }
}

bool SafetensorsModel::reads_as_f32(const SafetensorsTensor& tensor) const {
  if (!converts_to_f32(tensor.dtype)) return false;
  if (size_of(tensor.dtype) > 1) return true;
  try {
    scales_of(tensor);
    return true;
  } catch (const SafetensorsError&) {
    return false;
  }
}

void SafetensorsModel::read_f32(const SafetensorsTensor& tensor, std::int64_t begin, std::span<float> out) const {
  assert(begin >= 0 && begin + static_cast<std::int64_t>(out.size()) <= tensor.size());
  if (!converts_to_f32(tensor.dtype)) refuse(tensor, fmt::format("{} is no type of weights", name_of(tensor.dtype)));
  const std::size_t size = size_of(tensor.dtype);
  const auto bytes = tensor.bytes.subspan(static_cast<std::size_t>(begin) * size, out.size() * size);
  convert_to_f32(tensor.dtype, bytes, out);
  if (size == 1) apply_scales(tensor, begin, out);
}

}  // namespace dsrun
