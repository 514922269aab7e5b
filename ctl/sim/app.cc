#include "ctl/sim/app.h"

#include <algorithm>
#include <exception>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "base/version.h"
#include "ctl/command_line.h"
#include "ctl/files.h"
#include "ctl/sim/memory.h"
#include "ctl/sim/report.h"
#include "ctl/sim/run.h"
#include "ctl/sim/tables.h"
#include "ctl/testbed/flags.h"
#include "learn/memory.h"

namespace skiptrain::ctl {
namespace {

constexpr const char* kProgram = "skipctl sim";
constexpr const char* kFooter =
    "Exit codes: 0 ok, 1 error, 2 usage, 4 not found, 5 precondition, 8 interrupted: the results "
    "so far\nare printed and written.";

struct Flags {
  SimOptions options;
  std::string output = "table";
  bool progress = false;
};

void add_flags(CLI::App& app, Flags& flags) {
  SimOptions& o = flags.options;
  const auto add = [&](const char* name, auto& value, const char* what) {
    return app.add_option(name, value, what)->capture_default_str();
  };
  add_workload_flags(app, o.run, o.policy);
  add("--trainer", o.trainer, "learn, or quadratic: a closed form instead of a model");
  add("--dimension", o.dimension, "Parameters of --trainer quadratic");
  add("--heterogeneity", o.heterogeneity, "Of --trainer quadratic: how far nodes' optima differ");
  add("--network", o.network, "ideal, lan, wifi, wan, or a TOML file");
  app.add_option("--faults", o.faults, "A TOML file of what goes wrong");
  app.add_option("--network-seed", o.network_seed, "Of delays and losses; default: --seed");
  app.add_option("--end-samples", o.end_samples, "Test samples at the end; default: all");
  app.add_option("--workers", o.workers,
                 "Threads; default: one per processor, for the quadratic trainer one");
  app.add_option("--compare", o.compare, "Policies, a run each: dpsgd,skiptrain")->delimiter(',');
  app.add_option("--sweep", o.sweep, "A run for each pair: train=1..4,sync=1..4");
  app.add_option("--checkpoint", o.checkpoint, "Keep this file up to date, to resume from");
  add("--checkpoint-every", o.checkpoint_every, "Rounds between checkpoints")
      ->check(CLI::PositiveNumber);
  app.add_option("--resume", o.resume, "Go on from this checkpoint");
  app.add_option("--html", o.html, "Write a report with plots");
  app.add_option("--csv", o.csv, "Write a line per run and round");
  app.add_option("--json", o.json, "Write what -o json prints");
  app.add_option("--event-log", o.event_log, "Write every step of every node (long)");
  app.add_option("-o,--output", flags.output, "table or json")
      ->check(CLI::IsMember({"table", "json"}))
      ->capture_default_str();
  app.add_flag("--progress", flags.progress, "Show progress also in JSON output to a pipe");
}

std::string command_text(const std::vector<std::string>& arguments) {
  std::string text = kProgram;
  for (const std::string& word : arguments) {
    const bool plain = word.find_first_of(" \t\n\"'\\$`*?;&|<>(){}[]#~") == std::string::npos;
    text += ' ';
    text += plain && !word.empty() ? word : "'" + word + "'";
  }
  return text;
}

Outcome<void> write_to(const char* flag, const std::string& path, const std::string& text) {
  if (path.empty()) return {};
  const Status written = write_file(path, text);
  if (written) return {};
  return failure(ExitCode::kError, std::string(flag) + " " + path + ": " + written.error().message);
}

// Everything is tried, so that one bad path does not cost the other files.
Outcome<void> write_files(const SimulationResults& results, const SimOptions& options) {
  Outcome<void> first;
  const auto attempt = [&](const char* flag, const std::string& path, auto&& text) {
    if (path.empty()) return;
    auto written = write_to(flag, path, text());
    if (!written && first) first = std::move(written);
  };
  attempt("--json", options.json, [&] { return to_json(results).dump(2) + "\n"; });
  attempt("--csv", options.csv, [&] { return to_csv(results); });
  attempt("--html", options.html, [&] { return to_html(results); });
  return first;
}

Outcome<ExitCode> run(const Flags& flags, Screen& screen) {
  const bool json = flags.output == "json";
  const bool shown = flags.progress || screen.err_terminal || !json;
  const auto results = simulate(flags.options, shown, screen);
  if (!results) return tl::unexpected(results.error());
  if (json) {
    screen.out << to_json(*results).dump(2) << '\n';
  } else {
    print_results(*results, screen);
  }
  screen.out.flush();
  if (auto written = write_files(*results, flags.options); !written) {
    return tl::unexpected(written.error());
  }
  for (const SimulatedRun& each : results->runs) {
    if (each.interrupted) return ExitCode::kDegraded;
  }
  return ExitCode::kOk;
}

}  // namespace

ExitCode run_simulator(const std::vector<std::string>& arguments, Screen& screen) {
  CLI::App app("Simulates a cluster of SkipTrain nodes in one process.", kProgram);
  app.set_version_flag("--version", std::string("skiptrain-sim ") + kVersion);
  app.footer(kFooter);
  Flags flags;
  add_flags(app, flags);
  const bool json = wants_json(arguments);
  try {
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
    app.parse(reversed);
  } catch (const CLI::Success& wanted) {  // --help, --version
    app.exit(wanted, screen.out, screen.err);
    return ExitCode::kOk;
  } catch (const CLI::ParseError& error) {
    return report_failure(kProgram, {ExitCode::kUsage, error.what(), "see: skipctl sim --help"},
                          json, screen);
  }
  if (const auto negative = find_negative_count(app)) {
    return report_failure(kProgram, *negative, json, screen);
  }
  flags.options.command = command_text(arguments);
  if (flags.options.workers == 0) {
    // A step of the quadratic trainer costs less than handing it to another thread.
    const bool alone = flags.options.trainer == kQuadraticTrainer;
    flags.options.workers = alone ? 1 : std::max(1u, std::thread::hardware_concurrency());
  }
  // Before the first of them starts.
  learn::keep_freed_memory(std::min(flags.options.workers, kMaxSimWorkers));
  const Outcome<ExitCode> outcome = run(flags, screen);
  screen.out.flush();
  return outcome ? *outcome : report_failure(kProgram, outcome.error(), json, screen);
}

}  // namespace skiptrain::ctl
