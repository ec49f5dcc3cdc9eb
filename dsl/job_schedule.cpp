#include "dsl/job_schedule.hpp"

#include <stdexcept>

#include <fmt/format.h>

#include "runtime/schedule/program_file.hpp"
#include "runtime/schedule/schedule.hpp"

namespace dsrun {
namespace {

ScheduleShape shape_of(const ParallelSpec& parallel, int num_microbatches) {
  return {parallel.pipeline, num_microbatches, parallel.stages_per_rank};
}

const ScheduleRow& row_of(const ParallelSpec& parallel) {
  const ScheduleRow* row = find_schedule(parallel.schedule);
  if (row == nullptr) throw std::logic_error("unknown schedule " + parallel.schedule);
  return *row;
}

std::optional<Program> program_of_file(const ParallelSpec& parallel) {
  std::vector<TextFault> faults;
  auto text = read_program(parallel.schedule_text, faults);
  if (!text) return std::nullopt;
  return std::move(text->program);
}

}  // namespace

int num_stages(const ParallelSpec& parallel) {
  if (!parallel.from_file()) return row_of(parallel).num_stages(shape_of(parallel, 1));
  const auto program = program_of_file(parallel);
  return program ? program->num_stages : parallel.pipeline;
}

std::optional<std::string> schedule_fault(const ParallelSpec& parallel, int num_microbatches) {
  if (!parallel.from_file()) return row_of(parallel).fault(shape_of(parallel, num_microbatches));
  const auto program = program_of_file(parallel);
  if (!program) return "the schedule file is not readable";
  if (program->num_microbatches == num_microbatches) return std::nullopt;
  return fmt::format("the schedule file is for {} microbatches, not {}", program->num_microbatches, num_microbatches);
}

Program build_program(const ParallelSpec& parallel, int num_microbatches) {
  if (const auto fault = schedule_fault(parallel, num_microbatches)) throw std::logic_error(*fault);
  const ScheduleShape shape = shape_of(parallel, num_microbatches);
  Program program = parallel.from_file() ? *program_of_file(parallel) : row_of(parallel).build(shape);
  const std::vector<ProgramFault> faults =
      parallel.from_file() ? check_program(program) : check_schedule(row_of(parallel), shape, program);
  if (!faults.empty()) throw std::logic_error("schedule " + program.schedule + ": " + faults[0].message);
  return program;
}

}  // namespace dsrun
