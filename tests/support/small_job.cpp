#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <stdexcept>

#include <unistd.h>

#include "dsl/device_kind.hpp"
#include "dsl/parse.hpp"
#include "runtime/backend/backend.hpp"
#include "runtime/data/sources/source.hpp"
#include "tests/support/fake_cluster.hpp"

namespace dsrun::test {

Job small_job(const std::vector<std::string>& overrides) {
  constexpr const char* text = R"([job]
name = "small"
steps = 3
seed = 7
[model]
layers = 4
dense_layers = 1
hidden = 16
heads = 2
q_rank = 8
kv_rank = 8
nope_dim = 4
rope_dim = 4
value_dim = 6
experts = 8
experts_per_token = 2
expert_groups = 4
groups_per_token = 2
shared_experts = 1
expert_hidden = 12
dense_hidden = 20
vocab = "byte"
init_std = 0.2
[batch]
sequences = 16
length = 12
microbatches = 1
[data]
files = ["unused.txt"]
validate_every_steps = 0
[optimizer]
lr = 0.01
final_lr = 0.001
warmup_steps = 2
[balance]
bias_speed = 0.01
[precision]
compute = "fp64"
)";
  const ParseResult parsed = parse_job_text(text, "small.toml", overrides);
  if (!parsed.job) throw std::runtime_error(parsed.faults.empty() ? "no job" : parsed.faults[0].message);
  Job job = *parsed.job;
  // As a launch would choose on such a processor.
  if (job.precision.compute == Precision::bf16 && !backend_for(cpu_kind).computes_in(Precision::bf16))
    job.precision.compute = Precision::fp32;
  return job;
}

std::shared_ptr<const TokenSource> small_corpus(std::size_t num_bytes, double validation_fraction) {
  // Words of a small vocabulary in an order that a linear congruence decides: some structure to learn, no file to ship.
  constexpr const char* words[] = {"and ", "the ", "in ", "beginning ", "was ", "light ", "upon ", "waters\n"};
  std::string text;
  std::uint32_t state = 12345;
  while (text.size() < num_bytes) {
    state = state * 1664525u + 1013904223u;
    text += words[state >> 29];
  }
  text.resize(num_bytes);
  char path[] = "/tmp/dsrun-corpus-XXXXXX";
  const int file = mkstemp(path);
  if (file < 0) throw std::runtime_error("cannot make a temporary file");
  close(file);
  std::ofstream(path) << text;
  constexpr int length = 12;  // of small_job
  const auto corpus = open_source({.files = {path}, .validation_fraction = validation_fraction}, "", length, 1);
  unlink(path);  // the mapping stays
  return corpus;
}

}  // namespace dsrun::test
