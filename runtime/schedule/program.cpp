// The text form of a Program, both ways: goldens, `plan --program`, diffs and tests all speak it.
#include "runtime/schedule/program.hpp"

#include <charconv>
#include <sstream>
#include <string_view>

namespace dsrun {
namespace {

std::string to_text(const Half& half) {
  return static_cast<char>(half.kind) + std::to_string(half.phase) + "." + std::to_string(half.microbatch);
}

std::optional<Kind> parse_kind(char letter) {
  for (Kind kind : {Kind::forward, Kind::backward, Kind::backward_input, Kind::weight}) {
    if (letter == static_cast<char>(kind)) return kind;
  }
  return std::nullopt;
}

template <class Number>
std::optional<Number> parse_number(std::string_view digits) {
  Number number{};
  const char* end = digits.data() + digits.size();
  auto [stop, error] = std::from_chars(digits.data(), end, number);
  if (error != std::errc{} || stop != end || digits.front() == '-') return std::nullopt;
  return number;
}

std::optional<Half> parse_half(std::string_view word) {
  const auto dot = word.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const auto kind = parse_kind(word.front());
  const auto phase = parse_number<std::uint8_t>(word.substr(1, dot - 1));
  const auto microbatch = parse_number<int>(word.substr(dot + 1));
  if (!kind || !phase || !microbatch) return std::nullopt;
  return Half{*kind, *phase, *microbatch};
}

std::optional<Instruction> parse_instruction(std::string_view word) {
  const auto joint = word.find('&');
  const auto first = parse_half(word.substr(0, joint));
  if (!first) return std::nullopt;
  if (joint == std::string_view::npos) return Instruction{*first, std::nullopt};
  const auto overlapped = parse_half(word.substr(joint + 1));
  if (!overlapped) return std::nullopt;
  return Instruction{*first, overlapped};
}

}  // namespace

std::string to_string(const Instruction& instruction) {
  std::string text = to_text(instruction.first);
  if (instruction.overlapped) text.append("&").append(to_text(*instruction.overlapped));
  return text;
}

std::string to_string(const RankProgram& rank, int rank_index) {
  std::string text = "rank " + std::to_string(rank_index) + ":";
  for (const Instruction& instruction : rank.instructions) text.append(" ").append(to_string(instruction));
  return text;
}

std::string to_string(const Program& program) {
  std::string text;
  int index = 0;
  for (const RankProgram& rank : program.ranks) text += to_string(rank, index++) + "\n";
  return text;
}

std::optional<std::vector<Instruction>> parse_instructions(const std::string& text, std::string& error) {
  std::vector<Instruction> instructions;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    const auto instruction = parse_instruction(word);
    if (!instruction) {
      error = "word " + std::to_string(instructions.size() + 1) + ", \"" + word +
              "\": expected F, B, I or W, then phase.microbatch (F0.3), or two such joined by & (F0.3&B1.1)";
      return std::nullopt;
    }
    instructions.push_back(*instruction);
  }
  return instructions;
}

}  // namespace dsrun
