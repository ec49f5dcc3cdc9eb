// How fast a model of 2 GB comes from a warm page cache into buffers of one's own, and what memory that takes.
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <vector>

#include <fmt/format.h>

#include "runtime/state/safetensors/model.hpp"
#include "runtime/state/safetensors/writer.hpp"

namespace dsrun::test {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t num_tensors = 64, rows = 4096, cols = 4096;
constexpr std::size_t huge_page = 2 << 20;
constexpr std::uint64_t tensor_bytes = rows * cols * 2, model_bytes = num_tensors * tensor_bytes;

double seconds_of(const std::function<void()>& action) {
  const auto start = std::chrono::steady_clock::now();
  action();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// The best of three.
void report(const char* what, const std::function<void()>& action) {
  double best = seconds_of(action);
  for (int turn = 0; turn < 2; ++turn) best = std::min(best, seconds_of(action));
  fmt::print("{:<52} {:>6.2f} GB/s\n", what, model_bytes / best * 1e-9);
}

double peak_gigabytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) * 1024e-9;
}

void write_model(const std::string& folder) {
  std::vector<SafetensorsShape> shapes;
  for (std::int64_t i = 0; i < num_tensors; ++i)
    shapes.push_back({fmt::format("model.layers.{}.weight", i), SafetensorsDtype::bf16, {rows, cols}});
  std::vector<std::byte> bytes(tensor_bytes);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * 2654435761U >> 13 & 0x3f);
  const double seconds = seconds_of([&] {
    write_safetensors_model(folder, shapes, model_bytes / 4, [&](std::size_t, const PutBytes& put) { put(bytes); });
  });
  fmt::print("{:<52} {:>6.2f} GB/s\n", "write and sync, 4 files", model_bytes / seconds * 1e-9);
}

struct Free {
  void operator()(std::byte* memory) const { std::free(memory); }
};
using Buffer = std::unique_ptr<std::byte[], Free>;

// Fresh memory costs a fault a page when it is first written, which small pages make the larger part of the time.
Buffer fresh_buffer(bool huge_pages) {
  Buffer buffer(static_cast<std::byte*>(std::aligned_alloc(huge_page, tensor_bytes)));
  madvise(buffer.get(), tensor_bytes, huge_pages ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
  return buffer;
}

void copy_all(const std::string& folder, bool huge_pages) {
  std::vector<Buffer> owned;
  const SafetensorsModel model = SafetensorsModel::open(folder);
  for (std::int64_t i = 0; i < num_tensors; ++i) {
    const SafetensorsTensor& tensor = *model.find(fmt::format("model.layers.{}.weight", i));
    owned.push_back(fresh_buffer(huge_pages));
    std::copy(tensor.bytes.begin(), tensor.bytes.end(), owned.back().get());
    model.release(tensor);
  }
}

void convert_all(const std::string& folder) {
  std::vector<float> values(rows * cols);
  const SafetensorsModel model = SafetensorsModel::open(folder);
  for (std::int64_t i = 0; i < num_tensors; ++i) {
    const SafetensorsTensor& tensor = *model.find(fmt::format("model.layers.{}.weight", i));
    model.read_f32(tensor, 0, values);
    model.release(tensor);
  }
}

int run() {
  const fs::path folder = fs::temp_directory_path() / fmt::format("dsrun-bench-{}", getpid());
  std::error_code error;
  const fs::space_info space = fs::space(fs::temp_directory_path(), error);
  if (error || space.available < 2 * model_bytes) {
    fmt::print("safetensors: left out, the folder for temporary files has no {} GB free\n", 2 * model_bytes >> 30);
    return 0;
  }
  fmt::print("safetensors, {:.1f} GB of BF16\n", model_bytes * 1e-9);
  write_model(folder.string());
  report("mapped, as floats into one buffer", [&] { convert_all(folder.string()); });
  report("mapped, copied into fresh buffers", [&] { copy_all(folder.string(), false); });
  report("mapped, copied into fresh buffers of huge pages", [&] { copy_all(folder.string(), true); });
  fmt::print("{:<52} {:>6.2f} x the model\n", "most memory of all this", peak_gigabytes() / (model_bytes * 1e-9));
  fs::remove_all(folder, error);
  return 0;
}

}  // namespace
}  // namespace dsrun::test

int main() { return dsrun::test::run(); }
