// A file of an exported model besides its weights.
#pragma once

#include <string>

namespace dsrun {

struct ExportFile {
  std::string name;  // within the export's folder; it may lie in a folder there
  std::string content;
};

}  // namespace dsrun
