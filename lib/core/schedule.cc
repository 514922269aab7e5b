#include "core/schedule.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

namespace skiptrain::core {
namespace {

constexpr std::array<std::pair<Policy, std::string_view>, 5> kPolicyNames = {{
    {Policy::kDpsgd, "dpsgd"},
    {Policy::kSkipTrain, "skiptrain"},
    {Policy::kSkipTrainConstrained, "skiptrain-constrained"},
    {Policy::kGreedy, "greedy"},
    {Policy::kSkipTrainAdaptive, "skiptrain-adaptive"},
}};

}  // namespace

std::span<const Policy> policies() {
  static constexpr auto kPolicies = [] {
    std::array<Policy, kPolicyNames.size()> all{};
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = kPolicyNames[i].first;
    return all;
  }();
  return kPolicies;
}

std::string_view to_string(Policy policy) {
  for (const auto& [value, name] : kPolicyNames) {
    if (value == policy) return name;
  }
  return "unknown";
}

Result<Policy> parse_policy(std::string_view text) {
  for (const auto& [value, name] : kPolicyNames) {
    if (name == text) return value;
  }
  std::string message = "policy \"" + std::string(text) + "\": must be one of";
  for (const auto& [value, name] : kPolicyNames) message += " " + std::string(name);
  return fail(ErrorCode::kInvalidArgument, message);
}

bool alternates(Policy policy) {
  return policy != Policy::kDpsgd && policy != Policy::kGreedy;
}

bool is_probabilistic(Policy policy) {
  return policy == Policy::kSkipTrainConstrained || policy == Policy::kSkipTrainAdaptive;
}

Status Schedule::validate() const {
  if (gamma_train < 1 || gamma_train > kMaxGamma) {
    return fail(ErrorCode::kInvalidArgument, "gamma_train = " + std::to_string(gamma_train) +
                                                 ": must be 1 to " + std::to_string(kMaxGamma));
  }
  if (gamma_sync > kMaxGamma) {
    return fail(ErrorCode::kInvalidArgument, "gamma_sync = " + std::to_string(gamma_sync) +
                                                 ": must be 0 to " + std::to_string(kMaxGamma));
  }
  return {};
}

bool Schedule::is_train_slot(Round round) const {
  if (!alternates(policy)) return true;
  return round.value() % (std::uint64_t{gamma_train} + gamma_sync) < gamma_train;
}

std::uint64_t Schedule::train_slots(Round begin, Round end) const {
  if (end <= begin) return 0;
  if (!alternates(policy)) return end.value() - begin.value();
  const std::uint64_t period = std::uint64_t{gamma_train} + gamma_sync;
  const auto before = [&](std::uint64_t round) {
    return round / period * gamma_train + std::min<std::uint64_t>(round % period, gamma_train);
  };
  return before(end.value()) - before(begin.value());
}

double Schedule::expected_train_rounds(std::uint64_t total_rounds) const {
  const auto total = static_cast<double>(total_rounds);
  if (!alternates(policy)) return total;
  return total * gamma_train / (static_cast<double>(gamma_train) + gamma_sync);
}

}  // namespace skiptrain::core
