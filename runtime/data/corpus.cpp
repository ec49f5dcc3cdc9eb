#include "runtime/data/corpus.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>

#include <fcntl.h>
#include <glob.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace dsrun {
namespace {

std::vector<std::string> expand(const std::string& pattern) {
  glob_t found{};
  std::vector<std::string> paths;
  if (glob(pattern.c_str(), GLOB_NOSORT, nullptr, &found) == 0)
    paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  globfree(&found);
  return paths;
}

// A folder's own name is no pattern, whatever characters it has.
std::string escaped(const std::string& folder) {
  std::string text;
  for (const char c : folder) {
    if (c == '*' || c == '?' || c == '[' || c == '\\') text += '\\';
    text += c;
  }
  return text;
}

struct Mapped {
  const std::uint8_t* data = nullptr;
  std::int64_t size = 0;
  std::string error;
};

Mapped map_file(const std::string& path) {
  const auto failed = [&](const std::string& why) { return Mapped{nullptr, 0, fmt::format("{}: {}", path, why)}; };
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a pipe must not wait for its writer
  if (file < 0) return failed(std::strerror(errno));
  struct stat status {};
  Mapped mapped;
  if (fstat(file, &status) != 0) {
    mapped = failed(std::strerror(errno));
  } else if (!S_ISREG(status.st_mode)) {
    mapped = failed("not a regular file");
  } else if (status.st_size == 0) {
    mapped = failed("the file is empty");
  } else {
    void* data = mmap(nullptr, static_cast<std::size_t>(status.st_size), PROT_READ, MAP_PRIVATE, file, 0);
    mapped = data == MAP_FAILED ? failed(std::strerror(errno))
                                : Mapped{static_cast<const std::uint8_t*>(data), status.st_size, {}};
  }
  close(file);
  return mapped;
}

}  // namespace

Corpus::~Corpus() {
  for (const File& file : files_) munmap(const_cast<std::uint8_t*>(file.data), static_cast<std::size_t>(file.size));
}

const Corpus::File& Corpus::file_at(std::int64_t position) const {
  const auto after = std::upper_bound(files_.begin(), files_.end(), position,
                                      [](std::int64_t at, const File& file) { return at < file.begin; });
  return *(after - 1);
}

std::uint8_t Corpus::byte(std::int64_t position) const {
  const File& file = file_at(position);
  return file.data[position - file.begin];
}

void Corpus::copy(std::int64_t position, std::int64_t count, std::int32_t* tokens) const {
  while (count > 0) {
    const File& file = file_at(position);
    const std::int64_t here = std::min(count, file.begin + file.size - position);
    std::copy_n(file.data + (position - file.begin), here, tokens);
    position += here;
    count -= here;
    tokens += here;
  }
}

std::variant<std::shared_ptr<const Corpus>, CorpusError> open_corpus(const std::vector<std::string>& patterns,
                                                                     const std::string& folder, int length,
                                                                     double validation_fraction) {
  std::set<std::string> paths;
  if (patterns.empty()) return CorpusError{"data.files is empty: a job that trains needs text"};
  for (const std::string& pattern : patterns) {
    const bool absolute = !pattern.empty() && pattern[0] == '/';
    const std::vector<std::string> found =
        expand(absolute || folder.empty() ? pattern : escaped(folder) + "/" + pattern);
    if (found.empty())
      return CorpusError{fmt::format("no file matches \"{}\"{}", pattern,
                                     absolute || folder.empty() ? "" : fmt::format(" (looked in {})", folder))};
    paths.insert(found.begin(), found.end());
  }
  std::shared_ptr<Corpus> corpus(new Corpus());
  for (const std::string& path : paths) {
    const Mapped mapped = map_file(path);
    if (mapped.data == nullptr) return CorpusError{mapped.error};
    corpus->files_.push_back({mapped.data, corpus->size_, mapped.size});
    corpus->size_ += mapped.size;
  }
  corpus->training_ =
      corpus->size_ - static_cast<std::int64_t>(static_cast<double>(corpus->size_) * validation_fraction);
  if (corpus->training_ < length + 1)
    return CorpusError{
        fmt::format("{}: {} bytes of text for training are less than one sequence: {} tokens and a target",
                    fmt::join(paths, ", "), corpus->training_, length)};
  return std::shared_ptr<const Corpus>(std::move(corpus));
}

}  // namespace dsrun
