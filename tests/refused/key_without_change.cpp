// Does not compile: the row does not say what a change of the key means to a job that goes on from a checkpoint.
#include "dsl/keys/keys.hpp"

dsrun::Key<dsrun::Job> key{.name = "steps", .field = [](dsrun::Job & job) -> auto& {return job.run.steps;
}
, .live = dsrun::LiveChange::never, .help = "Steps."
}
;
