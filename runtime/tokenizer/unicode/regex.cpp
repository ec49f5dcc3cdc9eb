#include "runtime/tokenizer/unicode/regex.hpp"

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

Regex::Regex(const std::string& pattern, unsigned options) {
  struct Free {
    void operator()(pcre2_compile_context* context) const { pcre2_compile_context_free(context); }
  };
  const std::unique_ptr<pcre2_compile_context, Free> context(made(pcre2_compile_context_create(nullptr)));
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  int error = 0;
  PCRE2_SIZE at = 0;
  pcre2_code* code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(), options | PCRE2_UTF,
                                   &error, &at, context.get());
  if (code == nullptr)
    throw std::invalid_argument(fmt::format("{} (at byte {} of \"{}\")", message_of(error), at, pattern));
  code_ = std::make_shared<const Code>(code);
}

Regex Regex::from_oniguruma(std::string_view pattern) {
  return Regex(pcre_of_oniguruma(pattern), PCRE2_UCP | PCRE2_MULTILINE);
}

Regex Regex::of_text(std::string_view text) { return Regex(std::string(text), PCRE2_LITERAL); }

std::optional<Span> Regex::find(std::string_view text, std::size_t from, RegexScratch& scratch) const {
  const auto* subject = reinterpret_cast<PCRE2_SPTR>(text.data());
  const RegexScratch::State& state = *scratch.state_;
  const int found =
      code_->fast
          ? pcre2_jit_match(code_->code, subject, text.size(), from, 0, state.match, state.context)
          : pcre2_match(code_->code, subject, text.size(), from, PCRE2_NO_UTF_CHECK, state.match, state.context);
  if (found == PCRE2_ERROR_NOMATCH) return std::nullopt;
  if (found < 0) throw std::runtime_error(fmt::format("a regex of the tokenizer: {}", message_of(found)));
  const PCRE2_SIZE* bounds = pcre2_get_ovector_pointer(state.match);
  return Span{bounds[0], bounds[1]};
}

}  // namespace dsrun
