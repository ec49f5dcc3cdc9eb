#include "dsrun/export/imported_folder.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "dsrun/export/read_file.hpp"
#include "dsrun/run/imported_files.hpp"
#include "models/arch/hugging_face.hpp"
#include "runtime/device/parameters/pretrained.hpp"

namespace dsrun {

ImportedFolder read_imported_folder(const std::string& folder, const Job& job) {
  ImportedFolder found{folder, read_file(folder + "/config.json"), {}};
  const HuggingFaceConfig config = read_pretrained_config(folder, job.model.accept).config.value();
  const std::vector<std::string> other = differences(config.model, job.model);
  if (!other.empty())
    throw StorageError(
        fmt::format("{}/config.json is of another model than the run:\n  {}", folder, fmt::join(other, "\n  ")));
  for (const std::string& name : imported_files(folder))
    if (name != "config.json") found.files.push_back({name, read_file(folder + "/" + name)});
  return found;
}

}  // namespace dsrun
