// `run ...`: pause, resume or stop the whole run, change its learning rate, and what was ordered.
#include "ctl/directives.h"

#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "ctl/node_command.h"

namespace skiptrain::ctl {
namespace {

std::string rate_text(double rate) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", rate);
  return text;
}

std::string run_text(v1::RunOrder order) {
  switch (order) {
    case v1::RUN_ORDER_RUN:
      return "run";
    case v1::RUN_ORDER_PAUSE:
      return "pause";
    case v1::RUN_ORDER_STOP:
      return "stop";
    default:
      return "order " + std::to_string(order);  // of a newer daemon
  }
}

NodeCommand<v1::ListDirectivesResponse> list_command() {
  NodeCommand<v1::ListDirectivesResponse> command;
  command.ask = [](Client& client) { return client.directives(); };
  command.columns = {"order", ">from round", "state", ">issued at node"};
  command.rows = [](const v1::ListDirectivesResponse& answer) {
    std::vector<Row> rows;
    for (const v1::Directive& directive : answer.directives()) {
      const bool to_come = directive.effective_round() > answer.round();
      rows.push_back(
          {Cell(order_text(directive)), Cell(std::to_string(directive.effective_round())),
           Cell(to_come ? "to come" : "in force"), Cell(std::to_string(directive.origin()))});
    }
    return rows;
  };
  command.print = [](const v1::ListDirectivesResponse& answer, Screen& screen) {
    if (answer.directives().empty()) {
      screen.out << "none: the run goes by its config\n";
      return;
    }
    const auto shape = list_command();
    Table table(shape.columns);
    for (Row row : shape.rows(answer)) table.add(std::move(row));
    table.print(screen);
  };
  return command;
}

struct Flags {
  std::optional<std::uint64_t> at_round;
  double learning_rate = 0.0;
};

void add_order(CLI::App& parent, Selection& selection, const char* name, const char* what,
               v1::RunOrder order) {
  auto* command = parent.add_subcommand(name, what);
  auto flags = std::make_shared<Flags>();
  if (order != v1::RUN_ORDER_RUN) {
    command->add_option("--at-round", flags->at_round,
                        "First round it applies to; default: the first that all nodes can keep");
  }
  command->callback([&selection, flags, order] {
    selection.action = [flags, order](Context& context) {
      v1::IssueDirectiveRequest request;
      request.set_run(order);
      if (flags->at_round) request.set_effective_round(*flags->at_round);
      return issue(context, request);
    };
  });
}

}  // namespace

std::string order_text(const v1::Directive& directive) {
  switch (directive.order_case()) {
    case v1::Directive::kSchedule:
      return schedule_text(directive.schedule());
    case v1::Directive::kLearningRate:
      return "learning rate " + rate_text(directive.learning_rate());
    case v1::Directive::kRun:
      return run_text(directive.run());
    default:
      return "an order of a newer daemon";
  }
}

Outcome<ExitCode> issue(Context& context, const v1::IssueDirectiveRequest& request) {
  auto client = connect(context.globals);
  if (!client) return tl::unexpected(client.error());
  const auto answer = client->issue_directive(request);
  if (!answer) return tl::unexpected(answer.error());
  const v1::Directive& directive = answer->directive();
  if (context.globals.json) {
    context.screen.out << to_json(*answer).dump(2) << '\n';
  } else {
    context.screen.out << order_text(directive) << " from round " << directive.effective_round()
                       << '\n';
  }
  const bool resumes =
      directive.order_case() == v1::Directive::kRun && directive.run() == v1::RUN_ORDER_RUN;
  if (!resumes && directive.effective_round() < answer->safe_round()) {
    context.screen.err << "warning: nodes far from this one may switch later; from round "
                       << answer->safe_round() << " on, all would switch together\n";
  }
  return ExitCode::kOk;
}

void add_run_commands(CLI::App& root, Selection& selection) {
  auto* run_noun = root.add_subcommand("run", "Orders to the whole run, through any of its nodes");
  add_order(*run_noun, selection, "pause", "All nodes rest before the same round",
            v1::RUN_ORDER_PAUSE);
  add_order(*run_noun, selection, "resume", "All nodes go on", v1::RUN_ORDER_RUN);
  add_order(*run_noun, selection, "stop", "All nodes end the run before the same round",
            v1::RUN_ORDER_STOP);
  auto* rate = run_noun->add_subcommand("lr", "Change the learning rate from a coming round on");
  auto flags = std::make_shared<Flags>();
  rate->add_option("RATE", flags->learning_rate,
                   "Base rate, above 0; train.lr_schedule is multiplied onto it")
      ->required()
      ->check(CLI::PositiveNumber);
  rate->add_option("--at-round", flags->at_round,
                   "First round it applies to; default: the first that all nodes can keep");
  rate->callback([&selection, flags] {
    selection.action = [flags](Context& context) {
      v1::IssueDirectiveRequest request;
      request.set_learning_rate(flags->learning_rate);
      if (flags->at_round) request.set_effective_round(*flags->at_round);
      return issue(context, request);
    };
  });
  run_noun->add_subcommand("orders", "The orders that are or will be in force")
      ->callback([&selection] {
        selection.action = [](Context& context) { return run(context, list_command()); };
      });
  run_noun->require_subcommand(1);
}

}  // namespace skiptrain::ctl
