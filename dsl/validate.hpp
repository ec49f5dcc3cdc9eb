// Faults between keys, and the values that follow from others. A rule is a few lines in validate.cpp.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "dsl/job.hpp"
#include "dsl/text/source.hpp"

namespace dsrun {

// Where each written key stands; a key that is not here has its default.
struct KeyPlaces {
  const Source* file;
  std::map<std::string, SourcePosition> written{};
  std::set<std::string> faulty{};  // their value is unusable: rules about them are skipped
  // False: lines could not be read. A key that is not written may stand in one, so rules about it are skipped, too.
  bool whole = true;
};

// Fills what the user left to be derived: nodes.
void complete(Job& job);

std::vector<Diagnostic> validate(const Job& job, const KeyPlaces& places);

// Whether a job that was made by changing another's fields holds to the same rules.
bool is_valid(const Job& job);

}  // namespace dsrun
