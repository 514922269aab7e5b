// What a scrape shows, by way of the control service's own answers.
#include <optional>

#include "base/version.h"
#include "daemon/control_convert.h"
#include "daemon/control_service.h"
#include "daemon/metrics/process_usage.h"

namespace skiptrain::daemon {

NodeReport ControlService::node_report() {
  NodeReport report;
  report.version = kVersion;
  report.process = process_usage();
  GetStatus(nullptr, nullptr, &report.status);
  ListPeers(nullptr, nullptr, &report.peers);
  v1::ListMembersResponse members;
  if (ListMembers(nullptr, nullptr, &members).ok()) report.members = std::move(members);
  runtime::History& history = driver_.history();
  for (const runtime::RoundEntry& entry : history.newest(1)) report.last_round = to_message(entry);
  if (const auto entry = history.newest_trained()) report.last_train_round = to_message(*entry);
  if (config_.train.local_epochs == 0) report.local_steps = config_.train.local_steps;
  return report;
}

}  // namespace skiptrain::daemon
