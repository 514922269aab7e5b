// The checks of [train] that take more than one key, and of what a loss needs; the defaults that
// follow the optimizer.
#include <string>
#include <string_view>
#include <variant>

#include "daemon/config/document.h"
#include "daemon/config/values.h"
#include "data/partition.h"
#include "data/source.h"

namespace skiptrain::daemon {
namespace {

// Whether `key` holds a value, be it the default: false if it was refused already.
bool is_known(const Document& document, std::string_view key) {
  return document.is_set(key) || !document.is_mentioned(key);
}

// A key that only some choice of another looks at.
struct Dependent {
  std::string_view key;
  bool is_default;
  bool has_effect;
};

// Written out, but to no effect: refused, unless it says what holds anyway.
void check_effect(Document& document, const Dependent& dependent, const std::string& why) {
  if (dependent.has_effect || dependent.is_default || !document.is_set(dependent.key)) return;
  document.complain(dependent.key, "must be left out with " + why);
}

// What a loss on numbers needs of the data.
void check_values(Document& document, const std::string& name) {
  const DataSettings& data = document.config.data;
  if (is_known(document, "data.format") && !data::may_hold_values(data.format) &&
      document.is_mentioned("data")) {
    document.complain("train.loss",
                      "needs data.format = \"npy\", \"npz\", \"torch\" or \"csv\", since "
                      "files of format " +
                          std::string(to_string(data.format)) + " hold classes");
  }
  const auto partition = data::parse_partition(data.partition);
  const bool by_class = partition && (std::holds_alternative<data::LabelShards>(*partition) ||
                                      std::holds_alternative<data::Dirichlet>(*partition));
  if (document.is_set("data.partition") && by_class) {
    document.complain("data.partition", "must be iid or all, since with " + name +
                                            " samples have numbers in place of classes");
  }
  if (document.is_set("data.label_column") && !data.target_columns.empty()) {
    document.complain("data.label_column",
                      "must be left out when data.target_columns is set; choose one");
  }
}

void check_loss(Document& document) {
  if (!is_known(document, "train.loss")) return;
  const Config& config = document.config;
  const Loss loss = config.train.loss;
  const std::string name = "train.loss = " + toml_string(to_string(loss));
  const bool of_classes = loss == Loss::kCrossEntropy || loss == Loss::kModel;
  if (!of_classes) check_values(document, name);
  check_effect(document,
               {"round.evaluate_top_k",
                config.round.evaluate_top_k == RoundSettings().evaluate_top_k, of_classes},
               name + "; it is for cross-entropy");
  const bool no_columns = config.data.target_columns.empty();
  check_effect(document, {"data.target_columns", no_columns, !of_classes},
               name + ", which learns the class in data.label_column");
  if (!of_classes && is_known(document, "data.format") &&
      config.data.format != data::Format::kCsv) {
    check_effect(document, {"data.target_columns", no_columns, false},
                 "data.format = " + toml_string(to_string(config.data.format)) + "; it is for csv");
  }
}

void check_optimizer(Document& document) {
  if (!is_known(document, "train.optimizer")) return;
  const TrainSettings defaults;
  TrainSettings& train = document.config.train;
  const bool is_sgd = train.optimizer == Optimizer::kSgd;
  const std::string name = "train.optimizer = " + toml_string(to_string(train.optimizer));
  for (const Dependent& dependent :
       {Dependent{"train.momentum", train.momentum == defaults.momentum, is_sgd},
        Dependent{"train.nesterov", train.nesterov == defaults.nesterov, is_sgd}}) {
    check_effect(document, dependent, name + ", whose momentum is train.beta1");
  }
  for (const Dependent& dependent :
       {Dependent{"train.beta1", train.beta1 == defaults.beta1, !is_sgd},
        Dependent{"train.beta2", train.beta2 == defaults.beta2, !is_sgd},
        Dependent{"train.epsilon", train.epsilon == defaults.epsilon, !is_sgd}}) {
    check_effect(document, dependent, name + "; it is for adam and adamw");
  }
  if (is_sgd && train.nesterov && train.momentum == 0 && is_known(document, "train.momentum")) {
    document.complain("train.nesterov", "needs train.momentum above 0");
  }
  if (!document.is_mentioned("train.lr")) train.lr = TrainSettings::default_lr(train.optimizer);
  if (!document.is_mentioned("train.weight_decay")) {
    train.weight_decay = TrainSettings::default_weight_decay(train.optimizer);
  }
}

void check_lr_schedule(Document& document) {
  if (!is_known(document, "train.lr_schedule")) return;
  const core::LearningRateSchedule defaults;
  const core::LearningRateSchedule& schedule = document.config.train.lr_schedule;
  const bool is_step = schedule.decay == core::LearningRateDecay::kStep;
  const bool is_cosine = schedule.decay == core::LearningRateDecay::kCosine;
  const std::string name = "train.lr_schedule = " + toml_string(to_string(schedule.decay));
  for (const Dependent& dependent :
       {Dependent{"train.lr_step_size", schedule.step_size == defaults.step_size, is_step},
        Dependent{"train.lr_gamma", schedule.gamma == defaults.gamma, is_step}}) {
    check_effect(document, dependent, name + "; it is for step");
  }
  check_effect(document, {"train.lr_floor", schedule.floor == defaults.floor, is_cosine},
               name + "; it is for cosine");
  if (!is_step || schedule.step_size > 0) return;
  constexpr std::string_view kStepSize = "train.lr_step_size";
  if (document.is_set(kStepSize)) {
    document.complain(kStepSize, "must be at least 1 with " + name);
  } else if (!document.is_mentioned(kStepSize)) {
    document.complain_of_missing(std::string(kStepSize), "rounds between two falls, 1 to 1000000");
  }
}

}  // namespace

void check_train(Document& document) {
  if (document.is_set("train.local_steps") && document.config.train.local_epochs > 0) {
    document.complain("train.local_epochs",
                      "must be 0 or left out when train.local_steps is set; choose one");
  }
  check_loss(document);
  check_optimizer(document);
  check_lr_schedule(document);
}

}  // namespace skiptrain::daemon
