// Faults between keys, and the values that follow from others.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "dsl/diagnostic.hpp"
#include "dsl/job.hpp"

namespace dsrun {

// Where each written key stands; a key that is not here has its default.
struct KeyPlaces {
  std::string file;
  std::map<std::string, Place> written;
  std::set<std::string> faulty;  // their value is unusable: rules about them are skipped
};

// Fills what the user left to be derived: layers_per_stage, nodes.
void complete(Job& job);

std::vector<Diagnostic> validate(const Job& job, const KeyPlaces& places);

}  // namespace dsrun
