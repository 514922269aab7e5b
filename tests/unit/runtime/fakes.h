// A trainer and a transport in memory, for tests of the driver: what they are asked is noted, and
// what comes back is up to the test.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "ports/trainer.h"
#include "ports/transport.h"

namespace skiptrain::runtime::testing {

using namespace std::chrono_literals;

// Adds 1 to each parameter. Fails, or holds until released, when told to.
class FakeTrainer final : public ports::Trainer {
 public:
  explicit FakeTrainer(std::size_t parameter_count) {
    layout_.append("x", {static_cast<std::int64_t>(parameter_count)});
  }

  const ParameterLayout& layout() const override { return layout_; }
  ParametersPtr initial_parameters() const override {
    return copy_parameters(std::vector<float>(layout_.parameter_count(), 0.0f));
  }
  Result<ports::TrainOutcome> train(const ports::TrainRequest& request) override {
    ++calls;
    while (hold && !request.cancel.stop_requested()) std::this_thread::sleep_for(1ms);
    if (request.cancel.stop_requested()) return fail(ErrorCode::kUnavailable, "cancelled");
    if (diverge) return fail(ErrorCode::kNumeric, "the loss is not finite");
    std::vector<float> next(request.start->values().begin(), request.start->values().end());
    for (float& value : next) value += 1;
    return ports::TrainOutcome{copy_parameters(next), 0.25, 1, 1ms};
  }
  Result<ports::Evaluation> evaluate(const Parameters& parameters, std::uint64_t samples,
                                     std::stop_token cancel) override {
    ++evaluations;
    while (hold && !cancel.stop_requested()) std::this_thread::sleep_for(1ms);
    if (cancel.stop_requested()) return fail(ErrorCode::kUnavailable, "cancelled");
    return ports::Evaluation{parameters.values()[0], 0.5, samples == 0 ? 1000 : samples, 1ms};
  }

  std::atomic<int> calls = 0;
  std::atomic<bool> hold = false;
  std::atomic<int> evaluations = 0;
  std::atomic<bool> diverge = false;

 private:
  ParameterLayout layout_;
};

class FakeTransport final : public ports::Transport {
 public:
  Status start(EventSink sink) override {
    if (!start_error.empty()) return fail(ErrorCode::kUnavailable, start_error);
    sink_ = std::move(sink);
    if (on_start) on_start();
    return {};
  }
  void stop() override { stopped = true; }
  void send(const std::vector<NodeId>& to, const PublishedUpdate& update) override {
    note([&] {
      sent.emplace_back(to, update.update);
      published.push_back(update);
    });
    if (on_send) on_send(update.update);
  }
  void send_edge(const core::EdgeMessage& message) override {
    note([&] { edges.push_back(message); });
  }
  void send_directives(const std::vector<NodeId>& to,
                       const std::vector<core::Directive>& directives) override {
    note([&] { directives_sent.emplace_back(to, directives); });
  }
  void link_to(const std::vector<ports::PeerAddress>& peers) override {
    note([&] { linked = peers; });
  }
  void announce(const core::NodeState& state, bool to_neighbours) override {
    note([&] { announced.emplace_back(state, to_neighbours); });
  }
  void fetch_state(NodeId from, Round) override {
    note([&] { fetched.push_back(from); });
  }
  void send_state(const core::SendState& answer) override {
    note([&] { states.push_back(answer); });
  }
  void refuse_state(std::uint64_t request, const std::string&) override {
    note([&] { refused.push_back(request); });
  }
  std::vector<ports::LinkReport> links() const override { return {}; }
  std::string address() const override { return "127.0.0.1:1"; }

  void deliver(core::Event event) { sink_(std::move(event)); }

  std::string start_error;
  std::function<void()> on_start;
  std::function<void(const ModelUpdate&)> on_send;
  std::atomic<bool> stopped = false;
  std::mutex mutex;
  std::vector<std::pair<std::vector<NodeId>, ModelUpdate>> sent;
  std::vector<PublishedUpdate> published;  // of the same calls
  std::vector<std::pair<core::NodeState, bool>> announced;
  std::vector<core::EdgeMessage> edges;
  std::vector<std::pair<std::vector<NodeId>, std::vector<core::Directive>>> directives_sent;
  std::vector<ports::PeerAddress> linked;
  std::vector<NodeId> fetched;
  std::vector<core::SendState> states;
  std::vector<std::uint64_t> refused;

 private:
  template <typename F>
  void note(F f) {
    const std::lock_guard lock(mutex);
    f();
  }
  EventSink sink_;
};

// Polls until `condition` holds; false if it does not within ten seconds.
template <typename Condition>
bool eventually(Condition condition) {
  const auto limit = std::chrono::steady_clock::now() + 10s;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > limit) return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

}  // namespace skiptrain::runtime::testing
