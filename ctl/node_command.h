// A command that asks one node, or with --all each node, and shows the answer. Written once as
// data: how to ask, and the answer's three faces (JSON, text of one node, rows side by side).
#pragma once

#include <algorithm>
#include <functional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "ctl/fleet.h"
#include "ctl/json.h"
#include "ctl/words.h"

namespace skiptrain::ctl {

template <typename Answer>
struct NodeCommand {
  std::function<Outcome<Answer>(Client&)> ask;
  // The node's answer as text.
  std::function<void(const Answer&, Screen&)> print;
  // Side by side: columns after the node's name, and the rows of one node.
  std::vector<std::string> columns;
  std::function<std::vector<Row>(const Answer&)> rows;
  // The exit code that an answer means; the worst one wins with --all.
  std::function<ExitCode(const Answer&)> judge = [](const Answer&) { return ExitCode::kOk; };
  // Answers that are not plain messages bring their own.
  std::function<Json(const Answer&)> json = message_json();

  static std::function<Json(const Answer&)> message_json() {
    if constexpr (std::is_base_of_v<google::protobuf::Message, Answer>) {
      return [](const Answer& answer) { return to_json(answer); };
    } else {
      return nullptr;
    }
  }
};

// A command whose answer is a table, with the node's name before each row where they are several.
template <typename Answer>
NodeCommand<Answer> table_command(std::function<Outcome<Answer>(Client&)> ask,
                                  std::vector<std::string> columns,
                                  std::function<std::vector<Row>(const Answer&)> rows) {
  NodeCommand<Answer> command;
  command.ask = std::move(ask);
  command.print = [columns, rows](const Answer& answer, Screen& screen) {
    Table table(columns);
    for (Row& row : rows(answer)) table.add(std::move(row));
    table.print(screen);
  };
  command.columns = std::move(columns);
  command.rows = std::move(rows);
  return command;
}

// A command whose answer is one sentence, the same for one node and side by side.
template <typename Answer>
NodeCommand<Answer> sentence_command(std::function<Outcome<Answer>(Client&)> ask,
                                     std::function<std::string(const Answer&)> sentence) {
  NodeCommand<Answer> command;
  command.ask = std::move(ask);
  command.print = [sentence](const Answer& answer, Screen& screen) {
    screen.out << sentence(answer) << '\n';
  };
  command.columns = {"result"};
  command.rows = [sentence](const Answer& answer) {
    return std::vector<Row>{{Cell(sentence(answer))}};
  };
  return command;
}

template <typename Answer>
ExitCode show_one(Context& context, const NodeCommand<Answer>& command, const Answer& answer) {
  if (context.globals.json) {
    context.screen.out << command.json(answer).dump(2) << '\n';
  } else {
    command.print(answer, context.screen);
  }
  return command.judge(answer);
}

// Answers side by side. Nodes that did not answer are marked, and make the exit code kDegraded.
template <typename Answer>
ExitCode show_all(Context& context, const NodeCommand<Answer>& command,
                  const std::vector<FleetNode>& fleet,
                  const std::vector<Outcome<Answer>>& answers) {
  Json nodes = Json::array();
  std::vector<std::string> titles = {"node"};
  titles.insert(titles.end(), command.columns.begin(), command.columns.end());
  Table table(titles);
  std::vector<std::string> silent;
  ExitCode worst = ExitCode::kOk;
  for (std::size_t i = 0; i < fleet.size(); ++i) {
    const std::string name = node_text(fleet[i].id, fleet[i].name);
    Json entry = {{"node_id", fleet[i].id},
                  {"node_name", fleet[i].name},
                  {"endpoint", fleet[i].control},
                  {"ok", answers[i].has_value()}};
    if (answers[i]) {
      worst = std::max(worst, command.judge(*answers[i]));
      entry["answer"] = command.json(*answers[i]);
      for (Row row : command.rows(*answers[i])) {
        row.insert(row.begin(), Cell(name));
        table.add(std::move(row));
      }
    } else {
      entry["error"] = to_json(answers[i].error());
      table.add({Cell(name, Style::kBad), Cell("no answer", Style::kBad)});
      silent.push_back(name + ": " + answers[i].error().message);
    }
    nodes.push_back(std::move(entry));
  }
  if (context.globals.json) {
    context.screen.out << Json{{"nodes", std::move(nodes)}}.dump(2) << '\n';
  } else {
    table.print(context.screen);
    for (const std::string& line : silent) context.screen.err << "no answer from " << line << '\n';
  }
  return silent.empty() ? worst : ExitCode::kDegraded;
}

template <typename Answer>
Outcome<ExitCode> run(Context& context, const NodeCommand<Answer>& command) {
  if (context.globals.all) {
    const auto fleet = discover(context.globals);
    if (!fleet) return tl::unexpected(fleet.error());
    return show_all(context, command, *fleet,
                    ask_all<Answer>(*fleet, context.globals, command.ask));
  }
  auto client = connect(context.globals);
  if (!client) return tl::unexpected(client.error());
  const auto answer = command.ask(*client);
  if (!answer) return tl::unexpected(answer.error());
  return show_one(context, command, *answer);
}

}  // namespace skiptrain::ctl
