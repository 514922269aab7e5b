#include "runtime/driver.h"

#include <chrono>
#include <cmath>
#include <exception>
#include <limits>
#include <mutex>
#include <variant>
#include <vector>

#include <spdlog/spdlog.h>

namespace skiptrain::runtime {
namespace {

// Buffers that a mix writes to and the core then holds: the committed model, the one being sent,
// the one being written to the disk, and one for each stream that may still be sending an old one.
constexpr std::size_t kMixBuffersKept = 5;
// And public copies, if updates are compressed: the newest, and those being sent.
constexpr std::size_t kCopiesKept = 2;

}  // namespace

Driver::Driver(DriverOptions options)
    : evaluate_samples_(options.evaluate_samples),
      node_(std::move(options.node)),
      history_(options.history_limit),
      loop_alive_(asio::make_work_guard(loop_)),
      timer_(loop_),
      compression_(options.compression),
      last_loss_(std::numeric_limits<double>::quiet_NaN()) {}

Driver::~Driver() {
  stop();
}

Instant Driver::now() {
  return Instant(
      std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch()));
}

void Driver::start() {
  loop_thread_ = std::thread([this] { loop_.run(); });
}

Status Driver::attach(Machinery machinery) {
  return on_loop([&]() -> Status {
    mix_buffers_ = std::make_unique<ParametersPool>(machinery.trainer->layout().parameter_count(),
                                                    kMixBuffersKept + kCopiesKept);
    publisher_ = std::make_unique<Publisher>(compression_, *mix_buffers_);
    {
      const std::lock_guard lock(mutex_);
      trainer_ = std::move(machinery.trainer);
      transport_ = std::move(machinery.transport);
      outbox_.set_transport(transport_);
      meter_ = std::move(machinery.meter);
    }
    resume_from(std::move(machinery.durable), machinery.ready);
    // The node announces its round before the first Hello is sent.
    step(machinery.ready);
    auto listening = transport()->start([this](core::Event event) { post(std::move(event)); });
    if (!listening || !machinery.cluster) return listening;
    return start_cluster(machinery);
  });
}

Status Driver::start_cluster(Machinery& machinery) {
  cluster_ = std::make_unique<Cluster>(
      loop_, *std::move(machinery.cluster),
      Cluster::Callbacks{.to_node = [this](const core::Event& event) { step(event); },
                         .addresses_changed = [this] { link_to(node_.neighbours().linked()); },
                         .fatal = std::move(machinery.fatal),
                         .incarnation_raised =
                             [this](Incarnation incarnation) {
                               if (keeper_) keeper_->raise_incarnation(incarnation);
                             }});
  return cluster_->start(transport()->address());
}

void Driver::link_to(const std::vector<NodeId>& peers) {
  transport_->link_to(cluster_->addresses(peers));
}

Status Driver::force_leave(NodeId member) {
  return on_loop([&]() -> Status {
    if (!cluster_) {
      return fail(ErrorCode::kPreconditionFailed,
                  "the nodes of this cluster are listed in its config; none joins or leaves");
    }
    if (cluster_->membership().find(member) == nullptr) {
      return fail(ErrorCode::kNotFound, "node " + to_string(member) + " is no member");
    }
    if (member == node_.options().id) {
      return fail(ErrorCode::kPreconditionFailed,
                  "this is node " + to_string(member) + " itself; skipctl leave takes it out");
    }
    cluster_->step(core::ForceLeaveRequested{member});
    return {};
  });
}

std::future<void> Driver::leave_cluster() {
  auto done = std::make_shared<std::promise<void>>();
  auto result = done->get_future();
  asio::post(loop_, [this, done] {
    if (!cluster_) return done->set_value();
    cluster_->leave([done] { done->set_value(); });
  });
  return result;
}

void Driver::resume_from(DurableState durable, const core::ModelReady& ready) {
  for (ports::StoredRound& stored : durable.rounds) {
    const Round round = stored.record.round;
    if (stored.record.trained) {
      const std::lock_guard lock(mutex_);
      last_loss_ = stored.record.loss;
    }
    history_.append(std::move(stored.record));
    if (stored.evaluation) history_.attach(round, *stored.evaluation);
  }
  if (!durable.store) return;
  const bool begins = !durable.resumed_from;
  auto keeper = std::make_shared<StoreKeeper>(
      std::move(durable.store), KeeperOptions{durable.checkpoint_interval, history_.limit()},
      std::move(durable.resumed_from), std::move(durable.fatal));
  if (begins) keeper->begin(ModelUpdate{ready.round, 0, ready.parameters});
  if (early_budget_) keeper->save_budget(early_budget_->budget);
  {
    const std::lock_guard lock(mutex_);
    keeper_ = std::move(keeper);
  }
  // Some may have been issued before there was a keeper.
  save_directives(node_.directives().all(), true);
}

std::future<Result<ports::WrittenCheckpoint>> Driver::checkpoint() {
  if (const auto keeper = this->keeper()) return keeper->checkpoint();
  std::promise<Result<ports::WrittenCheckpoint>> refused;
  refused.set_value(
      fail(ErrorCode::kPreconditionFailed, "the node is warming up; try again in a moment"));
  return refused.get_future();
}

std::optional<StoreReport> Driver::store_report() const {
  const auto keeper = this->keeper();
  return keeper ? std::optional(keeper->report()) : std::nullopt;
}

std::shared_ptr<StoreKeeper> Driver::keeper() const {
  const std::lock_guard lock(mutex_);
  return keeper_;
}

void Driver::stop() {
  if (std::exchange(stopped_, true)) return;
  cancel();
  if (loop_thread_.joinable()) {
    on_loop([this] { step(core::LeaveRequested{}); });
    if (cluster_) cluster_->stop_gossip();
    if (const auto transport = this->transport()) transport->stop();
  }
  compute_.join();
  history_.close();
  loop_alive_.reset();
  loop_.stop();
  if (loop_thread_.joinable()) loop_thread_.join();
  if (const auto keeper = this->keeper()) keeper->stop();  // writes what was committed last
}

bool Driver::answers_within(Duration limit) {
  // Shared with the loop, which may get round to it after we have given up.
  auto promise = std::make_shared<std::promise<void>>();
  const auto answered = promise->get_future();
  asio::post(loop_, [promise] { promise->set_value(); });
  return answered.wait_for(limit) == std::future_status::ready;
}

void Driver::post(core::Event event) {
  asio::post(loop_, [this, event = std::move(event)] { step(event); });
}

void Driver::step(const core::Event& event) {
  if (const auto* request = std::get_if<core::BudgetRequested>(&event)) {
    if (keeper_) {
      keeper_->save_budget(request->budget);
    } else {
      early_budget_ = *request;
    }
  }
  for (const core::Effect& effect : node_.step(event, now())) {
    std::visit([this](const auto& e) { perform(e); }, effect);
  }
  arm_timer();
}

void Driver::arm_timer() {
  const auto due = node_.next_deadline();
  if (due == armed_) return;  // most steps leave it as it is, and setting a timer is a system call
  armed_ = due;
  if (!due) {
    timer_.cancel();
    return;
  }
  timer_.expires_at(std::chrono::steady_clock::time_point(due->time_since_epoch()));
  timer_.async_wait([this](const asio::error_code& cancelled) {
    if (cancelled) return;
    armed_.reset();
    step(core::Tick{});
  });
}

void Driver::configure(const std::function<void(core::Node&)>& change) {
  on_loop([&] {
    change(node_);
    step(core::Tick{});  // the round in progress may be enough now
  });
}

void Driver::set_evaluate_samples(std::uint64_t samples) {
  on_loop([&] { evaluate_samples_ = samples; });
}

void Driver::compute(std::function<void()> work, std::function<void()> dropped) {
  asio::post(compute_, [this, work = std::move(work), dropped = std::move(dropped)] {
    if (cancel_.stop_requested()) return dropped();
    try {
      work();
    } catch (const std::exception& e) {
      spdlog::error("internal error on the compute thread: {}", e.what());
      post(core::NodeFailed{std::string("internal error on the compute thread: ") + e.what()});
      dropped();
    }
  });
}

std::future<Result<EvaluatedRound>> Driver::evaluate(std::uint64_t max_samples) {
  auto promise = std::make_shared<std::promise<Result<EvaluatedRound>>>();
  auto result = promise->get_future();
  const ModelUpdate state = inspect([](const core::Node& node) { return node.committed_state(); });
  if (!state.parameters) {
    promise->set_value(
        fail(ErrorCode::kPreconditionFailed, "the node is warming up; try again in a moment"));
    return result;
  }
  compute(
      [=, this] { promise->set_value(evaluate_now(state, max_samples)); },
      [promise] { promise->set_value(fail(ErrorCode::kUnavailable, "the daemon is going down")); });
  return result;
}

Result<EvaluatedRound> Driver::evaluate_now(const ModelUpdate& state, std::uint64_t max_samples) {
  auto evaluation = trainer()->evaluate(*state.parameters, max_samples, cancel_.get_token());
  if (!evaluation) return tl::unexpected(evaluation.error());
  const EvaluatedRound evaluated{state.round, *evaluation};
  const std::lock_guard lock(mutex_);
  last_evaluation_ = evaluated;
  return evaluated;
}

std::shared_ptr<ports::Trainer> Driver::trainer() const {
  const std::lock_guard lock(mutex_);
  return trainer_;
}

std::shared_ptr<ports::Transport> Driver::transport() const {
  const std::lock_guard lock(mutex_);
  return transport_;
}

std::optional<EvaluatedRound> Driver::last_evaluation() const {
  const std::lock_guard lock(mutex_);
  return last_evaluation_;
}

double Driver::last_distance() const {
  const std::lock_guard lock(mutex_);
  return last_distance_;
}

double Driver::last_loss() const {
  const std::lock_guard lock(mutex_);
  return last_loss_;
}

}  // namespace skiptrain::runtime
