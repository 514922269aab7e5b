// `schedule show` and `schedule set`: in which rounds the node trains. With --all a change is given
// one round for all nodes, far enough ahead that each hears of it before it gets there.
#include "ctl/schedule.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <string>

#include <CLI/CLI.hpp>

#include "core/schedule.h"
#include "ctl/commands.h"
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

NodeCommand<v1::SetScheduleResponse> set_command(const v1::SetScheduleRequest& request) {
  NodeCommand<v1::SetScheduleResponse> command;
  command.ask = [request](Client& client) { return client.set_schedule(request); };
  command.print = [](const v1::SetScheduleResponse& s, Screen& screen) {
    screen.out << schedule_text(s.pending()) << " from round " << s.pending().effective_round()
               << '\n';
  };
  command.columns = {"schedule", ">from round"};
  command.rows = [](const v1::SetScheduleResponse& s) {
    return std::vector<Row>{
        {Cell(schedule_text(s.pending())), Cell(std::to_string(s.pending().effective_round()))}};
  };
  return command;
}

struct Flags {
  std::string policy;
  std::optional<std::uint32_t> gamma_train;
  std::optional<std::uint32_t> gamma_sync;
  std::uint64_t at_round = 0;  // 0: not given
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

Outcome<v1::SetScheduleRequest> request_of(const Flags& flags, const Globals& globals) {
  const auto schedule = wanted_schedule(flags, globals);
  if (!schedule) return tl::unexpected(schedule.error());
  if (const auto valid = schedule->validate(); !valid) {
    return tl::unexpected(to_failure(valid.error()));
  }
  v1::SetScheduleRequest request;
  auto& out = *request.mutable_schedule();
  out.set_policy(policy_message(schedule->policy));
  out.set_gamma_train(schedule->gamma_train);
  out.set_gamma_sync(schedule->gamma_sync);
  out.set_effective_round(flags.at_round);
  return request;
}

Outcome<ExitCode> set_everywhere(Context& context, v1::SetScheduleRequest request) {
  const auto fleet = discover(context.globals);
  if (!fleet) return tl::unexpected(fleet.error());
  if (request.schedule().effective_round() == 0) {
    std::vector<v1::GetStatusResponse> known;
    for (auto& status : ask_all<v1::GetStatusResponse>(
             *fleet, context.globals, [](Client& client) { return client.status(); })) {
      if (status) known.push_back(*std::move(status));
    }
    const auto round = common_round(known);
    if (!round) return tl::unexpected(round.error());
    request.mutable_schedule()->set_effective_round(*round);
  }
  const auto command = set_command(request);
  return show_all(context, command, *fleet,
                  ask_all<v1::SetScheduleResponse>(*fleet, context.globals, command.ask));
}

}  // namespace

Outcome<std::uint64_t> common_round(const std::vector<v1::GetStatusResponse>& statuses) {
  std::uint64_t newest = 0;
  std::uint64_t total = 0;
  double fastest = 0.0;  // the shortest median: in the lead's time most rounds go by
  for (const auto& status : statuses) {
    newest = std::max(newest, status.round());
    total = std::max(total, status.total_rounds());
    const double median = status.median_round_seconds();
    if (median > 0 && (fastest == 0.0 || median < fastest)) fastest = median;
  }
  const double lead = fastest > 0 ? std::ceil(kCommonRoundLeadSeconds / fastest) : 0.0;
  const std::uint64_t round =
      newest + std::max(kMinCommonRoundLead, static_cast<std::uint64_t>(lead));
  if (round >= total) {
    return failure(ExitCode::kPrecondition,
                   "the run of " + std::to_string(total) + " rounds is in round " +
                       std::to_string(newest) +
                       ": it ends before all nodes could switch together "
                       "in round " +
                       std::to_string(round),
                   "name an earlier round with --at-round if the nodes may switch unevenly");
  }
  return round;
}

void add_schedule_commands(CLI::App& root, Selection& selection) {
  auto* schedule = root.add_subcommand("schedule", "In which rounds the node trains");
  schedule->add_subcommand("show", "The schedule in force, and the one to come")
      ->callback([&selection] {
        selection.action = [](Context& context) { return run(context, show_command()); };
      });
  auto* set = schedule->add_subcommand("set", "Change the schedule from a coming round on");
  auto flags = std::make_shared<Flags>();
  set->add_option("--policy", flags->policy,
                  "dpsgd, skiptrain, skiptrain-constrained, greedy or skiptrain-adaptive")
      ->required();
  set->add_option("--train", flags->gamma_train, "Train rounds in a row; default: as in force");
  set->add_option("--sync", flags->gamma_sync, "Sync rounds in a row; default: as in force");
  set->add_option("--at-round", flags->at_round,
                  "First round it applies to; default: the next, with --all a common one");
  set->callback([&selection, flags] {
    selection.action = [flags](Context& context) -> Outcome<ExitCode> {
      const auto request = request_of(*flags, context.globals);
      if (!request) return tl::unexpected(request.error());
      if (context.globals.all) return set_everywhere(context, *request);
      return run(context, set_command(*request));
    };
  });
}

}  // namespace skiptrain::ctl
