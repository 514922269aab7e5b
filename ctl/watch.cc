#include "ctl/watch.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <limits>
#include <memory>
#include <numeric>
#include <thread>
#include <vector>

#include <CLI/CLI.hpp>

#include "ctl/commands.h"
#include "ctl/duration.h"
#include "ctl/node_command.h"
#include "ctl/status.h"
#include "ctl/watch/live.h"

namespace skiptrain::ctl {
namespace {

struct Flags {
  std::string interval = "1s";
  std::uint64_t count = 0;  // 0: until interrupted
  bool lines = false;
};

// Of a node's history, when it is first seen: as many rounds are asked for their evaluations.
constexpr std::uint64_t kRoundsForCurves = 2000;

// A node that is slow to answer must not hold up the picture of the others for long.
constexpr Duration kWatchTimeout = std::chrono::seconds(3);

Outcome<std::vector<FleetNode>> watched_fleet(const Globals& globals) {
  if (globals.all) return discover(globals);
  auto client = connect(globals);
  if (!client) return tl::unexpected(client.error());
  const auto status = client->status();
  if (!status) return tl::unexpected(status.error());
  return std::vector<FleetNode>{{status->node_id(), status->node_name(), globals.endpoint}};
}

void note(std::uint64_t round, std::optional<double> accuracy, std::optional<double> loss,
          Curves& curves) {
  if (accuracy) curves.accuracy[round] = *accuracy;
  if (loss) curves.loss[round] = *loss;
}

// What the node knows of its past evaluations. False if it did not say.
bool note_history(Client& client, Curves& curves) {
  v1::ListRoundsRequest request;
  request.set_last(kRoundsForCurves);
  const auto end = client.rounds(request, [&](const v1::RoundRecord& r) {
    note(r.round() + 1, r.has_accuracy() ? std::optional(r.accuracy()) : std::nullopt,
         r.has_test_loss() ? std::optional(r.test_loss()) : std::nullopt, curves);
    return true;
  });
  return end.has_value();
}

void note_newest(const v1::GetStatusResponse& status, Curves& curves) {
  if (!status.has_last_evaluation()) return;
  const v1::EvaluateResponse& e = status.last_evaluation();
  note(e.round(), e.has_accuracy() ? std::optional(e.accuracy()) : std::nullopt, e.loss(), curves);
}

// Looks at all nodes, until it is to stop; `known` says of which the history was read.
void look_live(const std::vector<FleetNode>& fleet, const Globals& globals,
               std::vector<char>& known, const std::stop_token& stop, WatchState& state) {
  state.nodes.resize(fleet.size());
  state.curves.resize(fleet.size());
  for_each_concurrently(fleet.size(), [&](std::size_t i) {
    WatchedNode& node = state.nodes[i];
    node.name = node_text(fleet[i].id, fleet[i].name);
    node.status.reset();
    if (stop.stop_requested()) return;
    auto client = connect(fleet[i], globals);
    if (!client) return;
    auto status = client->status();
    if (!status) return;
    if (stop.stop_requested()) return;
    if (known[i] == 0 && note_history(*client, state.curves[i])) known[i] = 1;
    note_newest(*status, state.curves[i]);
    node.status = *std::move(status);
  });
}

Json watch_json(const std::vector<WatchedNode>& nodes) {
  Json list = Json::array();
  for (const WatchedNode& node : nodes) {
    list.push_back({{"node_name", node.name},
                    {"ok", node.status.has_value()},
                    {"answer", node.status ? to_json(*node.status) : Json(nullptr)}});
  }
  return Json{{"nodes", std::move(list)}};
}

ExitCode judge(const std::vector<WatchedNode>& nodes) {
  const bool silent =
      std::any_of(nodes.begin(), nodes.end(), [](const auto& n) { return !n.status; });
  return silent ? ExitCode::kDegraded : ExitCode::kOk;
}

Outcome<ExitCode> watch_by_lines(Context& context, const std::vector<FleetNode>& fleet,
                                 const Globals& globals, Duration interval, std::uint64_t count) {
  ExitCode exit = ExitCode::kOk;
  for (std::uint64_t shown = 0; count == 0 || shown < count; ++shown) {
    if (shown > 0) std::this_thread::sleep_for(interval);
    const auto nodes = look_at(fleet, globals);
    exit = judge(nodes);
    if (globals.json) {
      context.screen.out << watch_json(nodes).dump() << std::endl;
    } else {
      context.screen.out << watch_line(nodes) << std::endl;
    }
  }
  return exit;
}

// Takes the whole terminal. nullopt if that cannot be drawn on.
std::optional<LiveEnd> watch_on_screen(Context& context, const std::vector<FleetNode>& fleet,
                                       const Globals& globals, const LiveOptions& options,
                                       HeldSignals& signals) {
  context.screen.out.flush();
  auto terminal = Terminal::open(context.screen.colour);
  if (terminal == nullptr) return std::nullopt;
  std::vector<char> known(fleet.size(), 0);
  return watch_live(std::move(terminal), signals, options,
                    [&](const std::stop_token& stop, WatchState& state) {
                      look_live(fleet, globals, known, stop, state);
                    });
}

Outcome<ExitCode> watch(Context& context, const Flags& flags) {
  const auto interval = parse_duration(flags.interval);
  if (!interval) return tl::unexpected(to_failure(interval.error()));
  Globals globals = context.globals;
  // Before gRPC has threads, which would take signals that are meant for the screen's loop.
  std::optional<HeldSignals> signals;
  if (context.screen.terminal && !globals.json && !flags.lines) signals.emplace();
  const auto fleet = watched_fleet(globals);
  if (!fleet) return tl::unexpected(fleet.error());
  if (!globals.timeout) globals.timeout = kWatchTimeout;
  if (signals) {
    const auto end = watch_on_screen(context, *fleet, globals, {*interval, flags.count}, *signals);
    signals.reset();
    if (end) {
      // As whoever sent it expects; Ctrl-C is the usual way to leave.
      if (end->signal != 0 && end->signal != SIGINT) {
        std::signal(end->signal, SIG_DFL);  // ncurses has put a handler of its own there
        raise(end->signal);
      }
      return judge(end->state.nodes);
    }
  }
  return watch_by_lines(context, *fleet, globals, *interval, flags.count);
}

// NaN of none.
double mean_of(const std::vector<double>& values) {
  const double sum = std::accumulate(values.begin(), values.end(), 0.0);
  return sum / static_cast<double>(values.size());
}

}  // namespace

std::vector<WatchedNode> look_at(const std::vector<FleetNode>& fleet, const Globals& globals) {
  const auto answers = ask_all<v1::GetStatusResponse>(
      fleet, globals, [](Client& client) { return client.status(); });
  std::vector<WatchedNode> nodes;
  for (std::size_t i = 0; i < fleet.size(); ++i) {
    nodes.push_back({node_text(fleet[i].id, fleet[i].name), std::nullopt});
    if (answers[i]) nodes.back().status = *answers[i];
  }
  return nodes;
}

Table watch_table(const std::vector<WatchedNode>& nodes) {
  std::vector<std::string> titles = {"node"};
  titles.insert(titles.end(), status_columns().begin(), status_columns().end());
  Table table(titles);
  for (const WatchedNode& node : nodes) {
    Row row =
        node.status ? status_row(*node.status) : Row{Cell(""), Cell("no answer", Style::kBad)};
    row.insert(row.begin(), Cell(node.name));
    table.add(std::move(row));
  }
  return table;
}

std::string watch_line(const std::vector<WatchedNode>& nodes) {
  std::uint64_t slowest = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t total = 0;
  double trained = 0;
  std::vector<double> accuracies;
  std::vector<double> losses;
  double energy_wh = 0;
  std::size_t answered = 0;
  for (const WatchedNode& node : nodes) {
    if (!node.status) continue;
    ++answered;
    slowest = std::min(slowest, node.status->round());
    total = std::max(total, node.status->total_rounds());
    trained += static_cast<double>(node.status->train_rounds());
    energy_wh += node.status->energy_spent_wh();
    if (!node.status->has_last_evaluation()) continue;
    const v1::EvaluateResponse& evaluation = node.status->last_evaluation();
    losses.push_back(evaluation.loss());
    if (evaluation.has_accuracy()) accuracies.push_back(evaluation.accuracy());
  }
  const std::string of_all =
      std::to_string(answered) + " of " + std::to_string(nodes.size()) + " nodes";
  if (answered == 0) return of_all + " answer";
  std::string line = "round " + std::to_string(slowest) + "/" + std::to_string(total) +
                     "  trained " + fixed(trained / static_cast<double>(answered), 1);
  line += accuracies.empty() && !losses.empty() ? "  test loss " + fixed(mean_of(losses), 4)
                                                : "  accuracy " + percent(mean_of(accuracies));
  line += "  energy " + watt_hours(energy_wh);
  if (answered < nodes.size()) line += "  (" + of_all + " answer)";
  return line;
}

void add_watch_command(CLI::App& root, Selection& selection) {
  auto* command = root.add_subcommand(
      "watch", "A live view on a terminal, else a line a look; with --all of every node");
  auto flags = std::make_shared<Flags>();
  command->add_option("--interval", flags->interval, "Time between looks")->capture_default_str();
  command->add_option("--count", flags->count, "Looks before it ends; 0: until interrupted")
      ->capture_default_str();
  command->add_flag("--lines", flags->lines, "A line a look on a terminal too");
  command->callback([&selection, flags] {
    selection.action = [flags](Context& context) { return watch(context, *flags); };
  });
}

}  // namespace skiptrain::ctl
