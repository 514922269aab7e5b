#include "ctl/app.h"

#include <algorithm>
#include <exception>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "ctl/command_line.h"
#include "ctl/commands.h"
#include "ctl/duration.h"
#include "ctl/endpoint.h"
#include "ctl/json.h"

namespace skiptrain::ctl {
namespace {

constexpr const char* kFooter =
    "Exit codes: 0 ok, 1 error, 2 usage, 3 unreachable, 4 not found, 5 precondition or warming "
    "up,\n6 timeout, 7 not authorized, 8 degraded or some nodes did not answer.";

struct RawFlags {
  std::string endpoint;
  std::string output = "table";
  std::string timeout;
  bool all = false;
};

void add_globals(CLI::App& app, RawFlags& raw) {
  app.add_option("-e,--endpoint", raw.endpoint,
                 std::string("The node to ask: a socket path, unix:PATH or host:port; default $") +
                     kEndpointVariable + ", then " + kDefaultSockets[0] + ", then " +
                     kDefaultSockets[1]);
  app.add_flag("--all", raw.all, "Ask every node that this node knows, side by side");
  app.add_option("-o,--output", raw.output, "table or json")
      ->check(CLI::IsMember({"table", "json"}))
      ->capture_default_str();
  app.add_option("--timeout", raw.timeout, "Longest wait for an answer: 500ms, 5s, 2m");
}

// For a noun without a verb, or nothing at all: what could follow.
Failure incomplete(const CLI::App& root) {
  const CLI::App* at = &root;
  while (!at->get_subcommands().empty()) at = at->get_subcommands().front();
  std::string choices;
  for (const CLI::App* next : at->get_subcommands({})) {
    choices += (choices.empty() ? "" : ", ") + next->get_name();
  }
  return {ExitCode::kUsage,
          (at == &root ? std::string("name a command") : at->get_name() + ": name a verb") + ": " +
              choices,
          "see: skipctl --help"};
}

Outcome<Globals> resolve(const RawFlags& raw) {
  Globals globals;
  globals.endpoint_given = !raw.endpoint.empty();
  globals.endpoint = globals.endpoint_given ? raw.endpoint : default_endpoint();
  globals.all = raw.all;
  globals.json = raw.output == "json";
  if (!raw.timeout.empty()) {
    const auto timeout = parse_duration(raw.timeout);
    if (!timeout) return tl::unexpected(to_failure(timeout.error()));
    globals.timeout = *timeout;
  }
  return globals;
}

}  // namespace

ExitCode run_skipctl(const std::vector<std::string>& arguments, Screen& screen) {
  CLI::App app("Inspects and steers SkipTrain daemons (skiptraind).", "skipctl");
  app.fallthrough();  // global flags may also follow the verb
  app.footer(kFooter);
  RawFlags raw;
  add_globals(app, raw);
  Selection selection;
  add_status_commands(app, selection);
  add_peers_command(app, selection);
  add_rounds_command(app, selection);
  add_energy_commands(app, selection);
  add_topology_command(app, selection);
  add_schedule_commands(app, selection);
  add_member_commands(app, selection);
  add_run_commands(app, selection);
  add_steering_commands(app, selection);
  add_model_commands(app, selection);
  add_config_command(app, selection);
  add_data_commands(app, selection);
  add_watch_command(app, selection);
  add_report_command(app, selection);
  add_debug_command(app, selection);
  add_testbed_commands(app, selection);
  add_sim_command(app, selection);
  add_about_commands(app, selection);
  const bool json = wants_json(arguments);
  try {
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
    app.parse(reversed);
  } catch (const CLI::Success& wanted) {  // --help
    app.exit(wanted, screen.out, screen.err);
    return ExitCode::kOk;
  } catch (const CLI::ParseError& error) {
    return report_failure("skipctl", {ExitCode::kUsage, error.what(), "see: skipctl --help"}, json,
                          screen);
  }
  if (!selection.action) return report_failure("skipctl", incomplete(app), json, screen);
  if (const auto negative = find_negative_count(app))
    return report_failure("skipctl", *negative, json, screen);
  const auto globals = resolve(raw);
  if (!globals) return report_failure("skipctl", globals.error(), json, screen);
  Context context{*globals, screen};
  const Outcome<ExitCode> outcome = selection.action(context);
  screen.out.flush();
  return outcome ? *outcome : report_failure("skipctl", outcome.error(), json, screen);
}

}  // namespace skiptrain::ctl
