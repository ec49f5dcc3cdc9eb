#include "cluster/report/chart/page.hpp"

#include <array>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "cluster/report/chart/markup.hpp"
#include "cluster/report/chart/page_parts.hpp"
#include "cluster/report/chart/units.hpp"

namespace dsrun {
namespace {

std::string facts(const PageInput& input) {
  const Job& job = input.plan.job;
  const Mesh& mesh = input.plan.mesh;
  const Forecast& forecast = input.forecast;
  const std::array<std::pair<std::string_view, std::string>, 8> rows = {{
      {"step", time_text(forecast.step_seconds)},
      {"idle", percent_text(forecast.bubble)},
      {"tokens/s", count_text(forecast.tokens_per_second)},
      {"MFU", percent_text(forecast.mfu)},
      {"schedule", fmt::format("{}, {} microbatches", job.parallel.schedule, job.batch.microbatches)},
      {"ranks", fmt::format("{} = pipeline {} × data {}, expert groups of {}", mesh.size(), mesh.pipeline, mesh.data,
                            mesh.expert)},
      {"parameters", count_text(static_cast<double>(input.plan.parameters))},
      {"tokens a step", count_text(forecast.tokens_per_step)},
  }};
  std::string html = "<dl>";
  for (const auto& [name, value] : rows)
    fmt::format_to(std::back_inserter(html), "<div><dt>{}</dt><dd>{}</dd></div>\n", name, escaped(value));
  return html + "</dl>\n";
}

}  // namespace

std::string schedule_page(const Plan& plan, const Forecast& forecast, const MemoryPlan& memory,
                          const DeviceModel& model) {
  const PageInput input{plan, forecast, forecast.replayed, memory, model, chart_lanes(forecast.replayed, plan)};
  const std::string name = escaped(plan.job.run.name);
  std::string html = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/>"
      "<meta name=\"viewport\" content=\"width=device-width\"/>\n<title>{0}: one "
      "step</title>\n<style>{1}</style></head>\n"
      "<body><h1>{0}: one training step, forecast</h1>\n<p class=\"note\">Device model {2}: {3}.{4}</p>\n",
      name, page_style(), escaped(model.name), escaped(model.source),
      forecast.replayed.one_a_pipeline_index && plan.mesh.data > 1
          ? " Ranks of a pipeline index behave alike and share a lane."
          : "");
  return html + facts(input) + page_lanes(input) + page_memory(input) + page_tables(input) + "</body></html>\n";
}

}  // namespace dsrun
