#include "runtime/memory/mapped_arena.hpp"

#include <string>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <fmt/format.h>

namespace dsrun {
namespace {

// What the kernel calls the file behind a descriptor.
std::string name_of(int descriptor) {
  char name[128];
  const ssize_t size = readlink(fmt::format("/proc/self/fd/{}", descriptor).c_str(), name, sizeof name);
  return size > 0 ? std::string(name, static_cast<std::size_t>(size)) : "";
}

}  // namespace

std::shared_ptr<MappedArena> MappedArena::open(const ArenaSource& source) {
  const std::string path = fmt::format("/proc/{}/fd/{}", source.pid, source.descriptor);
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (descriptor < 0) return nullptr;
  // The number may be that of another process by now, or in another namespace: only the right name counts.
  const bool is_it = name_of(descriptor) == fmt::format("/memfd:{} (deleted)", arena_name(source.nonce));
  void* const base =
      is_it ? mmap(nullptr, source.num_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, descriptor, 0)
            : MAP_FAILED;
  ::close(descriptor);
  if (base == MAP_FAILED) return nullptr;
  return std::shared_ptr<MappedArena>(new MappedArena(static_cast<char*>(base), source.num_bytes));
}

MappedArena::~MappedArena() { munmap(base_, size_); }

char* MappedArena::at(std::size_t offset, std::size_t num_bytes) const {
  return offset <= size_ && num_bytes <= size_ - offset ? base_ + offset : nullptr;
}

}  // namespace dsrun
