// `report`: the page of plots of what real nodes have in their histories.
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "base/version.h"
#include "ctl/commands.h"
#include "ctl/files.h"
#include "ctl/fleet_results.h"
#include "ctl/json.h"

namespace skiptrain::ctl {
namespace {

struct Flags {
  std::string run;
  std::string file;
};

Outcome<NodeHistory> ask_history(Client& client) {
  NodeHistory history;
  auto status = client.status();
  if (!status) return tl::unexpected(status.error());
  auto energy = client.energy();
  if (!energy) return tl::unexpected(energy.error());
  const auto end = client.rounds({}, [&](const v1::RoundRecord& record) {
    history.rounds.push_back(record);
    return true;
  });
  if (!end) return tl::unexpected(end.error());
  history.status = *std::move(status);
  history.energy = *std::move(energy);
  // Without it the page says less about the settings.
  if (auto config = client.config()) history.config = *std::move(config);
  return history;
}

void tell(const FleetRun& run, const std::string& file, Context& context) {
  const RunSummary& summary = run.results.summary;
  if (context.globals.json) {
    context.screen.out << Json{{"file", file},
                               {"run", run.id},
                               {"nodes", summary.nodes.size()},
                               {"rounds", summary.rounds},
                               {"no_answer", run.silent},
                               {"left_out", run.left_out}}
                              .dump(2)
                       << '\n';
    return;
  }
  context.screen.out << file << ": run " << run.id << ", " << summary.nodes.size()
                     << (summary.nodes.size() == 1 ? " node, " : " nodes, ") << summary.rounds
                     << " of " << run.rounds_asked << " rounds\n";
  for (const std::string& line : run.silent) {
    context.screen.err << "no answer from " << line << '\n';
  }
  for (const std::string& line : run.left_out) context.screen.err << line << ": left out\n";
}

Outcome<ExitCode> report(Context& context, const Flags& flags) {
  auto client = connect(context.globals);
  if (!client) return tl::unexpected(client.error());
  const auto topology = client->topology();
  if (!topology) return tl::unexpected(topology.error());
  const auto fleet = fleet_of(*topology, context.globals);
  auto answers = ask_all<NodeHistory>(fleet, context.globals, ask_history);
  std::vector<ReportedNode> nodes;
  for (std::size_t i = 0; i < fleet.size(); ++i) {
    nodes.push_back({fleet[i], std::move(answers[i])});
  }
  const bool any_run = flags.run.empty();
  const auto run =
      fleet_run(*topology, nodes, any_run ? std::nullopt : std::optional<std::string>(flags.run));
  if (!run) return tl::unexpected(run.error());
  Page page{Origin::kFleet, "SkipTrain run " + run->id,
            "skipctl report" + (any_run ? "" : " --run " + flags.run), kVersion};
  page.runs.push_back({run->results, run->schedule, run->rounds_asked, run->settings});
  if (const auto written = write_file(flags.file, page_html(page)); !written) {
    return tl::unexpected(to_failure(written.error()));
  }
  tell(*run, flags.file, context);
  return run->silent.empty() ? ExitCode::kOk : ExitCode::kDegraded;
}

}  // namespace

void add_report_command(CLI::App& root, Selection& selection) {
  auto* command =
      root.add_subcommand("report", "A page of plots from the histories of all nodes of a run");
  auto flags = std::make_shared<Flags>();
  command->add_option("--run", flags->run, "Which run; default: that of the asked node");
  command->add_option("-o,--output", flags->file, "The HTML file to write")->required();
  command->callback([&selection, flags] {
    selection.action = [flags](Context& context) { return report(context, *flags); };
  });
}

}  // namespace skiptrain::ctl
