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

}  // namespace

SafetensorsModel SafetensorsModel::open(const std::string& folder) {
  SafetensorsModel model(folder);
  const auto path_of = [&](std::string_view name) { return fmt::format("{}/{}", folder, name); };
  const std::string index_path = path_of(safetensors_index_name);
  std::error_code error;
  if (fs::exists(path_of(safetensors_file_name), error)) {
    model.files_.push_back(SafetensorsFile::open(path_of(safetensors_file_name)));
    model.list_tensors();
  } else if (fs::exists(index_path, error)) {
    const SafetensorsIndex index = parse_safetensors_index(read_index(index_path), index_path);
    for (const std::string& name : index.files) {
      if (!fs::exists(path_of(name), error))
        throw SafetensorsError(index_path, "", fmt::format("it names {}, which is missing", in_quotes(name)));
      model.files_.push_back(SafetensorsFile::open(path_of(name)));
    }
    model.list_tensors();
    model.compare_with(index);
  } else {
    throw SafetensorsError(folder, "",
                           fmt::format("neither {} nor {} is there", safetensors_file_name, safetensors_index_name));
  }
  return model;
}

void SafetensorsModel::list_tensors() {
  for (std::uint32_t file = 0; file < files_.size(); ++file)
    for (const SafetensorsTensor& tensor : files_[file].tensors()) tensors_.push_back({&tensor, file});
  std::sort(tensors_.begin(), tensors_.end(),
            [](const Located& a, const Located& b) { return a.tensor->name < b.tensor->name; });
  const auto twice = std::adjacent_find(tensors_.begin(), tensors_.end(), [](const Located& a, const Located& b) {
    return a.tensor->name == b.tensor->name;
  });
  if (twice != tensors_.end())
    throw SafetensorsError(files_[twice[0].file].path(), twice->tensor->name,
                           fmt::format("it is in {} too", printable(files_[twice[1].file].path())));
}

// Both lists are by name.
void SafetensorsModel::compare_with(const SafetensorsIndex& index) const {
  auto entry = index.entries.begin();
  auto located = tensors_.begin();
  while (entry != index.entries.end() || located != tensors_.end()) {
    if (located == tensors_.end() || (entry != index.entries.end() && entry->tensor < located->tensor->name))
      throw SafetensorsError(files_[entry->file].path(), entry->tensor, "the index places it here, but it is not here");
    if (entry == index.entries.end() || located->tensor->name < entry->tensor)
      throw SafetensorsError(files_[located->file].path(), located->tensor->name, "the index does not name it");
    if (entry->file != located->file)
      throw SafetensorsError(files_[located->file].path(), entry->tensor,
                             fmt::format("the index places it in {}", in_quotes(index.files[entry->file])));
    ++entry;
    ++located;
  }
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
  if (tensor == nullptr) throw SafetensorsError(folder_, name, "it is missing");
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

std::span<const std::byte> SafetensorsModel::block_scales(const SafetensorsTensor& weight) const {
  if (weight.dims.size() != 2) refuse(weight, fmt::format("an FP8 weight of {} dims, not 2", weight.dims.size()));
  const SafetensorsTensor* scales = find(weight.name + "_scale_inv");
  if (scales == nullptr) refuse(weight, "an FP8 weight needs its scales in …_scale_inv, which is missing");
  const auto blocks = [](std::int64_t size) { return size / fp8_block + (size % fp8_block != 0 ? 1 : 0); };
  const std::vector<std::int64_t> dims = {blocks(weight.dims[0]), blocks(weight.dims[1])};
  if (scales->dtype != SafetensorsDtype::f32 || scales->dims != dims)
    refuse(*scales, fmt::format("it is {} [{}], but the weight needs F32 [{}]", name_of(scales->dtype),
                                fmt::join(scales->dims, ", "), fmt::join(dims, ", ")));
  return scales->bytes;
}

void SafetensorsModel::read_f32(const SafetensorsTensor& tensor, std::int64_t begin, std::span<float> out) const {
  assert(begin >= 0 && begin + static_cast<std::int64_t>(out.size()) <= tensor.size());
  if (!converts_to_f32(tensor.dtype)) refuse(tensor, fmt::format("{} is no type of weights", name_of(tensor.dtype)));
  const std::size_t size = size_of(tensor.dtype);
  const auto bytes = tensor.bytes.subspan(static_cast<std::size_t>(begin) * size, out.size() * size);
  if (size > 1) return convert_to_f32(tensor.dtype, bytes, out);
  const std::span<const std::byte> scales = block_scales(tensor);
  convert_to_f32(tensor.dtype, bytes, out);
  apply_block_scales(scales, tensor.dims[1], begin, out);
}

}  // namespace dsrun
