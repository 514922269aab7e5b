#include "ctl/testbed/flags.h"

#include <string>

#include <CLI/CLI.hpp>

#include "core/topology/topology_spec.h"

namespace skiptrain::ctl {
namespace {

void add_rules_flags(CLI::App& command, core::RoundRules& rules) {
  const auto set_mode = [&rules](const std::string& text) {
    const auto mode = core::parse_round_mode(text);
    if (!mode) throw CLI::ValidationError("--mode", mode.error().message);
    rules.mode = *mode;
  };
  command
      .add_option_function<std::string>("--mode", set_mode,
                                        "What ends a round: deadline, barrier or async")
      ->default_str(std::string(core::to_string(rules.mode)));
  command.add_option("--quorum", rules.quorum, "Part of the neighbours that closes a round")
      ->capture_default_str();
  command
      .add_option("--max-staleness", rules.max_staleness, "Of an update in mode async, in rounds")
      ->capture_default_str();
}

void add_compression_flag(CLI::App& command, Compression& compression) {
  const auto set = [&compression](const std::string& text) {
    const auto parsed = parse_compression(text);
    if (!parsed) throw CLI::ValidationError("--compression", parsed.error().message);
    compression = *parsed;
  };
  command
      .add_option_function<std::string>("--compression", set,
                                        "Of updates: none, bf16, fp16, int8 or top-k:F")
      ->default_str(to_string(compression));
}

}  // namespace

void add_workload_flags(CLI::App& command, TestbedOptions& o, std::string& policy) {
  const auto add = [&](const char* name, auto& value, const char* what) {
    return command.add_option(name, value, what)->capture_default_str();
  };
  add("--nodes", o.nodes, "Nodes");
  add("--rounds", o.rounds, "Rounds of the run");
  add("--policy", policy, kPolicyNames);
  add("--train", o.schedule.gamma_train, "Train rounds in a row");
  add("--sync", o.schedule.gamma_sync, "Sync rounds in a row");
  add_rules_flags(command, o.rules);
  add_compression_flag(command, o.compression);
  add("--topology", o.topology, core::kStaticTopologySpecs);
  add("--model", o.model, "gn-lenet, femnist-cnn, lenet5 or mlp; or a TorchScript file");
  add("--dataset", o.dataset, "Folder with IDX or CIFAR files, .npy, .npz or .csv");
  add("--partition", o.partition, "iid, shards:K or dirichlet:ALPHA");
  add("--local-steps", o.local_steps, "Minibatches per train round");
  add("--batch-size", o.batch_size, "Samples per minibatch");
  command.add_option("--lr", o.lr, "Learning rate; default: 0.1, or that of --set train.optimizer");
  add("--seed", o.seed, "Of the model, the partition, the topology and the policy");
  auto* wh = command.add_option("--budget-wh", o.budget_wh, "Wh each node may spend on training");
  command.add_option("--budget-fraction", o.budget_fraction, "Or: part of each node's battery")
      ->excludes(wh);
  command.add_option("--profile", o.profiles, "Energy profiles, dealt in turn; default: all four")
      ->delimiter(',');
  add("--eval-every", o.evaluate_every, "Rounds between evaluations; 0: only at the end");
  add("--eval-samples", o.evaluate_samples, "Test samples of --eval-every; the end uses all");
  command.add_option("--set", o.settings, "A further setting of all nodes: round.deadline=2s")
      ->allow_extra_args(false);
}

}  // namespace skiptrain::ctl
