// A folder with a model in safetensors form: model.safetensors, or the files of model.safetensors.index.json. Every
// header is checked when it is opened; weights are read where they are needed, as floats.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/state/safetensors/file.hpp"
#include "runtime/state/safetensors/index.hpp"

namespace dsrun {

inline constexpr std::string_view safetensors_file_name = "model.safetensors";
inline constexpr std::string_view safetensors_index_name = "model.safetensors.index.json";

class SafetensorsModel {
 public:
  // Prefers the single file, as transformers does, and takes an index for a list of files: what they hold counts, as it
  // does there. Throws SafetensorsError if there is no model or a file is not valid.
  static SafetensorsModel open(const std::string& folder);

  // For people: where index and files disagree.
  const std::vector<std::string>& notes() const { return notes_; }
  // "; the index names …, which is missing" where files are missing, else "".
  std::string why_missing() const;

  std::span<const SafetensorsFile> files() const { return files_; }
  std::size_t num_tensors() const { return tensors_.size(); }
  std::uint64_t num_bytes() const;                             // of all tensors
  const SafetensorsTensor* find(std::string_view name) const;  // null: there is none
  // Throws SafetensorsError if there is no such tensor, if two files hold different ones, or if it has another shape.
  const SafetensorsTensor& get(std::string_view name, std::span<const std::int64_t> dims) const;
  const std::string& file_of(const SafetensorsTensor& tensor) const;  // of a tensor of this model

  // Elements [begin, begin + out.size()) of a tensor of this model. FP8 is multiplied by the 128 × 128 block scales in
  // <name>_scale_inv, which must be there; a tensor of three dims is as many matrices, each with blocks of its own.
  // Throws SafetensorsError for types that weights cannot have.
  void read_f32(const SafetensorsTensor& tensor, std::int64_t begin, std::span<float> out) const;
  bool reads_as_f32(const SafetensorsTensor& tensor) const;  // whether that does not throw
  // As SafetensorsFile::release.
  void release(const SafetensorsTensor& tensor) const;

 private:
  struct Located {
    const SafetensorsTensor* tensor;
    std::uint32_t file;
  };
  explicit SafetensorsModel(std::string folder) : folder_(std::move(folder)) {}
  void list_tensors();
  void open_files_of(const std::string& index_path);
  void drop_equal_ones();
  void compare_with(const SafetensorsIndex& index);
  const Located* locate(std::string_view name) const;
  const SafetensorsTensor& scales_of(const SafetensorsTensor& weight) const;
  void apply_scales(const SafetensorsTensor& weight, std::int64_t begin, std::span<float> values) const;
  [[noreturn]] void refuse(const SafetensorsTensor& tensor, const std::string& what) const;

  std::string folder_;
  std::vector<SafetensorsFile> files_;
  std::vector<Located> tensors_;                     // by name
  std::map<std::string_view, std::uint32_t> twice_;  // tensors of which this other file holds a different one
  std::vector<std::string> missing_files_;           // that the index names
  std::vector<std::string> notes_;
};

}  // namespace dsrun
