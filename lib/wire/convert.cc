#include "wire/convert.h"

#include <array>
#include <cmath>
#include <utility>

#include "wire/utf8.h"

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

constexpr std::array<std::pair<core::RunOrder, v1::RunOrder>, 3> kRunOrders = {{
    {core::RunOrder::kRun, v1::RUN_ORDER_RUN},
    {core::RunOrder::kPause, v1::RUN_ORDER_PAUSE},
    {core::RunOrder::kStop, v1::RUN_ORDER_STOP},
}};

constexpr std::array<std::pair<GoodbyeReason, v1::GoodbyeReason>, 11> kReasons = {{
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
    {GoodbyeReason::kNotNeighbour, v1::GOODBYE_REASON_NOT_NEIGHBOUR},
}};

constexpr std::array<std::pair<Packing, v1::DifferenceCoding>, 2> kCodings = {{
    {Packing::kInt8, v1::DIFFERENCE_CODING_INT8},
    {Packing::kTopK, v1::DIFFERENCE_CODING_TOP_K},
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

void schedule_to_proto(const core::Schedule& schedule, v1::Schedule& out) {
  out.set_policy(wire_value(kPolicies, schedule.policy));
  out.set_gamma_train(schedule.gamma_train);
  out.set_gamma_sync(schedule.gamma_sync);
}

// `value` of `field` must be below `limit`, a power of two.
Status check_below(const char* field, std::uint64_t value, std::uint64_t limit) {
  if (value < limit) return {};
  return fail(ErrorCode::kCorrupt, std::string(field) + " " + std::to_string(value) +
                                       ": must be below " + std::to_string(limit));
}

Result<core::EdgeClaim> claim_from_proto(const v1::EdgeClaim& claim, const char* field) {
  if (const Status ok = check_below(field, claim.from_round(), kMaxNamedRound); !ok) {
    return tl::unexpected(ok.error());
  }
  return core::EdgeClaim{claim.wanted(), Round(claim.from_round())};
}

Result<core::DirectiveOrder> order_from_proto(const v1::Directive& directive) {
  switch (directive.order_case()) {
    case v1::Directive::kSchedule: {
      auto schedule = schedule_from_proto(directive.schedule());
      if (!schedule) return tl::unexpected(schedule.error());
      return core::DirectiveOrder(*schedule);
    }
    case v1::Directive::kLearningRate: {
      const double rate = directive.learning_rate();
      if (std::isfinite(rate) && rate > 0) return core::DirectiveOrder(core::LearningRate{rate});
      return fail(ErrorCode::kCorrupt,
                  "learning_rate " + std::to_string(rate) + ": must be a finite number above 0");
    }
    case v1::Directive::kRun:
      for (const auto& [ours, theirs] : kRunOrders) {
        if (theirs == directive.run()) return core::DirectiveOrder(ours);
      }
      return fail(ErrorCode::kCorrupt, "run order " +
                                           std::to_string(static_cast<int>(directive.run())) +
                                           " is unknown, expected 1 to 3");
    case v1::Directive::ORDER_NOT_SET:
      break;
  }
  return fail(ErrorCode::kCorrupt,
              "no order, or one unknown here: expected schedule, "
              "learning_rate or run");
}

}  // namespace

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
  out.set_compression(hello.compression);
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
  out.set_copy(header.copy);
  if (!header.difference) return;
  v1::Difference& difference = *out.mutable_difference();
  difference.set_coding(wire_value(kCodings, header.difference->coding));
  difference.set_payload_bytes(header.difference->payload_bytes);
  difference.set_copy_checksum(header.difference->copy_checksum);
}

void to_proto(const core::EdgeMessage& message, v1::EdgeMessage& out) {
  out.mutable_claim()->set_wanted(message.claim.wanted);
  out.mutable_claim()->set_from_round(message.claim.from.value());
  out.mutable_heard()->set_wanted(message.heard.wanted);
  out.mutable_heard()->set_from_round(message.heard.from.value());
}

void to_proto(const core::Directive& directive, v1::Directive& out) {
  out.set_lamport(directive.stamp.lamport);
  out.set_origin(directive.stamp.origin.value());
  out.set_effective_round(directive.effective.value());
  if (const auto* schedule = std::get_if<core::Schedule>(&directive.order)) {
    schedule_to_proto(*schedule, *out.mutable_schedule());
  } else if (const auto* rate = std::get_if<core::LearningRate>(&directive.order)) {
    out.set_learning_rate(rate->value);
  } else {
    out.set_run(wire_value(kRunOrders, std::get<core::RunOrder>(directive.order)));
  }
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
  if (const Status ok = check_length("hello: compression", hello.compression()); !ok) {
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
  result.compression = hello.compression();
  return result;
}

Result<UpdateHeader> from_proto(const v1::UpdateHeader& header) {
  UpdateHeader result;
  result.round = Round(header.round());
  result.degree = header.degree();
  result.parameter_count = header.parameter_count();
  result.dtype = static_cast<std::uint32_t>(header.dtype());
  result.checksum = header.checksum();
  result.copy = header.copy();
  if (!header.has_difference()) return result;
  const v1::Difference& difference = header.difference();
  for (const auto& [ours, theirs] : kCodings) {
    if (theirs != difference.coding()) continue;
    result.difference =
        DifferenceHeader{ours, difference.payload_bytes(), difference.copy_checksum()};
    return result;
  }
  return fail(ErrorCode::kCorrupt, "update: difference coding " +
                                       std::to_string(static_cast<int>(difference.coding())) +
                                       " is unknown, expected 1 (int8) or 2 (top-k)");
}

Result<core::EdgeMessage> from_proto(const v1::EdgeMessage& message) {
  if (!message.has_claim()) return fail(ErrorCode::kCorrupt, "edge: no claim in it");
  auto claim = claim_from_proto(message.claim(), "edge: claim: from_round");
  if (!claim) return tl::unexpected(claim.error());
  auto heard = claim_from_proto(message.heard(), "edge: heard: from_round");
  if (!heard) return tl::unexpected(heard.error());
  return core::EdgeMessage{NodeId(), *claim, *heard};
}

Result<std::vector<core::Directive>> from_proto(const v1::Directives& directives) {
  const auto count = static_cast<std::size_t>(directives.directives_size());
  if (count > kMaxDirectives) {
    return fail(ErrorCode::kResourceExhausted, std::to_string(count) +
                                                   " directives in a frame, at most " +
                                                   std::to_string(kMaxDirectives) + " are allowed");
  }
  std::vector<core::Directive> result;
  result.reserve(count);
  for (const v1::Directive& directive : directives.directives()) {
    const std::string where = "directive " + std::to_string(result.size()) + ": ";
    Status ok = check_below("lamport", directive.lamport(), kMaxLamport);
    if (ok) ok = check_below("effective_round", directive.effective_round(), kMaxNamedRound);
    if (!ok) return fail(ok.error().code, where + ok.error().message);
    auto order = order_from_proto(directive);
    if (!order) return fail(order.error().code, where + order.error().message);
    result.push_back({{directive.lamport(), NodeId(directive.origin())},
                      Round(directive.effective_round()),
                      *std::move(order)});
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
