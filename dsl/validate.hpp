// Checks rules between keys, and fills values that follow from others. A rule is a few lines in validate.cpp.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "dsl/job.hpp"
#include "dsl/text/source.hpp"

namespace dsrun {

// Where each key of the file is written; a key that is not here has its default.
struct KeyPlaces {
  const Source* file;
  std::map<std::string, SourcePosition> written{};
  std::set<std::string> faulty{};  // their value is unusable: rules about them are skipped
  // False: some lines could not be read. A missing key may stand in one of them, so rules about missing keys are
  // skipped too.
  bool whole = true;
};

// Fills the nodes if the user left them to be derived.
void complete(Job& job);

std::vector<Diagnostic> validate(const Job& job, const KeyPlaces& places);

// Whether a job that was made by changing the fields of another job obeys the same rules.
bool is_valid(const Job& job);

}  // namespace dsrun
