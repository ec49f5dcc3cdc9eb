// [data]: the text, and how it becomes sequences.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace dsrun {

// How documents become sequences: they are cut from one stream, or put whole into the sequences that they fit best,
// which are then padded.
enum class PackingKind : std::uint8_t { stream, best_fit };

// [data]
struct DataSpec {
  std::vector<std::string> files;  // globs, relative to the job file's folder
  std::string tokenizer{};         // tokenizer.json, absolute once launched; "": each byte is a token
  bool strict = false;             // a file without text is an error, else it is skipped with a note
  PackingKind packing = PackingKind::stream;
  double fim_rate = 0;                    // share of documents rearranged as prefix, suffix, middle (arXiv 2207.14255)
  std::vector<std::string> fim_tokens{};  // before prefix, suffix and middle: names in the tokenizer
  double validation_fraction = 0;         // share of the text, its contiguous last part
  std::int64_t validate_every_steps = 0;  // 0: only after the last step
  bool operator==(const DataSpec&) const = default;
};

}  // namespace dsrun
