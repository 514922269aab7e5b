// `schedule show` and `schedule set`: in which rounds nodes train. A change is an order to the
// whole run.
#include "core/schedule.h"

#include <memory>
#include <optional>
#include <string>

#include <CLI/CLI.hpp>

#include "ctl/commands.h"
#include "ctl/directives.h"
#include "ctl/node_command.h"

namespace skiptrain::ctl {
namespace {

std::string pending_text(const v1::GetScheduleResponse& s) {
  if (!s.has_pending()) return "none";
  return schedule_text(s.pending()) + " from round " +
         std::to_string(s.pending().effective_round());
}

std::string probability_text(const v1::GetScheduleResponse& s) {
  return s.has_train_probability() ? fixed(s.train_probability(), 4) : "-";
}

std::string slots_text(const v1::GetScheduleResponse& s) {
  return std::to_string(s.train_slots_left()) + " of " + std::to_string(s.train_slots_total());
}

NodeCommand<v1::GetScheduleResponse> show_command() {
  NodeCommand<v1::GetScheduleResponse> command;
  command.ask = [](Client& client) { return client.schedule(); };
  command.print = [](const v1::GetScheduleResponse& s, Screen& screen) {
    print_fields(screen,
                 {{"schedule", schedule_text(s.current())},
                  {"pending", pending_text(s)},
                  {"round", std::to_string(s.round()) + " of " + std::to_string(s.total_rounds())},
                  {"train slots left", slots_text(s)},
                  {"probability", probability_text(s)}});
  };
  command.columns = {"schedule", "pending", ">round", ">train slots left", ">probability"};
  command.rows = [](const v1::GetScheduleResponse& s) {
    return std::vector<Row>{{Cell(schedule_text(s.current())), Cell(pending_text(s)),
                             Cell(std::to_string(s.round())), Cell(slots_text(s)),
                             Cell(probability_text(s))}};
  };
  return command;
}

struct Flags {
  std::string policy;
  std::optional<std::uint32_t> gamma_train;
  std::optional<std::uint32_t> gamma_sync;
  std::optional<std::uint64_t> at_round;
};

// A schedule of an alternating policy, with the lengths that are in force for those not given:
// there is no default that would suit (1/0 would be D-PSGD by another name).
Outcome<core::Schedule> with_lengths_in_force(core::Policy policy, const Flags& flags,
                                              const Globals& globals) {
  core::Schedule wanted{policy, flags.gamma_train.value_or(0), flags.gamma_sync.value_or(0)};
  if (flags.gamma_train && flags.gamma_sync) return wanted;
  auto client = connect(globals);
  if (!client) return tl::unexpected(client.error());
  const auto answer = client->schedule();
  if (!answer) return tl::unexpected(answer.error());
  const v1::Schedule& now = answer->current();
  const auto policy_now = policy_of(now.policy());
  if (!policy_now || !core::alternates(*policy_now)) {
    const std::string missing = flags.gamma_train  ? "--sync"
                                : flags.gamma_sync ? "--train"
                                                   : "--train and --sync";
    return failure(ExitCode::kUsage,
                   missing + " must be given for " + std::string(core::to_string(policy)) +
                       ": the schedule in force, " + schedule_text(now) +
                       ", has no lengths to keep",
                   "for example --train 4 --sync 4");
  }
  wanted.gamma_train = flags.gamma_train.value_or(now.gamma_train());
  wanted.gamma_sync = flags.gamma_sync.value_or(now.gamma_sync());
  return wanted;
}

Outcome<core::Schedule> wanted_schedule(const Flags& flags, const Globals& globals) {
  const auto policy = core::parse_policy(flags.policy);
  if (!policy) return tl::unexpected(to_failure(policy.error()));
  if (core::alternates(*policy)) return with_lengths_in_force(*policy, flags, globals);
  const core::Schedule defaults{*policy};
  return core::Schedule{*policy, flags.gamma_train.value_or(defaults.gamma_train),
                        flags.gamma_sync.value_or(defaults.gamma_sync)};
}

Outcome<v1::IssueDirectiveRequest> request_of(const Flags& flags, const Globals& globals) {
  const auto schedule = wanted_schedule(flags, globals);
  if (!schedule) return tl::unexpected(schedule.error());
  if (const auto valid = schedule->validate(); !valid) {
    return tl::unexpected(to_failure(valid.error()));
  }
  v1::IssueDirectiveRequest request;
  auto& out = *request.mutable_schedule();
  out.set_policy(policy_message(schedule->policy));
  out.set_gamma_train(schedule->gamma_train);
  out.set_gamma_sync(schedule->gamma_sync);
  if (flags.at_round) request.set_effective_round(*flags.at_round);
  return request;
}

}  // namespace

void add_schedule_commands(CLI::App& root, Selection& selection) {
  auto* schedule = root.add_subcommand("schedule", "In which rounds the node trains");
  schedule->add_subcommand("show", "The schedule in force, and the one to come")
      ->callback([&selection] {
        selection.action = [](Context& context) { return run(context, show_command()); };
      });
  auto* set =
      schedule->add_subcommand("set", "Change the whole run's schedule from a coming round on");
  auto flags = std::make_shared<Flags>();
  set->add_option("--policy", flags->policy,
                  "dpsgd, skiptrain, skiptrain-constrained, greedy or skiptrain-adaptive")
      ->required();
  set->add_option("--train", flags->gamma_train, "Train rounds in a row; default: as in force");
  set->add_option("--sync", flags->gamma_sync, "Sync rounds in a row; default: as in force");
  set->add_option("--at-round", flags->at_round,
                  "First round it applies to; default: the first that all nodes can keep");
  set->callback([&selection, flags] {
    selection.action = [flags](Context& context) -> Outcome<ExitCode> {
      const auto request = request_of(*flags, context.globals);
      if (!request) return tl::unexpected(request.error());
      return issue(context, *request);
    };
  });
}

}  // namespace skiptrain::ctl
