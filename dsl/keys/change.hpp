// What a change of a key's value means: for a job that goes on from a checkpoint, and for one that is running.
#pragma once

#include <cstdint>

#include "runtime/schedule/enum_table.hpp"

namespace dsrun {

// A job goes on from a checkpoint that was made with another value of the key.
enum class Change : std::uint8_t {
  never,      // the saved state, or what it stands for, depends on the value: the checkpoint is useless to this job
  on_resume,  // the value shapes what comes next, not the saved state: the job goes on where --resume allows it
  free,       // the value says only where, how often or how fast: the job goes on
};
inline constexpr EnumNames<Change, 3> change_names({{Change::never, "never"},
                                                    {Change::on_resume, "on_resume"},
                                                    {Change::free, "free"}});

// The value changes while the job runs. Nothing does this yet.
enum class LiveChange : std::uint8_t {
  never,          // the value is fixed once the job has been launched
  between_steps,  // the coordinator alone uses the value: it can take another one up between two steps
  reconfigured,   // devices use the value: they need to be configured anew between two steps
};
inline constexpr EnumNames<LiveChange, 3> live_change_names({{LiveChange::never, "never"},
                                                             {LiveChange::between_steps, "between_steps"},
                                                             {LiveChange::reconfigured, "reconfigured"}});

}  // namespace dsrun
