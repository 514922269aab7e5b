// Watching the daemons of a testbed through their control sockets until they have done their run,
// and collecting what it came to.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/units.h"
#include "ctl/client.h"
#include "ctl/testbed/cluster.h"
#include "ctl/testbed/summary.h"
#include "ctl/watch.h"

namespace skiptrain::ctl {

// A daemon's control service must answer within this time after its start. Ample: 32 daemons that
// load LibTorch at once on two cores take about a quarter of it.
inline constexpr Duration kControlStartTimeout = std::chrono::seconds(90);

struct MonitorOptions {
  std::optional<Duration> timeout;  // of the whole run
  std::function<void(const std::vector<WatchedNode>&)> on_look;
};

class Monitor {
 public:
  explicit Monitor(const Cluster& cluster);
  ~Monitor();

  // Returns when every node answers. Fails if a daemon ends, on an interrupt, and after
  // kControlStartTimeout.
  Outcome<void> wait_until_up();

  // Returns when every node's run is over and its final evaluation done. Fails if a daemon ends or
  // reports a failed run, on an interrupt, and after the timeout.
  Outcome<void> wait_until_finished(const MonitorOptions& options);

  // Per node results, and the consensus distance of the exported models. After
  // wait_until_finished.
  Outcome<RunSummary> collect();

  const std::vector<WatchedNode>& nodes() const { return nodes_; }

 private:
  // Asks all nodes for their status; those that do not answer keep their last.
  void look();
  Outcome<void> check_alive() const;
  bool all_answered() const;
  Outcome<NodeSummary> collect_node(std::size_t i, std::vector<float>& model);

  const Cluster& cluster_;
  std::vector<std::optional<Client>> clients_;
  std::vector<WatchedNode> nodes_;
  std::vector<char> answered_;  // at the last look; not vector<bool>: set by several threads
  Instant started_;
  Instant over_;  // when not every run was over yet, last
};

}  // namespace skiptrain::ctl
