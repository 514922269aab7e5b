// The page that Prometheus scrapes, from what the control service answers: nothing is counted here,
// so `skipctl` and Prometheus can never disagree.
//
// Names are those of Prometheus's conventions: base units (seconds, bytes, joules), `_total` for
// counters alone. What is not known yet (the loss before the first training, the accuracy before an
// evaluation, the budget of a node without one) is absent, not 0. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "daemon/metrics/process_usage.h"
#include "skiptrain/v1/control.pb.h"

namespace skiptrain::daemon {

// What the page is made of, taken at one scrape.
struct NodeReport {
  std::string version;
  v1::GetStatusResponse status;
  v1::ListPeersResponse peers;
  std::optional<v1::ListMembersResponse> members;  // where nodes find each other
  std::optional<v1::RoundRecord> last_round;       // the newest that ended
  std::optional<v1::RoundRecord> last_train_round;
  std::uint64_t local_steps = 0;  // of a train round; 0: as many as make up train.local_epochs
  ProcessUsage process;
};

// Text in Prometheus's exposition format 0.0.4.
std::string metrics_page(const NodeReport& report);

// The content type that goes with it.
inline constexpr const char* kMetricsContentType = "text/plain; version=0.0.4; charset=utf-8";

}  // namespace skiptrain::daemon
