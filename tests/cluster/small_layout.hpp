// A small model's job on a mesh, made directly rather than from text: these tests stop at this layer.
#pragma once

#include "cluster/plan.hpp"
#include "dsl/job_schedule.hpp"

namespace dsrun::test {

inline Job layout_job(const char* schedule, int pipeline, int data, int expert, int mtp_depth = 0) {
  Job job;
  ModelSpec& model = job.model;
  model.layers = 5;
  model.dense_layers = 1;
  model.hidden = 12;
  model.heads = 2;
  model.q_rank = 5;
  model.kv_rank = 7;
  model.nope_dim = 3;
  model.rope_dim = 2;
  model.value_dim = 3;
  model.experts = 8;
  model.experts_per_token = 2;
  model.expert_groups = 4;
  model.groups_per_token = 2;
  model.shared_experts = 1;
  model.expert_hidden = 5;
  model.dense_hidden = 11;
  model.vocab_size = 256;
  model.mtp_depth = mtp_depth;
  job.parallel.schedule = schedule;
  job.parallel.pipeline = pipeline;
  job.parallel.data = data;
  job.parallel.expert = expert;
  const int stages = num_stages(job.parallel);
  job.parallel.layers_per_stage.assign(static_cast<std::size_t>(stages), 1);
  job.parallel.layers_per_stage.back() += model.layers - stages;
  job.batch.microbatches = 2 * pipeline;
  job.batch.sequences = job.batch.microbatches * data;
  job.batch.length = 6;
  job.balance.load_factor = 1.25;
  job.precision.compute = Precision::bf16;
  return job;
}

}  // namespace dsrun::test
