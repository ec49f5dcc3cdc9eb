// parallel.schedule_file: a schedule of the user's own (its form: runtime/schedule/program_file.hpp), read and checked
// together with the job, so that its faults are the job's and its text is part of the Job.
#pragma once

#include <vector>

#include "dsl/text/diagnostic.hpp"
#include "dsl/validate.hpp"

namespace dsrun {

// Fills schedule_text, and `schedule` with "file". With faults the key is marked as faulty.
void read_schedule_file(Job& job, KeyPlaces& places, std::vector<Diagnostic>& faults);

}  // namespace dsrun
