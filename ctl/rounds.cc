// `rounds`: how the newest rounds went, and with --follow each further one as it ends.
#include <cstdint>
#include <cstdio>
#include <limits>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "ctl/commands.h"
#include "ctl/node_command.h"

namespace skiptrain::ctl {
namespace {

constexpr std::uint64_t kDefaultLast = 20;
// A line of --follow is printed before the next is known, so its columns have fixed widths.
constexpr const char* kFollowPattern = "%-10s %7s  %-10s %8s  %9s  %9s  %9s  %5s  %-12s  %s\n";

const std::vector<std::string>& columns() {
  static const std::vector<std::string> titles = {">round", "kind",       ">loss",     ">energy",
                                                  ">train", ">wait",      ">mix",      ">total",
                                                  ">mixed", ">consensus", ">accuracy", "note"};
  return titles;
}

// Whether the slot asked for training, and whether it came to that.
std::string kind(const v1::RoundRecord& r) {
  if (r.caught_up()) return "catch-up";
  if (r.trained()) return "train";
  return r.train_slot() ? "train slot, skipped" : "sync";
}

std::string note(const v1::RoundRecord& r) {
  std::string text;
  for (const std::uint64_t id : r.missing()) {
    text += (text.empty() ? "without node " : ", ") + std::to_string(id);
  }
  if (r.deadline_hit()) text += text.empty() ? "deadline" : " (deadline)";
  return text;
}

std::string evaluation_text(const v1::RoundRecord& r) {
  if (r.has_accuracy()) return percent(r.accuracy());
  return r.has_test_loss() ? "loss " + fixed(r.test_loss(), 4) : "-";
}

Row round_row(const v1::RoundRecord& r) {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  const std::string remark = note(r);
  return {Cell(std::to_string(r.round())),
          Cell(kind(r)),
          Cell(fixed(r.trained() ? r.loss() : kNone, 4)),
          Cell(watt_hours(r.energy_wh())),
          Cell(seconds_text(r.train_seconds())),
          Cell(seconds_text(r.wait_seconds())),
          Cell(seconds_text(r.mix_seconds())),
          Cell(seconds_text(r.round_seconds())),
          Cell(std::to_string(r.neighbours_mixed())),
          Cell(fixed(r.consensus_distance(), 4)),
          Cell(evaluation_text(r)),
          Cell(remark, remark.empty() ? Style::kPlain : Style::kWarn)};
}

struct Rounds {
  std::vector<v1::RoundRecord> records;
};

NodeCommand<Rounds> rounds_command(std::uint64_t last) {
  NodeCommand<Rounds> command;
  command.ask = [last](Client& client) -> Outcome<Rounds> {
    v1::ListRoundsRequest request;
    request.set_last(last);
    Rounds answer;
    const auto end = client.rounds(request, [&](const v1::RoundRecord& record) {
      answer.records.push_back(record);
      return true;
    });
    if (!end) return tl::unexpected(end.error());
    return answer;
  };
  command.columns = columns();
  command.rows = [](const Rounds& rounds) {
    std::vector<Row> rows;
    for (const auto& record : rounds.records) rows.push_back(round_row(record));
    return rows;
  };
  command.print = [](const Rounds& rounds, Screen& screen) {
    Table table(columns());
    for (const auto& record : rounds.records) table.add(round_row(record));
    table.print(screen);
  };
  command.json = [](const Rounds& rounds) {
    Json records = Json::array();
    for (const auto& record : rounds.records) records.push_back(to_json(record));
    return Json{{"rounds", std::move(records)}};
  };
  return command;
}

std::string follow_line(const std::string& name, const v1::RoundRecord& r) {
  const Row row = round_row(r);
  char line[256];
  std::snprintf(line, sizeof line, kFollowPattern, name.c_str(), row[0].text.c_str(),
                row[1].text.c_str(), row[2].text.c_str(), row[4].text.c_str(), row[5].text.c_str(),
                row[7].text.c_str(), row[8].text.c_str(), row[9].text.c_str(),
                row[11].text.c_str());
  return line;
}

// JSON: one object a line, so that a reader need not wait for an end that does not come.
Outcome<void> follow_one(Context& context, Client& client, const std::string& name,
                         std::uint64_t last, std::mutex& output) {
  v1::ListRoundsRequest request;
  request.set_last(last);
  request.set_follow(true);
  return client.rounds(request, [&](const v1::RoundRecord& record) {
    const std::lock_guard lock(output);
    if (context.globals.json) {
      Json json = to_json(record);
      if (context.globals.all) json["node_name"] = name;
      context.screen.out << json.dump() << std::endl;
    } else {
      context.screen.out << follow_line(name, record) << std::flush;
    }
    return true;
  });
}

Outcome<ExitCode> follow(Context& context, std::uint64_t last) {
  std::vector<FleetNode> fleet;
  if (context.globals.all) {
    auto found = discover(context.globals);
    if (!found) return tl::unexpected(found.error());
    fleet = *std::move(found);
  } else {
    auto client = connect(context.globals);
    if (!client) return tl::unexpected(client.error());
    const auto status = client->status();
    if (!status) return tl::unexpected(status.error());
    fleet.push_back({status->node_id(), status->node_name(), context.globals.endpoint});
  }
  if (!context.globals.json) {
    char header[256];
    std::snprintf(header, sizeof header, kFollowPattern, "node", "round", "kind", "loss", "train",
                  "wait", "total", "mixed", "consensus", "note");
    context.screen.out << header << std::flush;
  }
  std::mutex output;
  std::vector<Outcome<void>> ends(fleet.size());
  const auto follow_node = [&](std::size_t i) {
    const std::string name = node_text(fleet[i].id, fleet[i].name);
    auto client = connect(fleet[i], context.globals);
    ends[i] = client ? follow_one(context, *client, name, last, output)
                     : Outcome<void>(tl::unexpected(client.error()));
  };
  // A thread for each node: none returns while its node lives, so a queue would never move on.
  for_each_concurrently(fleet.size(), follow_node, fleet.size());
  for (const auto& end : ends) {
    if (end) continue;
    if (!context.globals.all) return tl::unexpected(end.error());
    return failure(ExitCode::kDegraded, "some nodes could not be followed: " + end.error().message,
                   end.error().hint);
  }
  return ExitCode::kOk;
}

struct Flags {
  std::uint64_t last = kDefaultLast;
  bool follow = false;
};

}  // namespace

void add_rounds_command(CLI::App& root, Selection& selection) {
  auto* command = root.add_subcommand("rounds", "How the newest rounds went, oldest first");
  auto flags = std::make_shared<Flags>();
  command->add_option("--last", flags->last, "How many; 0 for all that are kept")
      ->capture_default_str();
  command->add_flag("--follow", flags->follow, "Then show each further round as it ends");
  command->callback([&selection, flags] {
    selection.action = [flags](Context& context) {
      return flags->follow ? follow(context, flags->last)
                           : run(context, rounds_command(flags->last));
    };
  });
}

}  // namespace skiptrain::ctl
