#include "daemon/metrics/page.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>
#include <vector>

#include <google/protobuf/descriptor.h>

#include "proto/enum_words.h"

namespace skiptrain::daemon {
namespace {

constexpr double kJoulesPerWattHour = 3600;

using Label = prometheus::ClientMetric::Label;

// The families of one page, in the order in which they are added.
class Page {
 public:
  // Adds a family without values; `with` adds them to the family added last. One that stays empty
  // is not shown.
  Page& gauge(std::string_view name, std::string_view help) {
    return add(name, help, prometheus::MetricType::Gauge);
  }
  Page& counter(std::string_view name, std::string_view help) {
    return add(name, help, prometheus::MetricType::Counter);
  }
  template <typename Number>
  Page& with(Number value, std::vector<Label> labels = {}) {
    prometheus::ClientMetric metric;
    metric.label = std::move(labels);
    auto& family = families_.back();
    (family.type == prometheus::MetricType::Counter ? metric.counter.value : metric.gauge.value) =
        static_cast<double>(value);
    family.metric.push_back(std::move(metric));
    return *this;
  }
  template <typename Number>
  Page& with(const std::optional<Number>& value) {
    return value ? with(*value) : *this;
  }

  std::string text() const {
    std::vector<prometheus::MetricFamily> shown;
    for (const auto& family : families_) {
      if (!family.metric.empty()) shown.push_back(family);
    }
    return prometheus::TextSerializer().Serialize(shown);
  }

 private:
  Page& add(std::string_view name, std::string_view help, prometheus::MetricType type) {
    families_.push_back({std::string(name), std::string(help), type, {}});
    return *this;
  }

  std::vector<prometheus::MetricFamily> families_;
};

// Calls `use` with each value of one of our enums but the unspecified one, by ascending number.
template <typename Enum, typename Use>
void for_each_value(Use use) {
  const auto& type = *google::protobuf::GetEnumDescriptor<Enum>();
  for (int i = 0; i < type.value_count(); ++i) {
    if (type.value(i)->number() != 0) use(static_cast<Enum>(type.value(i)->number()));
  }
}

void add_identity(const NodeReport& report, Page& page) {
  const v1::GetStatusResponse& status = report.status;
  page.gauge("skiptrain_build_info", "Which skiptraind this is; always 1.")
      .with(1, {{"version", report.version}});
  page.gauge("skiptrain_node_info", "Which node of which run this is; always 1.")
      .with(1, {{"node", status.node_name()},
                {"node_id", std::to_string(status.node_id())},
                {"cluster", status.cluster_id()},
                {"run", status.run_id()},
                {"model", status.model()},
                {"profile", status.profile()},
                {"compression", status.compression()}});
}

void add_progress(const NodeReport& report, Page& page) {
  const v1::GetStatusResponse& status = report.status;
  page.gauge("skiptrain_round", "The logical clock: the round the node is in, from 0.")
      .with(status.round());
  page.gauge("skiptrain_run_rounds", "Rounds of the whole run.").with(status.total_rounds());
  page.gauge("skiptrain_phase", "1 for what the node does now, 0 for all else.");
  for_each_value<v1::Phase>([&](v1::Phase phase) {
    page.with(status.phase() == phase ? 1 : 0, {{"phase", name_of(phase)}});
  });
  page.counter("skiptrain_rounds_total",
               "Rounds that ended, by what the node did in them: train, train-failed (the loss was "
               "not finite, or the disk full), sync (mixed without training), catch-up (jumped to "
               "a neighbour's round).")
      .with(status.rounds_done().train(), {{"kind", "train"}})
      .with(status.rounds_done().train_failed(), {{"kind", "train-failed"}})
      .with(status.rounds_done().sync(), {{"kind", "sync"}})
      .with(status.rounds_done().caught_up(), {{"kind", "catch-up"}});
  page.gauge("skiptrain_round_duration_median_seconds", "Median of the newest rounds, at most 32.");
  if (status.median_round_seconds() > 0) page.with(status.median_round_seconds());
}

void add_last_rounds(const NodeReport& report, Page& page) {
  if (const auto& round = report.last_round) {
    page.gauge("skiptrain_last_round_duration_seconds", "The round that ended last, as a whole.")
        .with(round->round_seconds());
    page.gauge("skiptrain_last_round_wait_seconds", "Its wait for neighbours' updates.")
        .with(round->wait_seconds());
    page.gauge("skiptrain_last_round_mix_seconds", "Its mixing.").with(round->mix_seconds());
    page.gauge("skiptrain_last_round_neighbours_mixed", "Neighbours whose update it mixed.")
        .with(round->neighbours_mixed());
    page.gauge("skiptrain_consensus_distance",
               "Norm of the difference between this node's model and the mix, in that round.");
    if (!round->caught_up()) page.with(round->consensus_distance());
  }
  if (const auto& round = report.last_train_round) {
    page.gauge("skiptrain_last_train_duration_seconds", "Local training of the last train round.")
        .with(round->train_seconds());
    page.gauge("skiptrain_last_train_step_seconds", "The same, per local step.");
    if (report.local_steps > 0) {
      page.with(round->train_seconds() / static_cast<double>(report.local_steps));
    }
    page.gauge("skiptrain_loss", "Mean training loss of the last train round.").with(round->loss());
  }
}

void add_evaluation(const v1::GetStatusResponse& status, Page& page) {
  if (!status.has_last_evaluation()) return;
  const v1::EvaluateResponse& evaluation = status.last_evaluation();
  page.gauge("skiptrain_evaluation_round", "Rounds done before the last evaluation.")
      .with(evaluation.round());
  page.gauge("skiptrain_evaluation_loss", "Loss on the test set.").with(evaluation.loss());
  page.gauge("skiptrain_evaluation_accuracy_ratio", "Part of the test set that was right, 0 to 1.");
  if (evaluation.has_accuracy()) page.with(evaluation.accuracy());
  page.gauge("skiptrain_evaluation_mean_absolute_error", "Of regression, on the test set.");
  if (evaluation.has_mean_absolute_error()) page.with(evaluation.mean_absolute_error());
}

void add_energy(const v1::GetStatusResponse& status, Page& page) {
  page.counter("skiptrain_energy_spent_joules_total", "Energy spent on training in this run.")
      .with(status.energy_spent_wh() * kJoulesPerWattHour);
  if (!status.has_budget_wh()) return;
  page.gauge("skiptrain_energy_budget_joules", "What may be spent on training in this run.")
      .with(status.budget_wh() * kJoulesPerWattHour);
  page.gauge("skiptrain_energy_left_joules", "What of it is left.")
      .with(std::fmax(0, status.budget_wh() - status.energy_spent_wh()) * kJoulesPerWattHour);
}

void add_updates(const v1::GetStatusResponse& status, Page& page) {
  const v1::UpdateCounters& updates = status.updates();
  page.counter("skiptrain_updates_total",
               "Updates that came, by what became of them: accepted, early (kept for the next "
               "round), late and duplicate (dropped), ahead (this node was behind), rejected "
               "(failed a check).")
      .with(updates.accepted(), {{"verdict", "accepted"}})
      .with(updates.early(), {{"verdict", "early"}})
      .with(updates.late(), {{"verdict", "late"}})
      .with(updates.duplicate(), {{"verdict", "duplicate"}})
      .with(updates.ahead(), {{"verdict", "ahead"}})
      .with(updates.rejected(), {{"verdict", "rejected"}});
  page.counter("skiptrain_updates_missed_total", "Updates that a round closed without.")
      .with(updates.missed());
  page.gauge("skiptrain_updates_held", "Updates that have come and wait for their mix.")
      .with(status.updates_held());
}

// One family of a value of each neighbour.
template <typename Value>
void add_of_each(const v1::ListPeersResponse& peers, Page& page, Value value) {
  for (const v1::Neighbour& peer : peers.neighbours()) {
    page.with(value(peer), {{"peer", peer.node_name()}});
  }
}

void add_neighbours(const NodeReport& report, Page& page) {
  using v1::Neighbour;
  const auto& peers = report.peers;
  page.gauge("skiptrain_neighbours", "Nodes that share an edge with this one.")
      .with(report.status.neighbours());
  page.gauge("skiptrain_neighbours_connected", "Those of them with an open stream.")
      .with(report.status.neighbours_connected());
  page.gauge("skiptrain_neighbour_connected", "1 with an open stream, else 0.");
  add_of_each(peers, page,
              [](const Neighbour& p) { return p.link() == v1::LINK_STATE_CONNECTED ? 1 : 0; });
  page.gauge("skiptrain_neighbour_round", "The round it was last heard to be in.");
  for (const Neighbour& peer : peers.neighbours()) {
    if (peer.last_heard_seconds() >= 0) page.with(peer.round(), {{"peer", peer.node_name()}});
  }
  page.gauge("skiptrain_neighbour_wait_seconds",
             "How long the round in progress has waited for its update; 0 if it does not.");
  add_of_each(peers, page, [&](const Neighbour& peer) {
    for (const v1::WaitingFor& waiting : report.status.waiting_for()) {
      if (waiting.node_id() == peer.node_id()) return waiting.seconds();
    }
    return 0.0;
  });
  page.counter("skiptrain_sent_bytes_total", "On the stream to it, before HTTP/2 framing.");
  add_of_each(peers, page, [](const Neighbour& p) { return p.bytes_sent(); });
  page.counter("skiptrain_received_bytes_total", "On the stream from it.");
  add_of_each(peers, page, [](const Neighbour& p) { return p.bytes_received(); });
  page.counter("skiptrain_neighbour_updates_received_total", "Its updates that came.");
  add_of_each(peers, page, [](const Neighbour& p) { return p.updates_received(); });
  page.counter("skiptrain_neighbour_updates_late_total", "Its updates of a past round.");
  add_of_each(peers, page, [](const Neighbour& p) { return p.updates_late(); });
  page.counter("skiptrain_neighbour_updates_missed_total",
               "Rounds that closed without its update.");
  add_of_each(peers, page, [](const Neighbour& p) { return p.updates_missed(); });
  page.counter("skiptrain_neighbour_updates_rejected_total", "Its updates that failed a check.");
  add_of_each(peers, page, [](const Neighbour& p) { return p.updates_rejected(); });
  page.counter("skiptrain_neighbour_updates_dropped_total",
               "Updates not sent to it, as a newer one came while it was slow.");
  add_of_each(peers, page, [](const Neighbour& p) { return p.updates_dropped(); });
  page.counter("skiptrain_neighbour_reconnects_total", "Streams after the first.");
  add_of_each(peers, page, [](const Neighbour& p) { return p.reconnects(); });
}

void add_members(const v1::ListMembersResponse& members, Page& page) {
  page.gauge("skiptrain_members", "Members of the cluster as this node sees them, by state.");
  for_each_value<v1::MemberState>([&](v1::MemberState state) {
    page.with(std::ranges::count(members.members(), state, &v1::ListMembersResponse::Member::state),
              {{"state", name_of(state)}});
  });
  page.gauge("skiptrain_gossip_health_score",
             "How badly this node's own probes go: 0 is healthy, up to 8.")
      .with(members.health_score());
  const v1::GossipCounters& gossip = members.gossip();
  page.counter("skiptrain_gossip_sent_bytes_total", "Gossip over UDP.").with(gossip.bytes_sent());
  page.counter("skiptrain_gossip_received_bytes_total", "Gossip over UDP.")
      .with(gossip.bytes_received());
  page.counter("skiptrain_gossip_dropped_packets_total", "Gossip not taken, by reason.");
  for (const auto& [reason, count] : gossip.dropped()) page.with(count, {{"reason", reason}});
}

void add_checkpoint(const v1::GetStatusResponse& status, Page& page) {
  page.gauge("skiptrain_checkpoint_round", "Round of the newest durable checkpoint.");
  if (status.has_checkpoint_round()) page.with(status.checkpoint_round());
  page.gauge("skiptrain_checkpoint_age_seconds",
             "Since this daemon wrote it; absent if an earlier one did.");
  if (status.has_checkpoint_age_seconds()) page.with(status.checkpoint_age_seconds());
  page.gauge("skiptrain_store_failing", "1 if the last write to the disk failed, else 0.")
      .with(status.store_error().empty() ? 0 : 1);
}

void add_process(const ProcessUsage& process, Page& page) {
  page.counter("process_cpu_seconds_total", "Processor time, user and system.")
      .with(process.cpu_seconds);
  page.gauge("process_start_time_seconds", "Start of the process, since 1970.")
      .with(process.start_time_seconds);
  page.gauge("process_resident_memory_bytes", "Resident memory.").with(process.resident_bytes);
  page.gauge("process_virtual_memory_bytes", "Virtual memory.").with(process.virtual_bytes);
  page.gauge("process_open_fds", "Open file descriptors.").with(process.open_fds);
  page.gauge("process_max_fds", "Most that may be open.").with(process.max_fds);
  page.gauge("process_threads", "Threads.").with(process.threads);
}

}  // namespace

std::string metrics_page(const NodeReport& report) {
  Page page;
  add_identity(report, page);
  add_progress(report, page);
  add_last_rounds(report, page);
  add_evaluation(report.status, page);
  add_energy(report.status, page);
  add_updates(report.status, page);
  add_neighbours(report, page);
  if (report.members) add_members(*report.members, page);
  add_checkpoint(report.status, page);
  add_process(report.process, page);
  return page.text();
}

}  // namespace skiptrain::daemon
