// parallel.schedule_file: a schedule of the user's own (format: runtime/schedule/program_file.hpp). It is read and
// checked together with the job, so that its faults are the job's faults and its text is part of the Job.
#pragma once

#include <vector>

#include "dsl/text/diagnostic.hpp"
#include "dsl/validate.hpp"

namespace dsrun {

// Fills schedule_text, and sets `schedule` to "file". If there are faults, marks the key as faulty.
void read_schedule_file(Job& job, KeyPlaces& places, std::vector<Diagnostic>& faults);

}  // namespace dsrun
