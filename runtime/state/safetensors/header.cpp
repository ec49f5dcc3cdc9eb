#include "runtime/state/safetensors/header.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "runtime/state/safetensors/json_events.hpp"

namespace dsrun {
namespace {

constexpr std::string_view metadata_name = "__metadata__";
constexpr std::size_t alignment = 8;

// {name: {"dtype": …, "shape": […], "data_offsets": [begin, end]}, "__metadata__": {text: text}}
class HeaderReader : public JsonEvents {
 public:
  HeaderReader(const std::string& file, std::span<const std::byte> data) : JsonEvents(file), file_(file), data_(data) {}

  std::vector<SafetensorsTensor> tensors;

  bool start_object(std::size_t) override {
    if (where_ == Where::outside) {
      where_ = Where::top;
    } else if (where_ == Where::top) {
      where_ = tensor_.name == metadata_name ? Where::metadata : Where::entry;
      if (where_ == Where::metadata && std::exchange(has_metadata_, true)) refuse("the name is there twice");
    } else {
      refuse("an object has no place here");
    }
    return true;
  }

  bool key(std::string& name) override {
    if (where_ == Where::top) {
      tensor_ = {};
      tensor_.name = std::move(name);
      seen_ = 0;
    } else if (where_ == Where::entry) {
      field_ = name == "dtype" ? dtype : name == "shape" ? shape : name == "data_offsets" ? offsets : 0;
      if (field_ == 0) refuse(fmt::format("the key {} is unknown", in_quotes(name)));
      if ((seen_ & field_) != 0) refuse(fmt::format("{} is there twice", name));
      seen_ |= field_;
    }
    return true;
  }

  bool string(std::string& value) override {
    if (where_ == Where::metadata) return true;
    if (where_ != Where::entry || field_ != dtype) return JsonEvents::string(value);
    const std::optional<SafetensorsDtype> found = find_safetensors_dtype(value);
    if (!found) refuse(fmt::format("the dtype {} is unknown", in_quotes(value)));
    tensor_.dtype = *found;
    return true;
  }

  bool start_array(std::size_t elements) override {
    if (where_ != Where::entry || field_ == dtype) return JsonEvents::start_array(elements);
    where_ = Where::numbers;
    num_offsets_ = 0;
    return true;
  }

  bool number_unsigned(std::uint64_t value) override {
    if (where_ != Where::numbers) return JsonEvents::number_unsigned(value);
    if (field_ == shape) {
      if (tensor_.dims.size() == most_safetensors_dims)
        refuse(fmt::format("the shape has more than {} dims", most_safetensors_dims));
      if (value > std::numeric_limits<std::int64_t>::max()) refuse(fmt::format("a dim of {} is too large", value));
      tensor_.dims.push_back(static_cast<std::int64_t>(value));
    } else {
      if (num_offsets_ == 2) refuse("data_offsets has more than two numbers");
      range_[num_offsets_++] = value;
    }
    return true;
  }

  bool end_array() override {
    where_ = Where::entry;
    if (field_ == offsets && num_offsets_ != 2) refuse("data_offsets has fewer than two numbers");
    return true;
  }

  bool end_object() override {
    if (where_ == Where::entry) finish_tensor();
    where_ = where_ == Where::top ? Where::outside : Where::top;
    return true;
  }

 protected:
  std::string_view tensor_in_hand() const override {
    return where_ == Where::outside ? "" : std::string_view(tensor_.name);
  }

 private:
  enum class Where : std::uint8_t { outside, top, metadata, entry, numbers };
  enum FieldBit : int { dtype = 1, shape = 2, offsets = 4 };

  void finish_tensor() {
    if (seen_ != (dtype | shape | offsets))
      refuse(fmt::format("{} is missing", (seen_ & dtype) == 0   ? "dtype"
                                          : (seen_ & shape) == 0 ? "shape"
                                                                 : "data_offsets"));
    const auto [begin, end] = range_;
    if (begin > end) refuse(fmt::format("the byte range {} to {} runs backwards", begin, end));
    if (end > data_.size())
      refuse(fmt::format("the byte range {} to {} goes beyond the data's {} bytes", begin, end, data_.size()));
    const std::uint64_t needed = num_bytes(tensor_, file_);
    if (end - begin != needed)
      refuse(fmt::format("its shape needs {} bytes of {}, but its byte range has {}", needed, name_of(tensor_.dtype),
                         end - begin));
    tensor_.bytes = data_.subspan(begin, end - begin);
    tensors.push_back(std::move(tensor_));
    tensor_ = {};
  }

  const std::string& file_;
  std::span<const std::byte> data_;
  Where where_ = Where::outside;
  bool has_metadata_ = false;
  int field_ = 0;
  int seen_ = 0;
  std::size_t num_offsets_ = 0;
  std::array<std::uint64_t, 2> range_{};
  SafetensorsTensor tensor_;
};

void refuse_equal_names(const std::vector<SafetensorsTensor>& tensors, const std::string& file) {
  std::vector<std::string_view> names;
  names.reserve(tensors.size());
  for (const SafetensorsTensor& tensor : tensors) names.emplace_back(tensor.name);
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice != names.end()) throw SafetensorsError(file, *twice, "the name is there twice");
}

// Sorts by place and refuses overlaps, holes and a rest (F-4).
void order_by_place(std::vector<SafetensorsTensor>& tensors, std::span<const std::byte> data, const std::string& file) {
  std::sort(tensors.begin(), tensors.end(), [](const SafetensorsTensor& a, const SafetensorsTensor& b) {
    return std::pair(a.bytes.data(), a.bytes.size()) < std::pair(b.bytes.data(), b.bytes.size());
  });
  const std::byte* expected = data.data();
  const SafetensorsTensor* before = nullptr;
  for (const SafetensorsTensor& tensor : tensors) {
    if (tensor.bytes.data() < expected)
      throw SafetensorsError(file, tensor.name, fmt::format("its bytes overlap those of {}", in_quotes(before->name)));
    if (tensor.bytes.data() > expected)
      throw SafetensorsError(file, tensor.name,
                             fmt::format("the {} bytes before it belong to no tensor", tensor.bytes.data() - expected));
    expected += tensor.bytes.size();
    before = &tensor;
  }
  if (const auto rest = data.data() + data.size() - expected; rest != 0)
    throw SafetensorsError(file, "", fmt::format("the last {} bytes belong to no tensor", rest));
}

}  // namespace

std::uint64_t num_bytes(const SafetensorsShape& shape, const std::string& file) {
  std::int64_t total = 1;
  bool overflows = false;
  for (const std::int64_t dim : shape.dims) overflows |= __builtin_mul_overflow(total, dim, &total);
  overflows |= __builtin_mul_overflow(total, static_cast<std::int64_t>(bits_of(shape.dtype)), &total);
  if (overflows) throw SafetensorsError(file, shape.name, "its shape overflows");
  if (total % 8 != 0)
    throw SafetensorsError(file, shape.name, fmt::format("its {} bits are no whole number of bytes", total));
  return static_cast<std::uint64_t>(total / 8);
}

std::int64_t SafetensorsTensor::size() const { return static_cast<std::int64_t>(bytes.size() * 8 / bits_of(dtype)); }

std::vector<SafetensorsTensor> parse_safetensors(std::span<const std::byte> contents, const std::string& file) {
  std::uint64_t length = 0;
  if (contents.size() < sizeof length)
    throw SafetensorsError(file, "", fmt::format("{} bytes are too few for a safetensors file", contents.size()));
  std::memcpy(&length, contents.data(), sizeof length);
  contents = contents.subspan(sizeof length);
  if (length > longest_safetensors_header)
    throw SafetensorsError(
        file, "", fmt::format("a header of {} bytes is beyond the limit of {}", length, longest_safetensors_header));
  if (length > contents.size())
    throw SafetensorsError(
        file, "", fmt::format("the header has {} bytes, the file only {} after its length", length, contents.size()));
  const std::span<const std::byte> data = contents.subspan(length);
  HeaderReader reader(file, data);
  reader.read({reinterpret_cast<const char*>(contents.data()), length});
  refuse_equal_names(reader.tensors, file);
  order_by_place(reader.tensors, data, file);
  return std::move(reader.tensors);
}

std::string make_safetensors_header(std::span<const SafetensorsShape> tensors, const std::string& file) {
  std::string text = fmt::format(R"({{"{}":{{"format":"pt"}})", metadata_name);  // what transformers asks of a file
  std::uint64_t begin = 0;
  for (const SafetensorsShape& tensor : tensors) {
    const std::uint64_t end = begin + num_bytes(tensor, file);
    text +=
        fmt::format(R"(,{}:{{"dtype":"{}","shape":[{}],"data_offsets":[{},{}]}})", nlohmann::json(tensor.name).dump(),
                    name_of(tensor.dtype), fmt::join(tensor.dims, ","), begin, end);
    begin = end;
  }
  text += '}';
  text.resize((text.size() + alignment - 1) / alignment * alignment, ' ');
  const std::uint64_t length = text.size();
  return std::string(reinterpret_cast<const char*>(&length), sizeof length) + text;
}

}  // namespace dsrun
