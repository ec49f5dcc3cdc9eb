// dsrun schema: the JSON Schema of a job file, or its reference page.
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "dsl/keys/schema.hpp"
#include "dsrun/verbs/verbs.hpp"

namespace dsrun {

void add_schema(CommandLine& app, Context&) {
  auto markdown = std::make_shared<bool>(false);
  Verb verb = app.add("schema", "print the JSON Schema of job files, for editors");
  verb.flag("--markdown", *markdown, "print the reference page of all keys instead");
  verb.on_use([markdown] { fmt::print("{}", *markdown ? reference_page() : json_schema().dump(2) + "\n"); });
}

}  // namespace dsrun
