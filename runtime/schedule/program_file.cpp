#include "runtime/schedule/program_file.hpp"

#include <algorithm>
#include <charconv>

#include "runtime/schedule/schedule.hpp"

namespace dsrun {
namespace {

constexpr std::string_view blanks = " \t\r";

// The words of one line, up to a comment.
class Words {
 public:
  Words(std::string_view line, int number) : line_(line.substr(0, line.find('#'))), number_(number) {}

  bool indented() const { return !line_.empty() && blanks.find(line_.front()) != std::string_view::npos; }
  bool at_end() {
    next_ = std::min(line_.find_first_not_of(blanks, next_), line_.size());
    return next_ == line_.size();
  }
  TextPlace place() const { return {number_, static_cast<int>(next_) + 1}; }
  // Up to a blank, or a colon, which is a word of its own if `splits`. Precondition: !at_end().
  std::string_view take(bool splits) {
    std::size_t end = std::min(line_.find_first_of(splits ? " \t\r:" : blanks, next_), line_.size());
    if (end == next_) ++end;
    const std::string_view word = line_.substr(next_, end - next_);
    next_ = end;
    return word;
  }

 private:
  std::string_view line_;
  int number_;
  std::size_t next_ = 0;
};

std::optional<int> parse_number(std::string_view digits) {
  int number = 0;
  const char* end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, number);
  if (digits.empty() || error != std::errc{} || stop != end || number < 0) return std::nullopt;
  return number;
}

class ProgramReader {
 public:
  explicit ProgramReader(std::vector<TextFault>& faults) : faults_(faults) {}

  void read_line(Words words) {
    if (words.at_end()) return;
    if (!words.indented()) return read_rank(words);
    if (text_.ranks.empty()) return fault(words.place(), "an indented line goes on with a rank, but none is above it");
    read_instructions(words);
  }

  std::optional<ProgramText> finish() {
    if (text_.ranks.empty() && faults_.empty()) fault({1, 1}, "there is no line \"rank 0 stages …: …\"");
    if (faults_.empty()) count();
    if (!faults_.empty()) return std::nullopt;
    return std::move(text_);
  }

 private:
  void fault(TextPlace at, std::string message) { faults_.push_back({at, std::move(message)}); }

  // "rank 0 stages 0 3<:" and what follows.
  void read_rank(Words& words) {
    const TextPlace at = words.place();
    const int index = static_cast<int>(text_.ranks.size());
    text_.ranks.push_back({at, {}});
    text_.program.ranks.emplace_back();
    const bool named = words.take(true) == "rank" && !words.at_end() && parse_number(words.take(true)) == index &&
                       !words.at_end() && words.take(true) == "stages";
    if (!named)
      return fault(at, "expected \"rank " + std::to_string(index) +
                           " stages …:\" here: ranks come in order, and what goes on with one is indented");
    if (read_stages(words)) read_instructions(words);
  }

  bool read_stages(Words& words) {
    std::vector<Chunk>& chunks = text_.program.ranks.back().chunks;
    for (; !words.at_end();) {
      const TextPlace at = words.place();
      std::string_view word = words.take(true);
      const auto refuse = [&](const std::string& message) {
        fault(at, rank_name() + message);
        return false;
      };
      if (word == ":") return !chunks.empty() || refuse(" has no stages");
      const bool reverse = word.size() > 1 && word.back() == '<';
      if (reverse) word.remove_suffix(1);
      const auto stage = parse_number(word);
      if (!stage) return refuse(": \"" + std::string(word) + "\" is no stage");
      if (chunks.size() == most_stages_per_rank)
        return refuse(" has more than " + std::to_string(most_stages_per_rank) + " stages");
      if (reverse) text_.program.num_directions = 2;
      chunks.push_back({*stage, reverse ? 1 : 0});
    }
    fault(words.place(), rank_name() + ": a colon is missing after its stages");
    return false;
  }

  void read_instructions(Words& words) {
    while (!words.at_end()) {
      const TextPlace at = words.place();
      const std::string word(words.take(false));
      std::string error;
      const auto read = parse_instructions(word, error);
      if (read && read->size() == 1) {
        text_.program.ranks.back().instructions.push_back(read->front());
        text_.ranks.back().instructions.push_back(at);
      } else {
        fault(at, rank_name() + ", instruction " + std::to_string(text_.ranks.back().instructions.size()) + ": \"" +
                      word + "\" is none: F, B, I or W, then phase.microbatch (F0.3), or two joined by & (F0.3&B1.1)");
      }
    }
  }

  std::string rank_name() const { return "rank " + std::to_string(text_.ranks.size() - 1); }

  // What is not written. A microbatch has at least one instruction, so a number beyond them is a slip, not a size.
  void count() {
    Program& program = text_.program;
    std::size_t num_chunks = 0;
    int most = 0;
    for (std::size_t index = 0; index < program.ranks.size(); ++index) {
      const RankProgram& rank = program.ranks[index];
      num_chunks += rank.chunks.size();
      for (std::size_t i = 0; i < rank.instructions.size(); ++i) {
        const auto& [first, overlapped] = rank.instructions[i];
        const int microbatch = std::max(first.microbatch, overlapped ? overlapped->microbatch : 0);
        most = std::max(most, microbatch + 1);
        if (static_cast<std::size_t>(microbatch) < rank.instructions.size()) continue;
        return fault(text_.ranks[index].instructions[i],
                     "rank " + std::to_string(index) + ", instruction " + std::to_string(i) + " (" +
                         to_string(rank.instructions[i]) + "): the rank has only " +
                         std::to_string(rank.instructions.size()) + " instructions, so there is no such microbatch");
      }
    }
    program.num_stages = static_cast<int>(num_chunks) / program.num_directions;
    program.num_microbatches = most * program.num_directions;
    program.schedule = "file";
  }

  std::vector<TextFault>& faults_;
  ProgramText text_;
};

}  // namespace

TextPlace ProgramText::place_of(const ProgramFault& fault) const {
  if (fault.rank < 0 || fault.rank >= std::ssize(ranks)) return {1, 1};
  const Rank& rank = ranks[static_cast<std::size_t>(fault.rank)];
  if (fault.instruction < 0 || rank.instructions.empty()) return rank.at;
  const auto at = std::min(static_cast<std::size_t>(fault.instruction), rank.instructions.size() - 1);
  return rank.instructions[at];
}

std::optional<ProgramText> read_program(std::string_view text, std::vector<TextFault>& faults) {
  ProgramReader reader(faults);
  int number = 0;
  for (std::size_t start = 0; start <= text.size();) {
    const std::size_t end = std::min(text.find('\n', start), text.size());
    reader.read_line(Words(text.substr(start, end - start), ++number));
    start = end + 1;
  }
  return reader.finish();
}

std::string write_program(const Program& program) {
  std::string text = "# " + program.schedule + ": " + std::to_string(program.ranks.size()) + " pipeline ranks, " +
                     std::to_string(program.num_stages) + " stages, " + std::to_string(program.num_microbatches) +
                     " microbatches a step\n";
  for (std::size_t rank = 0; rank < program.ranks.size(); ++rank) {
    text += "rank " + std::to_string(rank) + " stages";
    for (const Chunk& chunk : program.ranks[rank].chunks)
      text += " " + std::to_string(chunk.stage) + (chunk.direction == 1 ? "<" : "");
    text += ":";
    for (const Instruction& instruction : program.ranks[rank].instructions) text += " " + to_string(instruction);
    text += "\n";
  }
  return text;
}

}  // namespace dsrun
