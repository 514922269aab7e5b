// Core values as messages of control.proto, and back. Pure functions.
#pragma once

#include "base/error.h"
#include "core/node.h"
#include "ports/transport.h"
#include "runtime/driver.h"
#include "runtime/history.h"
#include "skiptrain/v1/control.pb.h"

namespace skiptrain::daemon {

v1::Phase to_message(core::Phase phase);
v1::Activity to_message(core::Activity activity);
v1::LinkState to_message(ports::LinkState state);
v1::Schedule to_message(const core::Schedule& schedule, Round effective);
v1::Directive to_message(const core::Directive& directive);
v1::RoundTotals to_message(const runtime::RoundTotals& totals);
v1::RoundRecord to_message(const runtime::RoundEntry& entry);
v1::EvaluateResponse to_message(const runtime::EvaluatedRound& evaluated);
v1::UpdateCounters to_message(const core::UpdateCounters& counters, std::uint64_t rejected,
                              std::uint64_t missed);
v1::GetEnergyResponse energy_message(const core::Node& node);

// The part of a status that is about the durable state.
void fill_from_store(const runtime::StoreReport& report, v1::GetStatusResponse& response);

// kInvalidArgument if the policy is not one of ours or a length is out of range.
Result<core::Schedule> from_message(const v1::Schedule& message);
// kInvalidArgument if there is no order, or one that makes no sense by itself.
Result<core::DirectiveOrder> order_of(const v1::IssueDirectiveRequest& request);

}  // namespace skiptrain::daemon
