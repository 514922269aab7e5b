#include "ctl/status.h"

#include <cmath>
#include <limits>
#include <utility>

#include <CLI/CLI.hpp>

#include "ctl/commands.h"
#include "ctl/node_command.h"
#include "ctl/words.h"
#include "proto/enum_words.h"

namespace skiptrain::ctl {
namespace {

std::string evaluation_text(const v1::GetStatusResponse& status) {
  if (!status.has_last_evaluation()) return "none yet";
  const auto& e = status.last_evaluation();
  std::string text = e.has_accuracy() ? "accuracy " + percent(e.accuracy()) + ", " : "";
  text += "loss " + fixed(e.loss(), 4);
  if (e.has_mean_absolute_error()) {
    text += ", mean absolute error " + fixed(e.mean_absolute_error(), 4);
  }
  return text + ", after " + std::to_string(e.round()) + " rounds, on " +
         std::to_string(e.samples()) + " samples";
}

std::string updates_text(const v1::UpdateCounters& u) {
  return std::to_string(u.accepted()) + " accepted, " + std::to_string(u.early()) + " early, " +
         std::to_string(u.late()) + " late, " + std::to_string(u.duplicate()) + " duplicate, " +
         std::to_string(u.ahead()) + " ahead, " + std::to_string(u.rejected()) + " rejected, " +
         std::to_string(u.missed()) + " missed";
}

std::string checkpoint_text(const v1::GetStatusResponse& s) {
  if (!s.has_checkpoint_round()) return "none yet";
  return "of round " + std::to_string(s.checkpoint_round()) +
         (s.has_checkpoint_age_seconds()
              ? ", written " + seconds_text(s.checkpoint_age_seconds()) + " ago"
              : ", written before this start");
}

std::string identity_text(const v1::GetStatusResponse& s) {
  std::string text = node_text(s.node_id(), s.node_name()) + " (id " + std::to_string(s.node_id()) +
                     ", incarnation " + std::to_string(s.incarnation()) + ")";
  if (!s.address().empty()) text += " at " + s.address();
  return text;
}

Json view_json(const NodeView& view) {
  Json json = to_json(view.status);
  const auto found = complaints(view.status, view.peers);
  json["complaints"] = found;
  Json broken = Json::array();
  for (const auto& neighbour : view.peers.neighbours()) {
    if (!is_over(view.status.phase()) && is_broken(neighbour)) {
      broken.push_back({{"node_id", neighbour.node_id()},
                        {"node_name", neighbour.node_name()},
                        {"link", name_of(neighbour.link())}});
    }
  }
  json["broken_neighbours"] = std::move(broken);
  return json;
}

// What updates take on the wire, against float32.
std::string compression_text(const v1::GetStatusResponse& s) {
  if (s.update_bytes_sent() == 0) return s.compression();
  const auto sent = static_cast<double>(s.update_bytes_sent());
  const auto plain = static_cast<double>(s.plain_update_bytes_sent());
  return s.compression() + ": updates took " + bytes_text(s.update_bytes_sent()) + " (" +
         percent(sent / plain) + " of float32)";
}

NodeCommand<NodeView> status_command() {
  return {.ask = ask_view,
          .print = print_status,
          .columns = status_columns(),
          .rows = [](const NodeView& view) { return std::vector<Row>{status_row(view.status)}; },
          .json = view_json};
}

ExitCode judge_health(const NodeView& view) {
  if (!complaints(view.status, view.peers).empty() && view.status.phase() != v1::PHASE_WARMING_UP &&
      view.status.phase() != v1::PHASE_WAITING_FOR_PEERS) {
    return ExitCode::kDegraded;
  }
  return is_warming_up(view.status.phase()) ? ExitCode::kPrecondition : ExitCode::kOk;
}

std::string verdict(const NodeView& view) {
  switch (judge_health(view)) {
    case ExitCode::kOk:
      return "healthy";
    case ExitCode::kPrecondition:
      return word(view.status.phase());
    default:
      return "degraded";
  }
}

Style verdict_style(const NodeView& view) {
  switch (judge_health(view)) {
    case ExitCode::kOk:
      return Style::kGood;
    case ExitCode::kPrecondition:
      return Style::kWarn;
    default:
      return Style::kBad;
  }
}

NodeCommand<NodeView> health_command() {
  NodeCommand<NodeView> command;
  command.ask = ask_view;
  command.judge = judge_health;
  command.print = [](const NodeView& view, Screen& screen) {
    screen.out << styled(Cell(verdict(view), verdict_style(view)), screen.colour) << '\n';
    for (const std::string& reason : complaints(view.status, view.peers))
      screen.out << "  " << reason << '\n';
  };
  command.columns = {"health", "why"};
  command.rows = [](const NodeView& view) {
    std::vector<Row> rows;
    for (const std::string& reason : complaints(view.status, view.peers)) {
      rows.push_back({Cell(verdict(view), verdict_style(view)), Cell(reason)});
    }
    if (rows.empty()) rows.push_back({Cell(verdict(view), verdict_style(view))});
    return rows;
  };
  command.json = [](const NodeView& view) {
    return Json{{"health", verdict(view)},
                {"phase", name_of(view.status.phase())},
                {"reasons", complaints(view.status, view.peers)}};
  };
  return command;
}

}  // namespace

Outcome<NodeView> ask_view(Client& client) {
  auto status = client.status();
  if (!status) return tl::unexpected(status.error());
  NodeView view{*std::move(status), {}};
  auto peers = client.peers();
  if (peers) {
    view.peers = *std::move(peers);
  } else if (peers.error().exit != ExitCode::kPrecondition) {
    // While the node warms up it may not know its neighbours yet; its status is still an answer.
    return tl::unexpected(peers.error());
  }
  return view;
}

const std::vector<std::string>& status_columns() {
  static const std::vector<std::string> columns = {
      "profile", "phase", ">round", ">trained", ">loss", ">accuracy", ">energy", ">sent", ">peers"};
  return columns;
}

Row status_row(const v1::GetStatusResponse& s) {
  const double accuracy = s.last_evaluation().has_accuracy()
                              ? s.last_evaluation().accuracy()
                              : std::numeric_limits<double>::quiet_NaN();
  const bool all_connected = s.neighbours_connected() == s.neighbours() || is_over(s.phase());
  return {Cell(s.profile()),
          Cell(word(s.phase()), phase_style(s.phase())),
          Cell(std::to_string(s.round()) + "/" + std::to_string(s.total_rounds())),
          Cell(std::to_string(s.train_rounds())),
          Cell(fixed(s.last_loss(), 4)),
          Cell(percent(accuracy)),
          Cell(watt_hours(s.energy_spent_wh())),
          Cell(bytes_text(s.bytes_sent())),
          Cell(std::to_string(s.neighbours_connected()) + "/" + std::to_string(s.neighbours()),
               all_connected ? Style::kPlain : Style::kBad)};
}

void print_status(const NodeView& view, Screen& screen) {
  const v1::GetStatusResponse& s = view.status;
  std::vector<std::pair<std::string, Cell>> fields = {
      {"node", identity_text(s)},
      {"run", s.run_id() + " in cluster " + s.cluster_id() + ", model " + s.model() + " (" +
                  std::to_string(s.parameter_count()) + " parameters)"},
      {"phase", Cell(phase_text(s), phase_style(s.phase()))},
      {"round", std::to_string(s.round()) + " of " + std::to_string(s.total_rounds()) +
                    ", trained in " + std::to_string(s.train_rounds()) + ", median " +
                    seconds_text(s.median_round_seconds()) + " a round"},
      {"schedule", schedule_text(s.schedule())},
      {"training loss", fixed(s.last_loss(), 4)},
      {"evaluation", evaluation_text(s)},
      {"energy", energy_text(s) + (s.profile().empty() ? "" : ", profile " + s.profile())},
      {"consensus", "distance to the mix " + fixed(s.consensus_distance(), 4)},
      {"neighbours", std::to_string(s.neighbours_connected()) + " of " +
                         std::to_string(s.neighbours()) + " connected"}};
  if (!is_over(s.phase())) {
    for (const auto& neighbour : view.peers.neighbours()) {
      if (is_broken(neighbour)) fields.push_back({"", Cell(broken_text(neighbour), Style::kBad)});
      if (neighbour.straggler()) {
        fields.push_back({"", Cell(straggler_text(neighbour), Style::kWarn)});
      }
    }
  }
  fields.push_back({"updates", updates_text(s.updates())});
  fields.push_back({"traffic", bytes_text(s.bytes_sent()) + " sent, " +
                                   bytes_text(s.bytes_received()) + " received"});
  if (!s.compression().empty() && s.compression() != "none") {
    fields.push_back({"compression", compression_text(s)});
  }
  fields.push_back({"checkpoint", checkpoint_text(s)});
  if (!s.store_error().empty()) fields.push_back({"", Cell(s.store_error(), Style::kBad)});
  if (!s.metrics_address().empty()) {
    fields.push_back({"metrics", "http://" + s.metrics_address() + "/metrics"});
  }
  fields.push_back({"process", "up " + seconds_text(s.uptime_seconds()) + ", " +
                                   bytes_text(s.resident_bytes()) + " resident"});
  print_fields(screen, fields);
}

void add_status_commands(CLI::App& root, Selection& selection) {
  root.add_subcommand("status", "What the node does, whom it waits for, what it has spent")
      ->callback([&selection] {
        selection.action = [](Context& context) { return run(context, status_command()); };
      });
  root.add_subcommand("health", "Whether all is well: exit 0, 8 if degraded, 5 while warming up")
      ->callback([&selection] {
        selection.action = [](Context& context) { return run(context, health_command()); };
      });
}

}  // namespace skiptrain::ctl
