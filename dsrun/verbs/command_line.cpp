#include "dsrun/verbs/command_line.hpp"

#include <algorithm>

#include <CLI/CLI.hpp>

#include "dsrun/exit_codes.hpp"

namespace dsrun {

const VerbOption& VerbOption::required(bool is_required) const {
  option_->required(is_required);
  return *this;
}

const VerbOption& VerbOption::help(const std::string& text) const {
  option_->description(text);
  return *this;
}

const VerbOption& VerbOption::one_of(const std::vector<std::string>& values) const {
  option_->check(CLI::IsMember(values));
  return *this;
}

const VerbOption& VerbOption::range(double lowest, double highest) const {
  option_->check(CLI::Range(lowest, highest));
  return *this;
}

const VerbOption& VerbOption::whole_range(std::int64_t lowest, std::int64_t highest) const {
  option_->check(CLI::Range(lowest, highest));
  return *this;
}

const VerbOption& VerbOption::positive() const {
  option_->check(CLI::PositiveNumber);
  return *this;
}

const VerbOption& VerbOption::not_negative() const {
  option_->check(CLI::NonNegativeNumber);
  return *this;
}

const VerbOption& VerbOption::one_word_each() const {
  option_->type_size(1)->allow_extra_args(false);
  return *this;
}

const VerbOption& VerbOption::excludes(const VerbOption& other) const {
  option_->excludes(other.option_);
  return *this;
}

VerbOption Verb::option(const std::string& name, std::string& value, const std::string& help) {
  return VerbOption(app_->add_option(name, value, help));
}
VerbOption Verb::option(const std::string& name, std::vector<std::string>& value, const std::string& help) {
  return VerbOption(app_->add_option(name, value, help));
}
VerbOption Verb::option(const std::string& name, std::int32_t& value, const std::string& help) {
  return VerbOption(app_->add_option(name, value, help));
}
VerbOption Verb::option(const std::string& name, std::int64_t& value, const std::string& help) {
  return VerbOption(app_->add_option(name, value, help));
}
VerbOption Verb::option(const std::string& name, std::uint32_t& value, const std::string& help) {
  return VerbOption(app_->add_option(name, value, help));
}
VerbOption Verb::option(const std::string& name, std::uint64_t& value, const std::string& help) {
  return VerbOption(app_->add_option(name, value, help));
}
VerbOption Verb::option(const std::string& name, double& value, const std::string& help) {
  return VerbOption(app_->add_option(name, value, help));
}

VerbOption Verb::flag(const std::string& name, bool& value, const std::string& help) {
  return VerbOption(app_->add_flag(name, value, help));
}
VerbOption Verb::flag(const std::string& name, const std::function<void()>& action, const std::string& help) {
  return VerbOption(app_->add_flag_callback(name, action, help));
}

Verb Verb::add(const std::string& name, const std::string& help) {
  app_->require_subcommand(1);
  return Verb(app_->add_subcommand(name, help));
}

void Verb::footer(const std::string& text) { app_->footer(text); }
void Verb::hide() { app_->group(""); }
void Verb::on_use(const std::function<void()>& action) { app_->callback(action); }

CommandLine::CommandLine(const std::string& name, const std::string& about, const std::string& version)
    : Verb(nullptr), owned_(std::make_unique<CLI::App>(about, name)) {
  app_ = owned_.get();
  app_->set_version_flag("--version", version);
  app_->fallthrough();
}

CommandLine::~CommandLine() = default;

std::string CommandLine::help() const { return app_->help(); }

std::optional<int> CommandLine::parse(const std::vector<std::string>& words) {
  std::vector<std::string> backwards(words.rbegin(), words.rend());  // as CLI11 wants them
  try {
    app_->parse(std::move(backwards));
  } catch (const CLI::ParseError& error) {
    return app_->exit(error) == 0 ? exit_done : exit_usage;
  }
  return std::nullopt;
}

}  // namespace dsrun
