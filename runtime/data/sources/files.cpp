#include "runtime/data/sources/files.hpp"

#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <glob.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

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

// What a file that is no UTF-8 text begins with.
struct Form {
  std::string_view begin, name, remedy;
};
constexpr Form forms[] = {{"\x1f\x8b", "compressed by gzip", "gunzip"},
                          {"\x28\xb5\x2f\xfd", "compressed by zstd", "unzstd"},
                          {"\xfd"
                           "7zXZ",
                           "compressed by xz", "unxz"},
                          {"BZh91AY&SY", "compressed by bzip2", "bunzip2"},
                          {"PK\x03\x04", "a zip archive", "unzip"},
                          {"PAR1\x15", "in Parquet's form", "duckdb"},
                          {"\xff\xfe", "UTF-16", "iconv -f UTF-16 -t UTF-8"},
                          {"\xfe\xff", "UTF-16", "iconv -f UTF-16 -t UTF-8"}};

[[noreturn]] void fail(const std::string& path, const char* why) { throw DataError(fmt::format("{}: {}", path, why)); }

}  // namespace

std::set<std::string> find_data_files(const std::vector<std::string>& patterns, const std::string& folder) {
  std::set<std::string> paths;
  for (const std::string& pattern : patterns) {
    const bool absolute = !pattern.empty() && pattern[0] == '/';
    const std::vector<std::string> found =
        expand(absolute || folder.empty() ? pattern : escaped(folder) + "/" + pattern);
    if (found.empty())
      throw DataError(fmt::format("no file matches \"{}\"{}", pattern,
                                  absolute || folder.empty() ? "" : fmt::format(" (looked in {})", folder)));
    paths.insert(found.begin(), found.end());
  }
  return paths;
}

MappedFile::MappedFile(const std::string& path) : path_(path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a pipe must not wait for its writer
  if (file < 0) fail(path, std::strerror(errno));
  struct stat status {};
  const char* fault = fstat(file, &status) != 0  ? std::strerror(errno)
                      : !S_ISREG(status.st_mode) ? "not a regular file"
                                                 : nullptr;
  if (fault == nullptr && status.st_size > 0) {
    void* data = mmap(nullptr, static_cast<std::size_t>(status.st_size), PROT_READ, MAP_PRIVATE, file, 0);
    if (data == MAP_FAILED) fault = std::strerror(errno);
    data_ = static_cast<const std::uint8_t*>(data);
    size_ = status.st_size;
  }
  close(file);
  if (fault != nullptr) fail(path, fault);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)), data_(std::exchange(other.data_, nullptr)), size_(other.size_) {}

std::string fault_of_text(const MappedFile& file) {
  if (file.size() == 0) return "the file is empty";
  for (const Form& form : forms)
    if (file.text().starts_with(form.begin))
      return fmt::format("the file is {}: make UTF-8 text of it with `{}`", form.name, form.remedy);
  return "";
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) munmap(const_cast<std::uint8_t*>(data_), static_cast<std::size_t>(size_));
}

}  // namespace dsrun
