#include "dsrun/run/run_folder.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "dsl/keys/job_difference.hpp"
#include "dsl/write.hpp"
#include "dsrun/run/imported_files.hpp"
#include "runtime/metrics/metrics.hpp"

namespace dsrun {
namespace {

namespace fs = std::filesystem;

bool has_run(const std::string& path) { return fs::exists(path + "/job.toml") || fs::exists(path + "/metrics.jsonl"); }

Refusal refuse(const std::string& path, const std::string& reason, const std::string& resume) {
  return {exit_usage, fmt::format("{} holds a run {}\n  --resume   {}\n  --restart  moves it to {}.N and starts again",
                                  path, reason, resume, path)};
}

bool in_use(const std::string& path) {
  const int file = open((path + "/lock").c_str(), O_RDWR | O_CLOEXEC);
  if (file < 0) return false;
  const bool held = flock(file, LOCK_EX | LOCK_NB) != 0;
  close(file);
  return held;
}

std::string free_name(const std::string& path) {
  for (int number = 1;; ++number)
    if (std::string name = fmt::format("{}.{}", path, number); !fs::exists(name)) return name;
}

}  // namespace

std::variant<FolderPlan, Refusal> plan_run_folder(const std::string& path, const Job& job, std::uint64_t text,
                                                  FolderFlags flags) {
  if (!has_run(path)) return FolderPlan{path, false, std::nullopt, {}};
  if (in_use(path)) return Refusal{exit_usage, fmt::format("{}: another dsrun is running there", path)};
  if (flags.restart) return FolderPlan{path, true, std::nullopt, {}};
  std::optional<SavedState> saved;
  try {
    saved = find_saved_state(path);
  } catch (const StorageError& error) {
    return Refusal{exit_storage, error.what()};
  }
  const std::vector<std::int64_t> damaged = find_damaged_checkpoints(path);
  if (!saved && !damaged.empty())
    return refuse(path,
                  fmt::format("whose checkpoint{} of step {} is damaged; it has no other",
                              damaged.size() > 1 ? "s" : "", fmt::join(damaged, ", ")),
                  "is not possible before the missing files are put back");
  if (!saved) {
    if (flags.resume) return FolderPlan{path, false, std::nullopt, {}};
    return refuse(path, "without a checkpoint", "runs this job here from its first step");
  }
  JobDifference difference = job_difference(nlohmann::json::parse(saved->manifest.job), job);
  if (!difference.fixed.empty())
    return refuse(path, fmt::format("of another job; these keys differ: {}", fmt::join(difference.fixed, ", ")),
                  "is not possible: its checkpoint does not fit these keys");
  if (saved->text && *saved->text != text) difference.changeable.emplace_back("the text that data.files names");
  if (!difference.changeable.empty() && !flags.resume)
    return refuse(path, fmt::format("of another job; these keys differ: {}", fmt::join(difference.changeable, ", ")),
                  fmt::format("continues from its checkpoint of step {} with the new values", saved->step()));
  FolderPlan plan{path, false, std::move(saved), {}};
  for (const std::int64_t step : damaged)
    if (step > plan.from->step())
      plan.notes.push_back(fmt::format("the checkpoint of step {} is damaged and not used", step));
  return plan;
}

RunFolder::RunFolder(const FolderPlan& plan, const Job& job) : path_(plan.path) {
  try {
    if (plan.move_away) {
      lock();  // nobody may be running there
      close(lock_);
      moved_to_ = free_name(path_);
      fs::rename(path_, moved_to_);
    }
    fs::create_directories(path_);
    lock();
    const std::int64_t kept_steps = plan.from ? plan.from->step() : 0;
    drop_lines_after(file("metrics.jsonl"), kept_steps);
  } catch (const fs::filesystem_error& error) {
    throw StorageError(fmt::format("{}: {}", path_, error.code().message()));
  }
  write(job);
}

// A schedule of the user's own stays with the run.
void RunFolder::write(Job job) const {
  const auto put = [&](const std::string& name, const std::string& text) {
    std::ofstream out(file(name));
    out << text;
    if (!out.flush()) throw StorageError(fmt::format("cannot write {}", file(name)));
  };
  if (job.parallel.from_file()) {
    job.parallel.schedule_file = "schedule.txt";
    put(job.parallel.schedule_file, job.parallel.schedule_text);
  }
  keep_imported_files(job.model.init_from, file(kept_import));
  put("job.toml", to_toml(job));
}

void RunFolder::lock() {
  lock_ = open(file("lock").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0644);
  if (lock_ < 0) throw StorageError(fmt::format("{}: {}", file("lock"), std::strerror(errno)));
  if (flock(lock_, LOCK_EX | LOCK_NB) == 0) return;
  close(lock_);
  throw StorageError(fmt::format("{}: another dsrun is running there", path_));
}

RunFolder::~RunFolder() { close(lock_); }

}  // namespace dsrun
