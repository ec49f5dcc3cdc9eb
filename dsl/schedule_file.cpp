#include "dsl/schedule_file.hpp"

#include <filesystem>
#include <fstream>

#include <fmt/format.h>

#include "dsl/text/utf8.hpp"
#include "runtime/schedule/program_file.hpp"

namespace dsrun {
namespace {

constexpr const char* key = "parallel.schedule_file";
constexpr std::size_t most_shown = 20;  // faults of one file: a missing line makes many

// Why it cannot be read, or nullptr.
const char* read_text(const std::string& path, std::string& text) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return "there is no such file";
  if (!std::filesystem::is_regular_file(path, error)) return "it is not a plain file";
  std::ifstream file(path, std::ios::binary);
  if (!file) return "opening it failed";
  text.resize(largest_source + 1);  // one byte more shows that a file is too large
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) return "reading it failed";
  text.resize(static_cast<std::size_t>(file.gcount()));
  return text.size() > largest_source ? "it is too large for a schedule" : nullptr;
}

std::vector<TextFault> faults_of(const std::string& text) {
  std::vector<TextFault> faults;
  const auto read = read_program(text, faults);
  if (!read) return faults;
  for (const ProgramFault& found : check_program(read->program))
    faults.push_back({read->place_of(found), found.message});
  return faults;
}

}  // namespace

void read_schedule_file(Job& job, KeyPlaces& places, std::vector<Diagnostic>& faults) {
  ParallelSpec& parallel = job.parallel;
  if (!parallel.from_file()) return;
  if (!places.written.contains("parallel.schedule")) parallel.schedule = "file";
  const Place named = places.written.at(key).place(key);
  const std::string path = (std::filesystem::path(job.folder) / parallel.schedule_file).lexically_normal().string();
  std::string text;
  if (const char* why = read_text(path, text)) {
    faults.push_back({named,
                      {},
                      fmt::format("cannot read the schedule {}: {}", printable(path), why),
                      "give a file as `dsrun plan FILE --program-file` prints it"});
    places.faulty.insert(key);
    return;
  }
  const Source source(printable(path), text);
  const std::vector<TextFault> found = faults_of(text);
  for (std::size_t i = 0; i < std::min(found.size(), most_shown); ++i)
    faults.push_back({source.place(found[i].at.line, found[i].at.column, key), named, printable(found[i].message),
                      "docs/schedules.md has the form of such a file"});
  if (found.size() > most_shown)
    faults.push_back({source.place(0, 0, key), named,
                      fmt::format("the schedule has {} more faults", found.size() - most_shown),
                      "begin with the first"});
  if (found.empty())
    parallel.schedule_text = std::move(text);
  else
    places.faulty.insert(key);
}

}  // namespace dsrun
