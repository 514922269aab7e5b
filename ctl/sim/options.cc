#include "ctl/sim/options.h"

#include <charconv>
#include <set>
#include <utility>

namespace skiptrain::ctl {
namespace {

tl::unexpected<Error> invalid(std::string message) {
  return fail(ErrorCode::kInvalidArgument, std::move(message));
}

std::optional<std::uint32_t> number(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// "2..4" or "3".
std::optional<std::vector<std::uint32_t>> range(std::string_view text) {
  const std::size_t dots = text.find("..");
  const auto first = number(text.substr(0, dots));
  const auto last = dots == std::string_view::npos ? first : number(text.substr(dots + 2));
  if (!first || !last || *first < 1 || *last < *first || *last - *first >= kMaxSweepLength) {
    return std::nullopt;
  }
  std::vector<std::uint32_t> values;
  for (std::uint32_t value = *first; value <= *last; ++value) values.push_back(value);
  return values;
}

Result<std::vector<TestbedOptions>> compared(const SimOptions& options) {
  std::vector<TestbedOptions> runs;
  std::set<core::Policy> seen;
  for (const std::string& name : options.compare) {
    const auto policy = core::parse_policy(name);
    if (!policy) return tl::unexpected(policy.error());
    if (!seen.insert(*policy).second) return invalid("--compare: " + name + " is named twice");
    runs.push_back(options.run);
    runs.back().schedule.policy = *policy;
  }
  return runs;
}

Result<std::vector<TestbedOptions>> swept(const SimOptions& options, core::Policy policy) {
  const auto grid = parse_sweep(options.sweep);
  if (!grid) return tl::unexpected(grid.error());
  if (!core::alternates(policy)) {
    return invalid("--sweep: " + options.policy + " has no train and sync rounds to vary");
  }
  std::vector<TestbedOptions> runs;
  for (const std::uint32_t train : grid->gamma_train) {
    for (const std::uint32_t sync : grid->gamma_sync) {
      runs.push_back(options.run);
      runs.back().schedule = {policy, train, sync};
    }
  }
  return runs;
}

}  // namespace

Result<SweepGrid> parse_sweep(std::string_view text) {
  constexpr std::string_view kTrain = "train=";
  constexpr std::string_view kSync = "sync=";
  const std::size_t comma = text.find(',');
  const std::string_view left = text.substr(0, comma);
  const std::string_view right =
      comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
  if (left.starts_with(kTrain) && right.starts_with(kSync)) {
    auto train = range(left.substr(kTrain.size()));
    auto sync = range(right.substr(kSync.size()));
    if (train && sync) return SweepGrid{*std::move(train), *std::move(sync)};
  }
  return invalid(
      "--sweep " + std::string(text) + ": must be train=A..B,sync=C..D with ranges of 1 to " +
      std::to_string(kMaxSweepLength) + " numbers from 1 on, as in train=1..4,sync=1..4");
}

Result<std::vector<TestbedOptions>> runs_of(const SimOptions& options) {
  const auto policy = core::parse_policy(options.policy);
  if (!policy) return tl::unexpected(policy.error());
  const bool several = !options.compare.empty() || !options.sweep.empty();
  if (!options.compare.empty() && !options.sweep.empty()) {
    return invalid("--compare and --sweep exclude each other");
  }
  if (several && !(options.checkpoint.empty() && options.resume.empty())) {
    return invalid("--checkpoint and --resume are for a single run, not --compare or --sweep");
  }
  if (several && !options.event_log.empty()) {
    return invalid("--event-log is for a single run, not --compare or --sweep");
  }
  if (!options.compare.empty()) return compared(options);
  if (!options.sweep.empty()) return swept(options, *policy);
  TestbedOptions run = options.run;
  run.schedule.policy = *policy;
  return std::vector<TestbedOptions>{run};
}

}  // namespace skiptrain::ctl
