#include "runtime/tokenizer/regex/regex.hpp"

#include <new>
#include <stdexcept>

#include <fmt/format.h>
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

namespace dsrun {
namespace {

constexpr std::size_t first_stack = 32 << 10, largest_stack = 64 << 20;  // bytes; grows by need

std::string message_of(int error) {
  PCRE2_UCHAR text[200] = {};
  pcre2_get_error_message(error, text, sizeof text);
  return reinterpret_cast<const char*>(text);
}

template <class T>
T* made(T* pointer) {
  if (pointer == nullptr) throw std::bad_alloc();
  return pointer;
}

// A set of bytes in PCRE2's spelling.
std::string class_of(const std::bitset<256>& bytes) {
  if (bytes.none()) return "(?!)";
  std::string text = "[";
  for (std::size_t first = 0; first < bytes.size(); ++first) {
    if (!bytes[first]) continue;
    std::size_t last = first;
    while (last + 1 < bytes.size() && bytes[last + 1]) ++last;
    text += last == first ? fmt::format("\\x{:02x}", first) : fmt::format("\\x{:02x}-\\x{:02x}", first, last);
    first = last;
  }
  return text + "]";
}

std::string spell(const Pattern& pattern, const KindTable& kinds) {
  std::string text;
  for (const Pattern::Part& part : pattern.parts) {
    const auto* set = std::get_if<CharacterSet>(&part);
    text += set != nullptr ? class_of(kinds.kinds_of(*set)) : std::get<std::string>(part);
  }
  return text;
}

}  // namespace

struct RegexScratch::State {
  State() : match(made(pcre2_match_data_create(1, nullptr))), context(made(pcre2_match_context_create(nullptr))) {
    stack = pcre2_jit_stack_create(first_stack, largest_stack, nullptr);  // null where there is no such compiler
    if (stack != nullptr) pcre2_jit_stack_assign(context, nullptr, stack);
  }
  ~State() {
    pcre2_jit_stack_free(stack);
    pcre2_match_context_free(context);
    pcre2_match_data_free(match);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  pcre2_match_data* match;
  pcre2_match_context* context;
  pcre2_jit_stack* stack = nullptr;
};

RegexScratch::RegexScratch() : state_(std::make_unique<State>()) {}
RegexScratch::~RegexScratch() = default;

struct Regex::Code {
  explicit Code(pcre2_code* compiled) : code(compiled), fast(pcre2_jit_compile(compiled, PCRE2_JIT_COMPLETE) == 0) {}
  ~Code() { pcre2_code_free(code); }
  Code(const Code&) = delete;
  Code& operator=(const Code&) = delete;

  pcre2_code* code;
  bool fast;  // compiled to machine code
};

Regex::Regex(const Pattern& pattern, const KindTable& kinds) {
  struct Free {
    void operator()(pcre2_compile_context* context) const { pcre2_compile_context_free(context); }
  };
  const std::unique_ptr<pcre2_compile_context, Free> context(made(pcre2_compile_context_create(nullptr)));
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  const std::string spelled = spell(pattern, kinds);
  int error = 0;
  PCRE2_SIZE at = 0;
  pcre2_code* code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(spelled.data()), spelled.size(), PCRE2_MULTILINE,
                                   &error, &at, context.get());
  if (code == nullptr) throw std::invalid_argument(fmt::format("{} (in \"{}\")", message_of(error), pattern.source));
  code_ = std::make_shared<const Code>(code);
}

std::optional<Span> Regex::find(std::string_view kinds, std::size_t from, RegexScratch& scratch) const {
  const auto* subject = reinterpret_cast<PCRE2_SPTR>(kinds.data());
  const RegexScratch::State& state = *scratch.state_;
  const auto match = code_->fast ? pcre2_jit_match : pcre2_match;
  const int found = match(code_->code, subject, kinds.size(), from, 0, state.match, state.context);
  if (found == PCRE2_ERROR_NOMATCH) return std::nullopt;
  if (found < 0) throw std::runtime_error(fmt::format("a regex of the tokenizer: {}", message_of(found)));
  const PCRE2_SIZE* bounds = pcre2_get_ovector_pointer(state.match);
  return Span{bounds[0], bounds[1]};
}

}  // namespace dsrun
