#include "ctl/testbed/monitor.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <string>
#include <thread>
#include <utility>

#include "ctl/fleet.h"
#include "ctl/testbed/process.h"
#include "ctl/testbed/safetensors.h"
#include "ctl/words.h"

namespace skiptrain::ctl {
namespace {

// Looking costs the daemons time that they would train in, so the more there are, the less often.
constexpr Duration kLookPerNode = std::chrono::milliseconds(25);
constexpr Duration kMinLook = std::chrono::milliseconds(200);
constexpr Duration kMaxLook = std::chrono::seconds(1);
constexpr Duration kStatusTimeout = std::chrono::seconds(10);
constexpr Duration kCollectTimeout = std::chrono::minutes(10);
// When all runs are over, the daemons evaluate on the whole test set, all at once and hence all
// slowly. If none of them finishes that within this time, we ask for it.
constexpr Duration kEvaluationPatience = std::chrono::seconds(30);
constexpr Duration kEvaluationPatiencePerNode = std::chrono::seconds(15);

Instant now() {
  return Instant(
      std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch()));
}

Failure interrupted_failure() {
  return {ExitCode::kError, "interrupted", ""};
}

bool is_evaluated(const v1::GetStatusResponse& status) {
  return status.has_last_evaluation() && status.last_evaluation().round() == status.round();
}

std::size_t count_evaluated(const std::vector<WatchedNode>& nodes) {
  return static_cast<std::size_t>(std::count_if(nodes.begin(), nodes.end(), [](const auto& n) {
    return n.status && is_evaluated(*n.status);
  }));
}

bool all_over(const std::vector<WatchedNode>& nodes) {
  return std::all_of(nodes.begin(), nodes.end(),
                     [](const auto& n) { return n.status && is_over(n.status->phase()); });
}

}  // namespace

Monitor::Monitor(const Cluster& cluster)
    : cluster_(cluster), clients_(cluster.state().nodes.size()), started_(now()), over_(started_) {
  for (const TestbedNode& node : cluster.state().nodes) nodes_.push_back({node.name, std::nullopt});
}

Monitor::~Monitor() = default;

void Monitor::look() {
  answered_.assign(nodes_.size(), 0);
  for_each_concurrently(nodes_.size(), [&](std::size_t i) {
    if (!clients_[i]) {
      const auto endpoint = parse_endpoint("unix:" + cluster_.state().nodes[i].socket);
      if (!endpoint) return;
      auto client = Client::connect(*endpoint, kStatusTimeout);
      if (!client) return;  // the socket is not there yet
      clients_[i] = *std::move(client);
    }
    auto status = clients_[i]->status();
    answered_[i] = status.has_value();
    if (status) nodes_[i].status = *std::move(status);
  });
}

Outcome<void> Monitor::check_alive() const {
  if (InterruptGuard::is_interrupted()) return tl::unexpected(interrupted_failure());
  // One that answers is not dead.
  if (std::ranges::find(answered_, 0) != answered_.end()) {
    if (auto dead = cluster_.find_dead()) return tl::unexpected(*std::move(dead));
  }
  for (const WatchedNode& node : nodes_) {
    if (node.status && node.status->phase() == v1::PHASE_FAILED) {
      return failure(ExitCode::kError, node.name + " has failed: " + node.status->failure());
    }
  }
  const bool late = now() - started_ > kControlStartTimeout;
  if (late && !all_answered()) {
    const auto silent =
        std::find_if(nodes_.begin(), nodes_.end(), [](const WatchedNode& n) { return !n.status; });
    return failure(ExitCode::kTimeout, silent->name + " does not answer on its control socket",
                   "see its log in " + cluster_.state().dir);
  }
  return {};
}

bool Monitor::all_answered() const {
  return std::all_of(nodes_.begin(), nodes_.end(), [](const auto& n) { return n.status; });
}

Outcome<void> Monitor::wait_until_up() {
  while (true) {
    look();
    if (auto alive = check_alive(); !alive) return alive;
    if (all_answered()) return {};
    std::this_thread::sleep_for(kMinLook);
  }
}

Outcome<void> Monitor::wait_until_finished(const MonitorOptions& options) {
  const Duration pause =
      std::clamp<Duration>(kLookPerNode * static_cast<int>(nodes_.size()), kMinLook, kMaxLook);
  const Duration patience =
      kEvaluationPatience + kEvaluationPatiencePerNode * static_cast<int>(nodes_.size());
  std::size_t evaluated = 0;
  Instant last_progress = now();
  while (true) {
    look();
    if (auto alive = check_alive(); !alive) return alive;
    if (options.on_look) options.on_look(nodes_);
    const std::size_t evaluated_now = count_evaluated(nodes_);
    if (!all_over(nodes_)) {
      over_ = last_progress = now();
    } else {
      if (evaluated_now != evaluated) last_progress = now();
      if (evaluated_now == nodes_.size() || now() - last_progress > patience) return {};
    }
    evaluated = evaluated_now;
    if (options.timeout && now() - started_ > *options.timeout) {
      return failure(ExitCode::kTimeout, "the run was not over in time: " + watch_line(nodes_),
                     "give it longer with --timeout");
    }
    std::this_thread::sleep_for(pause);
  }
}

Outcome<NodeSummary> Monitor::collect_node(std::size_t i, std::vector<float>& model) {
  const auto endpoint = parse_endpoint("unix:" + cluster_.state().nodes[i].socket);
  if (!endpoint) return tl::unexpected(to_failure(endpoint.error()));
  auto client = Client::connect(*endpoint, kCollectTimeout);
  if (!client) return tl::unexpected(client.error());
  const auto status = client->status();
  if (!status) return tl::unexpected(status.error());
  const auto energy = client->energy();
  if (!energy) return tl::unexpected(energy.error());
  v1::EvaluateResponse evaluation = status->last_evaluation();
  if (!is_evaluated(*status)) {
    auto asked = client->evaluate(0);
    if (!asked) return tl::unexpected(asked.error());
    evaluation = *std::move(asked);
  }
  std::string file;
  const auto exported = client->export_model(
      v1::MODEL_FORMAT_SAFETENSORS, [&](const v1::ExportModelResponse& piece) -> Outcome<void> {
        file += piece.data();
        return {};
      });
  if (!exported) return tl::unexpected(exported.error());
  auto numbers = parse_float_tensors(file);
  if (!numbers) return tl::unexpected(to_failure(numbers.error()));
  model = *std::move(numbers);
  return NodeSummary{.id = status->node_id(),
                     .name = status->node_name(),
                     .profile = status->profile(),
                     .test_accuracy = evaluation.has_accuracy()
                                          ? evaluation.accuracy()
                                          : std::numeric_limits<double>::quiet_NaN(),
                     .test_loss = evaluation.loss(),
                     .train_rounds = status->train_rounds(),
                     .energy_wh = energy->spent_wh(),
                     .dpsgd_equivalent_wh = energy->dpsgd_equivalent_wh(),
                     .bytes_sent = status->bytes_sent(),
                     .resident_bytes = status->resident_bytes()};
}

Outcome<RunSummary> Monitor::collect() {
  RunSummary summary;
  summary.wall_seconds = to_seconds(over_ - started_);
  std::vector<std::vector<float>> models(nodes_.size());
  std::vector<Outcome<NodeSummary>> nodes(nodes_.size());
  for_each_concurrently(nodes_.size(),
                        [&](std::size_t i) { nodes[i] = collect_node(i, models[i]); });
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (!nodes[i]) return tl::unexpected(nodes[i].error());
    summary.nodes.push_back(*std::move(nodes[i]));
    if (models[i].size() != models[0].size()) {
      return failure(ExitCode::kError, nodes_[i].name + " has a model of another size");
    }
  }
  summary.consensus_distance = consensus_distance({models.begin(), models.end()});
  return summary;
}

}  // namespace skiptrain::ctl
