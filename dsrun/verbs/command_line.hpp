// The command line: verbs and their options. A thin layer over CLI11, which takes 3.4 s to parse, so that
// command_line.cpp alone includes it.
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace dsrun {

// A handle of an option or argument of a verb. The calls that limit its value make any other value a usage error.
class VerbOption {
 public:
  explicit VerbOption(CLI::Option* option) : option_(option) {}

  const VerbOption& required(bool is_required = true) const;
  const VerbOption& help(const std::string& text) const;
  const VerbOption& one_of(const std::vector<std::string>& values) const;
  template <std::integral Number>
  const VerbOption& range(Number lowest, Number highest) const {
    return whole_range(static_cast<std::int64_t>(lowest), static_cast<std::int64_t>(highest));
  }
  const VerbOption& range(double lowest, double highest) const;
  const VerbOption& positive() const;
  const VerbOption& not_negative() const;
  const VerbOption& one_word_each() const;  // of a repeatable option: the words that follow its value are not its own
  const VerbOption& excludes(const VerbOption& other) const;

 private:
  const VerbOption& whole_range(std::int64_t lowest, std::int64_t highest) const;

  CLI::Option* option_;
};

class Verb {
 public:
  explicit Verb(CLI::App* app) : app_(app) {}

  // `name`: "--threads", "-o,--output", or "FILE" for an argument. `value` holds the default, and has to outlive the
  // parsing.
  VerbOption option(const std::string& name, std::string& value, const std::string& help);
  VerbOption option(const std::string& name, std::vector<std::string>& value, const std::string& help);
  VerbOption option(const std::string& name, std::int32_t& value, const std::string& help);
  VerbOption option(const std::string& name, std::int64_t& value, const std::string& help);
  VerbOption option(const std::string& name, std::uint32_t& value, const std::string& help);
  VerbOption option(const std::string& name, std::uint64_t& value, const std::string& help);
  VerbOption option(const std::string& name, double& value, const std::string& help);
  VerbOption flag(const std::string& name, bool& value, const std::string& help);
  VerbOption flag(const std::string& name, const std::function<void()>& action, const std::string& help);

  Verb add(const std::string& name, const std::string& help);  // a verb below this one, of which one is required
  void footer(const std::string& text);                        // below the help
  void hide();                                                 // from the list of verbs
  void on_use(const std::function<void()>& action);            // called by the parsing, once all options are read

 protected:
  CLI::App* app_;
};

// The program itself: its own options may stand after the verb as well.
class CommandLine : public Verb {
 public:
  CommandLine(const std::string& name, const std::string& about, const std::string& version);
  ~CommandLine();
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;

  std::string help() const;
  // Parses the words after the program's name and calls the verb's action. Otherwise prints a fault, or the help or
  // version that was asked for, and returns the exit code.
  std::optional<int> parse(const std::vector<std::string>& words);

 private:
  std::unique_ptr<CLI::App> owned_;
};

}  // namespace dsrun
