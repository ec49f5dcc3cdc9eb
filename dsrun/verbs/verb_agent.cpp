// dsrun agent, device and probe: the processes of a job with isolation = "process", and of dsrun doctor. Launchers
// start the first, agents the others; people start an agent where the job says launcher = "wait".
#include <chrono>
#include <fstream>
#include <memory>
#include <thread>

#include <fmt/format.h>

#include "actors/processes/doctor/probe_process.hpp"
#include "actors/processes/launch/agent.hpp"
#include "actors/processes/launch/children.hpp"
#include "actors/processes/launch/device_process.hpp"
#include "dsrun/run/job_brief.hpp"
#include "dsrun/verbs/verbs.hpp"

namespace dsrun {
namespace {

constexpr std::chrono::seconds time_for_input{10};

struct AgentVerbOptions {
  std::string join;
  bool from_stdin = false;
  int devices = 0;
  double wait_secs = 0;
};

// Agents and launcher may be started at the same moment, by srun say.
bool read_invitation(const AgentVerbOptions& options, std::string& text) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::duration<double>(options.wait_secs);
  for (;;) {
    std::ifstream file(options.join);
    if (std::getline(file, text)) return true;
    if (std::chrono::steady_clock::now() >= until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
}

int run_agent_verb(const AgentVerbOptions& options) {
  AgentOptions agent;
  agent.program = own_program();
  agent.devices = options.devices;
  agent.with_lifeline = options.from_stdin;
  std::string text;
  if (options.from_stdin) {
    text = Lifeline::read_input(time_for_input);
  } else if (!read_invitation(options, text)) {
    return refuse(exit_usage, fmt::format("cannot read the invitation {}", options.join));
  }
  try {
    agent.invitation = read_agent_invitation(text);
  } catch (const std::exception& error) {
    return refuse(exit_usage, fmt::format("{}: {}", options.from_stdin ? "stdin" : options.join, error.what()));
  }
  run_agent(agent);
}

[[noreturn]] void run_device_verb() {
  const DeviceInvitation invitation = read_device_invitation(Lifeline::read_input(time_for_input));
  const JobBrief brief = read_brief(invitation.brief);
  const auto make_setup = [&brief](const std::string&, int rank) { return make_device_setup(brief, rank); };
  run_device_process(invitation, make_setup, brief.with_spans);
}

}  // namespace

void add_agent(CommandLine& app, Context& context) {
  auto options = std::make_shared<AgentVerbOptions>();
  Verb verb = app.add("agent", "join this host to a job with launcher = \"wait\"");
  const VerbOption join = verb.option("--join", options->join, "the invitation file that the launcher wrote");
  const VerbOption from_stdin =
      verb.flag("--stdin", options->from_stdin, "read the invitation from stdin; launchers start agents so");
  join.excludes(from_stdin);
  verb.option("--devices", options->devices,
              "number of devices that this host offers; default: as many as the job needs")
      .positive()
      .excludes(from_stdin);
  verb.option("--wait", options->wait_secs, "time to wait for the invitation file, in seconds")
      .not_negative()
      .excludes(from_stdin);
  verb.on_use([options, &context] {
    context.exit_code =
        options->from_stdin || !options->join.empty()
            ? run_agent_verb(*options)
            : refuse(exit_usage, "dsrun agent needs --join FILE; the launcher of the job prints the name");
  });
}

void add_device(CommandLine& app, Context&) {
  Verb verb = app.add("device", "run one device of a job; agents start this");
  verb.hide();
  verb.on_use([] { run_device_verb(); });
}

void add_probe(CommandLine& app, Context&) {
  Verb verb = app.add("probe", "run one end of the links that dsrun doctor measures; agents start this");
  verb.hide();
  verb.on_use([] { run_probe_process(read_device_invitation(Lifeline::read_input(time_for_input))); });
}

}  // namespace dsrun
