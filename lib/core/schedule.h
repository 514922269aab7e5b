// Which rounds ask for training: a pure function of the logical clock, so that all nodes agree
// without talking (SkipTrain, arXiv 2407.01283, Algorithm 2).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/error.h"
#include "base/ids.h"

namespace skiptrain::core {

enum class Policy {
  kDpsgd,                 // train in every round
  kSkipTrain,             // gamma_train rounds of training, then gamma_sync of mixing only
  kSkipTrainConstrained,  // in the train slots, with a probability that makes the budget last
  kGreedy,                // train in every round until the budget is spent
  kSkipTrainAdaptive,     // like constrained, re-planned each round from what is left
};

// All of them, in the order above.
std::span<const Policy> policies();
std::string_view to_string(Policy policy);
Result<Policy> parse_policy(std::string_view text);
// True for the policies whose train slots alternate with sync rounds; false for those that ask for
// training in every round.
bool alternates(Policy policy);
// True for the policies that draw a random number in each train slot.
bool is_probabilistic(Policy policy);

struct Schedule {
  Policy policy = Policy::kDpsgd;
  // Lengths of the alternating runs of train and sync rounds; dpsgd and greedy ignore them.
  std::uint32_t gamma_train = 1;
  std::uint32_t gamma_sync = 0;

  // kInvalidArgument unless gamma_train >= 1 and neither length is above a million.
  Status validate() const;

  // True if the schedule asks for training in `round`.
  bool is_train_slot(Round round) const;
  // Train slots in rounds [begin, end).
  std::uint64_t train_slots(Round begin, Round end) const;
  // T * gamma_train / (gamma_train + gamma_sync), the paper's T_train, not rounded.
  double expected_train_rounds(std::uint64_t total_rounds) const;

  bool operator==(const Schedule&) const = default;
};

inline constexpr std::uint32_t kMaxGamma = 1'000'000;

}  // namespace skiptrain::core
