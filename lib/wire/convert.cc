#include "wire/convert.h"

#include <array>
#include <utility>

namespace skiptrain::wire {
namespace {

using core::Activity;
using core::Policy;

constexpr std::array<std::pair<Activity, v1::Activity>, 4> kActivities = {{
    {Activity::kRunning, v1::ACTIVITY_RUNNING},
    {Activity::kPaused, v1::ACTIVITY_PAUSED},
    {Activity::kFinished, v1::ACTIVITY_FINISHED},
    {Activity::kLeaving, v1::ACTIVITY_LEAVING},
}};

constexpr std::array<std::pair<Policy, v1::Policy>, 5> kPolicies = {{
    {Policy::kDpsgd, v1::POLICY_DPSGD},
    {Policy::kSkipTrain, v1::POLICY_SKIPTRAIN},
    {Policy::kSkipTrainConstrained, v1::POLICY_SKIPTRAIN_CONSTRAINED},
    {Policy::kGreedy, v1::POLICY_GREEDY},
    {Policy::kSkipTrainAdaptive, v1::POLICY_SKIPTRAIN_ADAPTIVE},
}};

constexpr std::array<std::pair<GoodbyeReason, v1::GoodbyeReason>, 10> kReasons = {{
    {GoodbyeReason::kUnspecified, v1::GOODBYE_REASON_UNSPECIFIED},
    {GoodbyeReason::kProtocolVersion, v1::GOODBYE_REASON_PROTOCOL_VERSION},
    {GoodbyeReason::kCluster, v1::GOODBYE_REASON_CLUSTER},
    {GoodbyeReason::kRun, v1::GOODBYE_REASON_RUN},
    {GoodbyeReason::kLayout, v1::GOODBYE_REASON_LAYOUT},
    {GoodbyeReason::kUnknownNode, v1::GOODBYE_REASON_UNKNOWN_NODE},
    {GoodbyeReason::kDuplicate, v1::GOODBYE_REASON_DUPLICATE},
    {GoodbyeReason::kBadFrame, v1::GOODBYE_REASON_BAD_FRAME},
    {GoodbyeReason::kLeaving, v1::GOODBYE_REASON_LEAVING},
    {GoodbyeReason::kWrongDialer, v1::GOODBYE_REASON_WRONG_DIALER},
}};

template <typename Table, typename From>
auto wire_value(const Table& table, From from) {
  for (const auto& [ours, theirs] : table) {
    if (ours == from) return theirs;
  }
  return table.front().second;
}

Status check_length(const char* field, const std::string& text) {
  if (text.size() <= kMaxNameBytes) return {};
  return fail(ErrorCode::kCorrupt, std::string(field) + " has " + std::to_string(text.size()) +
                                       " bytes, at most " + std::to_string(kMaxNameBytes) +
                                       " are allowed");
}

Result<core::Schedule> schedule_from_proto(const v1::Schedule& schedule) {
  for (const auto& [ours, theirs] : kPolicies) {
    if (theirs != schedule.policy()) continue;
    const core::Schedule result{ours, schedule.gamma_train(), schedule.gamma_sync()};
    if (const Status valid = result.validate(); !valid) {
      return fail(ErrorCode::kCorrupt, "schedule: " + valid.error().message);
    }
    return result;
  }
  return fail(ErrorCode::kCorrupt, "schedule: policy " +
                                       std::to_string(static_cast<int>(schedule.policy())) +
                                       " is unknown, expected 1 to 5");
}

}  // namespace

std::string printable(std::string_view text, std::size_t limit) {
  if (text.size() > limit) {
    std::size_t end = limit;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0u) == 0x80u) --end;
    text = text.substr(0, end);
  }
  std::string result(text);
  for (char& c : result) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) c = '?';
  }
  return result;
}

void to_proto(const core::NodeState& state, v1::NodeState& out) {
  out.set_round(state.round.value());
  out.set_activity(wire_value(kActivities, state.activity));
}

void to_proto(const Hello& hello, v1::Hello& out) {
  out.set_protocol_version(hello.protocol_version);
  out.set_cluster_id(hello.cluster_id);
  out.set_node_id(hello.node_id.value());
  out.set_incarnation(hello.incarnation.value());
  out.set_run_id(hello.run_id);
  out.set_run_fingerprint(hello.run_fingerprint.value());
  out.set_layout_fingerprint(hello.layout_fingerprint.value());
  to_proto(hello.state, *out.mutable_state());
  out.set_node_name(hello.node_name);
}

void to_proto(const Goodbye& goodbye, v1::Goodbye& out) {
  out.set_reason(wire_value(kReasons, goodbye.reason));
  out.set_detail(printable(goodbye.detail, kMaxDetailBytes));
}

void to_proto(const UpdateHeader& header, v1::UpdateHeader& out) {
  out.set_round(header.round.value());
  out.set_degree(header.degree);
  out.set_parameter_count(header.parameter_count);
  out.set_dtype(static_cast<v1::WireDtype>(header.dtype));
  out.set_checksum(header.checksum);
  if (!header.schedule) return;
  out.mutable_schedule()->set_policy(wire_value(kPolicies, header.schedule->policy));
  out.mutable_schedule()->set_gamma_train(header.schedule->gamma_train);
  out.mutable_schedule()->set_gamma_sync(header.schedule->gamma_sync);
}

Result<core::NodeState> from_proto(const v1::NodeState& state) {
  for (const auto& [ours, theirs] : kActivities) {
    if (theirs == state.activity()) return core::NodeState{Round(state.round()), ours};
  }
  return fail(ErrorCode::kCorrupt, "state: activity " +
                                       std::to_string(static_cast<int>(state.activity())) +
                                       " is unknown, expected 1 to 4");
}

Result<Hello> from_proto(const v1::Hello& hello) {
  if (const Status ok = check_length("hello: cluster_id", hello.cluster_id()); !ok) {
    return tl::unexpected(ok.error());
  }
  if (const Status ok = check_length("hello: run_id", hello.run_id()); !ok) {
    return tl::unexpected(ok.error());
  }
  if (const Status ok = check_length("hello: node_name", hello.node_name()); !ok) {
    return tl::unexpected(ok.error());
  }
  auto state = from_proto(hello.state());
  if (!state) return fail(ErrorCode::kCorrupt, "hello: " + state.error().message);
  Hello result;
  result.protocol_version = hello.protocol_version();
  result.cluster_id = hello.cluster_id();
  result.node_id = NodeId(hello.node_id());
  result.incarnation = Incarnation(hello.incarnation());
  result.run_id = hello.run_id();
  result.run_fingerprint = Fingerprint(hello.run_fingerprint());
  result.layout_fingerprint = Fingerprint(hello.layout_fingerprint());
  result.state = *state;
  result.node_name = printable(hello.node_name(), kMaxNameBytes);
  return result;
}

Result<UpdateHeader> from_proto(const v1::UpdateHeader& header) {
  UpdateHeader result;
  result.round = Round(header.round());
  result.degree = header.degree();
  result.parameter_count = header.parameter_count();
  result.dtype = static_cast<std::uint32_t>(header.dtype());
  result.checksum = header.checksum();
  if (header.has_schedule()) {
    auto schedule = schedule_from_proto(header.schedule());
    if (!schedule) return tl::unexpected(schedule.error());
    result.schedule = *schedule;
  }
  return result;
}

Goodbye from_proto(const v1::Goodbye& goodbye) {
  Goodbye result;
  for (const auto& [ours, theirs] : kReasons) {
    if (theirs == goodbye.reason()) result.reason = ours;
  }
  result.detail = printable(goodbye.detail(), kMaxDetailBytes);
  return result;
}

}  // namespace skiptrain::wire
