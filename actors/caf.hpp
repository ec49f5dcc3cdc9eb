// The one file that includes CAF (0.17), so that another version is one file's change.
#pragma once

#include <caf/all.hpp>
#include <caf/scheduler/test_coordinator.hpp>
