#include "core/directive.h"

#include <cstdio>

namespace skiptrain::core {
namespace {

struct Words {
  std::string operator()(const Schedule& schedule) const {
    std::string text(to_string(schedule.policy));
    if (!alternates(schedule.policy)) return text;
    return text + " " + std::to_string(schedule.gamma_train) + "/" +
           std::to_string(schedule.gamma_sync);
  }
  std::string operator()(const LearningRate& rate) const {
    char text[40];
    std::snprintf(text, sizeof text, "learning rate %.6g", rate.value);
    return text;
  }
  std::string operator()(RunOrder order) const { return to_string(order); }
};

}  // namespace

const char* to_string(RunOrder order) {
  switch (order) {
    case RunOrder::kRun:
      return "run";
    case RunOrder::kPause:
      return "pause";
    case RunOrder::kStop:
      return "stop";
  }
  return "unknown";
}

std::string to_string(const Directive& directive) {
  return std::visit(Words(), directive.order) + " from round " + to_string(directive.effective) +
         " (" + std::to_string(directive.stamp.lamport) + " by node " +
         to_string(directive.stamp.origin) + ")";
}

}  // namespace skiptrain::core
