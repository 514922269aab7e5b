// An operator's order to the whole run: the schedule, the learning rate, pause, resume or stop,
// from a named round on, so that all nodes switch in the same round (see directive_board.h).
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <variant>

#include "base/ids.h"
#include "core/schedule.h"

namespace skiptrain::core {

// Orders directives: of two that contradict each other the larger stamp wins, on every node.
struct DirectiveStamp {
  std::uint64_t lamport = 0;  // one more than any the issuing node had seen
  NodeId origin;              // where it was issued
  auto operator<=>(const DirectiveStamp&) const = default;
};

enum class RunOrder : std::uint8_t { kRun, kPause, kStop };

struct LearningRate {
  double value = 0.0;  // the base rate; above 0, finite
  bool operator==(const LearningRate&) const = default;
};

// What a directive is about; orders about different matters do not touch each other.
using DirectiveOrder = std::variant<Schedule, LearningRate, RunOrder>;

struct Directive {
  DirectiveStamp stamp;
  Round effective;  // the first round it applies to
  DirectiveOrder order;
  bool operator==(const Directive&) const = default;
};

const char* to_string(RunOrder order);
// For people and logs: "skiptrain 4/4 from round 12 (7 by node 3)".
std::string to_string(const Directive& directive);

}  // namespace skiptrain::core
