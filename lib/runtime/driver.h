// Runs one core::Node for real: pumps events into it, carries its effects out, keeps its timer.
//
// Threads: one loop thread owns the node, and mixes small models; one compute thread trains,
// evaluates, and mixes large ones; a keeper's thread writes the durable state (store_keeper.h), and
// training alone waits for it; the transport's threads only post. Whoever wants to look at the
// node uses `inspect`, which runs on the loop thread between two steps. Nothing on the loop thread
// takes longer than a few milliseconds, so the node answers while it trains.
#pragma once

#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <asio/thread_pool.hpp>

#include "base/error.h"
#include "base/units.h"
#include "core/node.h"
#include "model/parameters.h"
#include "model/publisher.h"
#include "ports/energy_meter.h"
#include "ports/store.h"
#include "ports/trainer.h"
#include "ports/transport.h"
#include "runtime/cluster.h"
#include "runtime/history.h"
#include "runtime/outbox.h"
#include "runtime/store_keeper.h"

namespace skiptrain::runtime {

struct DriverOptions {
  core::NodeOptions node;
  std::size_t history_limit = 100'000;
  // For evaluations during the run; 0: the whole test set, as at its end.
  std::uint64_t evaluate_samples = 0;
  Compression compression;  // of updates; the transport must be made for the same
};

// Where a run's state is kept, and what an earlier process left of it.
struct DurableState {
  std::unique_ptr<ports::Store> store;  // null: nothing outlives the process
  Duration checkpoint_interval = std::chrono::seconds(1);
  std::optional<ports::WrittenCheckpoint> resumed_from;
  std::vector<ports::StoredRound> rounds;  // the history before it
  // Why nothing can be written any more, so that the daemon must end. On the keeper's thread.
  std::function<void(const Error&)> fatal = [](const Error&) {};
};

// What a node is driven with, once its model and data are loaded.
struct Machinery {
  std::unique_ptr<ports::Trainer> trainer;
  std::shared_ptr<ports::Transport> transport;
  std::unique_ptr<ports::EnergyMeter> meter;  // null: the energy model's estimate is charged
  core::ModelReady ready;
  std::optional<ClusterMachinery> cluster;  // where nodes come and go
  // Why the daemon cannot go on; called on the loop thread.
  std::function<void(const Error&)> fatal = [](const Error&) {};
  DurableState durable;
};

// The newest evaluation, with the round the model was at.
struct EvaluatedRound {
  Round round;
  ports::Evaluation evaluation;
};

class Driver {
 public:
  explicit Driver(DriverOptions options);
  // As `stop`.
  ~Driver();
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;

  // Starts the threads; the node is warming up until `attach`.
  void start();
  // Hands over the loaded machinery and starts the transport. Call once, from any other thread.
  // kUnavailable if the listener's address is taken.
  Status attach(Machinery machinery);
  // Ends what the compute thread does and drops what waits for it: training after the local step in
  // progress, evaluations with kUnavailable. For good; the node itself lives on until `stop`.
  void cancel() { cancel_.request_stop(); }
  // Tells the neighbours, cancels training, closes the transport and joins all threads. Idempotent.
  // Returns within a few seconds: a local step is the longest thing it waits for.
  void stop();

  // Writes the committed model now. kPreconditionFailed while warming up, else as Store::save.
  std::future<Result<ports::WrittenCheckpoint>> checkpoint();
  // nullopt while warming up, or if nothing outlives the process.
  std::optional<StoreReport> store_report() const;

  // Does the loop thread get round to something new within `limit`? False once stopped. From any
  // thread but the loop's.
  bool answers_within(Duration limit);

  // Thread-safe: hands an event to the node.
  void post(core::Event event);

  // Runs `look(const core::Node&)` on the loop thread and returns what it returns. Must not be
  // called on the loop thread, nor after `stop`.
  template <typename Look>
  auto inspect(Look look) {
    return on_loop([this, look = std::move(look)] { return look(std::as_const(node_)); });
  }
  // As `inspect`, without waiting: `look` runs some time before `stop` returns, or never.
  void inspect_soon(std::function<void(const core::Node&)> look) {
    asio::post(loop_, [this, look = std::move(look)] { look(node_); });
  }
  // As `inspect`, with the cluster too; nullptr where the nodes are listed in the config, and while
  // warming up.
  template <typename Look>
  auto inspect_cluster(Look look) {
    return on_loop([this, look = std::move(look)] {
      return look(std::as_const(node_), static_cast<const Cluster*>(cluster_.get()));
    });
  }
  // An operator says that `member` will not come back. kPreconditionFailed where nodes do not come
  // and go, kNotFound if it is no member.
  Status force_leave(NodeId member);
  // Says goodbye to the cluster; ready when that was heard or its time is over.
  std::future<void> leave_cluster();
  // Checks and steps in one go, so that nothing comes between: if `check(node)` is an error it is
  // returned, else the node steps with `event` and `look(node)` is returned.
  template <typename Check, typename Look>
  auto request(core::Event event, Check check, Look look)
      -> Result<decltype(look(std::declval<const core::Node&>()))> {
    return on_loop([&]() -> Result<decltype(look(std::as_const(node_)))> {
      if (Status allowed = check(std::as_const(node_)); !allowed) {
        return tl::unexpected(allowed.error());
      }
      step(event);
      return look(std::as_const(node_));
    });
  }
  // Changes a live setting of the node, on the loop thread.
  void configure(const std::function<void(core::Node&)>& change);
  void set_evaluate_samples(std::uint64_t samples);

  // Loss and accuracy of the committed model, on the compute thread after what it is busy with.
  // kPreconditionFailed while warming up, kUnavailable if `cancel` or `stop` came first.
  std::future<Result<EvaluatedRound>> evaluate(std::uint64_t max_samples);

  // The rest is thread-safe. Null pointers while warming up.
  std::shared_ptr<ports::Trainer> trainer() const;
  std::shared_ptr<ports::Transport> transport() const;
  History& history() { return history_; }
  std::optional<EvaluatedRound> last_evaluation() const;
  // Of the last mix and the last round that trained; 0 and NaN before.
  double last_distance() const;
  double last_loss() const;

  static Instant now();

 private:
  template <typename F>
  auto on_loop(F f) -> decltype(f()) {
    std::packaged_task<decltype(f())()> task(std::move(f));
    auto result = task.get_future();
    asio::post(loop_, [&task] { task(); });
    return result.get();
  }

  void resume_from(DurableState durable, const core::ModelReady& ready);
  void train(const core::Train& effect);
  std::shared_ptr<StoreKeeper> keeper() const;
  void step(const core::Event& event);
  Status start_cluster(Machinery& machinery);
  void link_to(const std::vector<NodeId>& peers);
  // `hold`: some are this node's own, and what it sends waits for them.
  void save_directives(const std::vector<core::Directive>& all, bool hold);
  void arm_timer();
  // Runs `work` on the compute thread; bugs that throw there become NodeFailed. If it is cancelled
  // before it starts, or throws, `dropped` runs there instead.
  void compute(
      std::function<void()> work, std::function<void()> dropped = [] {});
  Result<EvaluatedRound> evaluate_now(const ModelUpdate& state, std::uint64_t max_samples);

  void perform(const core::RecordEnergyIntent& effect);
  void perform(const core::Train& effect);
  void perform(const core::Send& effect);
  void perform(const core::SendEdge& effect);
  void perform(const core::RecordDirectives& effect);
  void perform(const core::SendDirectives& effect);
  void perform(const core::LinkTo& effect);
  void perform(const core::Mix& effect);
  void perform(const core::FetchState& effect);
  void perform(const core::SendState& effect);
  void perform(const core::RefuseState& effect);
  void perform(const core::Announce& effect);
  void perform(const core::Commit& effect);
  void perform(const core::Evaluate& effect);
  void perform(const core::RunEnded& effect);
  void perform(const core::Warn& effect);

  std::uint64_t evaluate_samples_;
  core::Node node_;
  History history_;

  asio::io_context loop_;
  asio::executor_work_guard<asio::io_context::executor_type> loop_alive_;
  asio::steady_timer timer_;
  std::optional<Instant> armed_;      // when the timer goes off
  std::unique_ptr<Cluster> cluster_;  // loop thread
  Outbox outbox_;
  const Compression compression_;
  std::unique_ptr<Publisher> publisher_;  // loop thread, from attach on
  WattHours intended_;                    // of the Train that follows
  // Set before there was a keeper to save it.
  std::optional<core::BudgetRequested> early_budget_;
  asio::thread_pool compute_{1};
  std::thread loop_thread_;
  std::stop_source cancel_;
  bool stopped_ = false;

  mutable std::mutex mutex_;  // guards what follows
  std::shared_ptr<ports::Trainer> trainer_;
  std::shared_ptr<ports::Transport> transport_;
  std::shared_ptr<ports::EnergyMeter> meter_;
  std::shared_ptr<StoreKeeper> keeper_;  // null: nothing outlives the process
  std::optional<EvaluatedRound> last_evaluation_;
  std::optional<core::Evaluate> next_evaluation_;  // waits for the compute thread
  double last_distance_ = 0.0;
  double last_loss_;

  std::unique_ptr<ParametersPool> mix_buffers_;  // loop and compute threads, after attach
};

}  // namespace skiptrain::runtime
