#include "daemon/daemon.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <exception>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <utility>

#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/signal_set.hpp>
#include <spdlog/spdlog.h>

#include "base/check.h"
#include "base/version.h"
#include "daemon/assemble.h"
#include "daemon/config/values.h"
#include "daemon/control_health.h"
#include "daemon/control_server.h"
#include "daemon/control_service.h"
#include "daemon/logging/logging.h"
#include "daemon/metrics/http_server.h"
#include "daemon/metrics/readiness.h"
#include "daemon/preflight.h"
#include "daemon/service_manager.h"
#include "daemon/state_dir.h"
#include "daemon/workload/workload.h"
#include "runtime/driver.h"
#include "store/files.h"
#include "store/state_store.h"

namespace skiptrain::daemon {
namespace {

// A daemon that could not end in order by now ends anyway: the README promises 10 s.
constexpr Duration kStopLimit = std::chrono::seconds(9);
// A node that leaves waits so long for its round in progress to end, and for the cluster to hear.
constexpr Duration kDrainLimit = std::chrono::minutes(2);
constexpr Duration kDrainPoll = std::chrono::milliseconds(50);
constexpr Duration kLeaveLimit = std::chrono::seconds(15);
constexpr Duration kControlPatience = std::chrono::seconds(1);
// Reading a model file of gigabytes and a long run's state from slow flash.
constexpr Duration kOpeningLimit = std::chrono::minutes(10);
// A main loop that does not get round to a question within this counts as stuck.
constexpr Duration kLoopPatience = std::chrono::seconds(1);

class Daemon {
 public:
  Daemon(Config config, StateDir state_dir, OpenedState state,
         std::shared_ptr<discovery::Keyring> keyring, ModelSource model)
      : config_(std::move(config)),
        state_dir_(std::move(state_dir)),
        incarnation_(state.store->incarnation()),
        keyring_(std::move(keyring)),
        model_(std::move(model)),
        store_(std::move(state.store)),
        driver_(driver_options(config_, state.run)),
        service_(config_, incarnation_, driver_, keyring_,
                 {.shutdown = [this] { end("asked to by RPC"); }, .leave = [this] { leave(); }}),
        health_([this] { return readiness_now(); }),
        signals_(main_loop_, SIGINT, SIGTERM, SIGHUP),
        service_manager_(main_loop_, [this](ServiceManager::Answer answer) {
          driver_.inspect_soon(
              [answer = std::move(answer)](const core::Node& node) { answer(status_line(node)); });
        }) {}

  Status run() {
    driver_.start();
    auto metrics = serve_metrics();
    if (!metrics) return tl::unexpected(metrics.error());
    auto server = ControlServer::start(service_, health_, config_.control.socket);
    if (!server) return tl::unexpected(server.error());
    spdlog::info("skiptraind {} is node {} ({}) of cluster {}, control at {}", kVersion,
                 config_.node.id.value(), config_.node.name, config_.cluster.id,
                 config_.control.socket.string());
    service_manager_.start();
    await_signal();
    std::thread loader([this] { load(); });
    main_loop_.run();

    service_manager_.stopping();
    const std::jthread watchdog([](const std::stop_token& done) { enforce_stop_limit(done); });
    driver_.cancel();
    driver_.history().close();
    loader.join();
    if (leaver_.joinable()) leaver_.join();
    health_.stop();
    server->stop(kControlPatience);
    metrics->reset();
    driver_.stop();
    const std::lock_guard lock(failure_mutex_);
    if (failure_) return tl::unexpected(*failure_);
    return {};
  }

 private:
  // For /readyz and the health service. From any thread but the driver's.
  Readiness readiness_now() {
    if (ending_) return {false, "is ending"};
    if (leaving_) return {false, "is leaving the cluster"};
    if (!driver_.answers_within(kLoopPatience)) return {false, "its main loop does not answer"};
    v1::GetStatusResponse status;
    service_.GetStatus(nullptr, nullptr, &status);
    return readiness(status);
  }

  // Null if it is off.
  Result<std::unique_ptr<MetricsServer>> serve_metrics() {
    if (config_.metrics.listen.empty()) return std::unique_ptr<MetricsServer>();
    const auto at = parse_host_port(config_.metrics.listen);
    SKIPTRAIN_CHECK(at.has_value(), "a loaded config names an address");
    auto server = MetricsServer::bind(
        {at->host, at->port}, {.is_alive = [this] { return driver_.answers_within(kLoopPatience); },
                               .readiness = [this] { return readiness_now(); },
                               .metrics = [this] { return metrics_page(service_.node_report()); }});
    if (!server) return tl::unexpected(server.error());
    service_.set_metrics_address(server->address());
    server->serve();
    spdlog::info("metrics at http://{}/metrics", server->address());
    return std::make_unique<MetricsServer>(*std::move(server));
  }

  // Loading allocates by what files declare, so running out of memory is a likely way to fail.
  void load() try {
    auto machinery = load_machinery(config_, std::move(store_), model_, keyring_);
    if (ending_) return;
    if (!machinery) return fail_with(machinery.error());
    machinery->fatal = [this](const Error& error) { fail_with(error); };
    machinery->durable.fatal = [this](const Error& error) { fail_with(error); };
    if (Status attached = driver_.attach(std::move(*machinery)); !attached) {
      return fail_with(attached.error());
    }
    spdlog::info("listening for peers at {}", driver_.transport()->address());
    service_manager_.ready();
  } catch (const std::exception& error) {
    fail_with({ErrorCode::kInternal, std::string("loading data and model: ") + error.what()});
  }

  // From any thread, and while ending, too: what is written last may fail as well.
  void fail_with(const Error& error) {
    {
      const std::lock_guard lock(failure_mutex_);
      if (!failure_) failure_ = error;
    }
    spdlog::error("cannot go on: {}", error.message);
    end("failed");
  }

  // Ends its part in the run with the round in progress, tells the cluster, then ends.
  void leave() {
    asio::post(main_loop_, [this] {
      if (ending_ || leaver_.joinable()) return;
      spdlog::info("leaving the cluster");
      leaving_ = true;
      leaver_ = std::thread([this] {
        driver_.post(core::StopRequested{});
        const auto limit = std::chrono::steady_clock::now() + kDrainLimit;
        while (!ending_ &&
               driver_.inspect([](const core::Node& node) { return node.is_at_work(); })) {
          if (std::chrono::steady_clock::now() > limit) break;
          std::this_thread::sleep_for(kDrainPoll);
        }
        if (!ending_) driver_.leave_cluster().wait_for(kLeaveLimit);
        end("left the cluster");
      });
    });
  }

  void end(const std::string& why) {
    if (ending_.exchange(true)) return;
    spdlog::info("ending: {}", why);
    asio::post(main_loop_, [this] { main_loop_.stop(); });
  }

  void await_signal() {
    signals_.async_wait([this](const asio::error_code& error, int signal) {
      if (error) return;
      if (signal == SIGHUP) {
        reload();
      } else {
        end(signal == SIGTERM ? "SIGTERM" : "SIGINT");
      }
      await_signal();
    });
  }

  void reload() {
    if (Status reopened = reopen_log(); !reopened) spdlog::error("{}", reopened.error().message);
    auto next = load_config(config_.source);
    if (!next) {
      log_lines(next.error().message);
      spdlog::error("reload refused, nothing changed");
      return;
    }
    if (const auto fixed = differences_needing_restart(config_, *next); !fixed.empty()) {
      for (const std::string& difference : fixed) spdlog::error("reload refused: {}", difference);
      spdlog::error("nothing changed; restart the daemon to change these");
      return;
    }
    // The service reads only what cannot change, so config_ itself stays; what is live goes where
    // it is used.
    set_log_level(next->log.level);
    driver_.configure([&](core::Node& node) {
      node.set_fixed_deadline(next->round.deadline);
      node.set_quorum(next->round.rules.quorum);
      node.set_evaluate_every(next->round.evaluate_every);
    });
    driver_.set_evaluate_samples(next->round.evaluate_samples);
    service_.set_config_in_force(*std::move(next));
    spdlog::info("reloaded {}", config_.source.string());
  }

  // One log line per problem of a config.
  static void log_lines(const std::string& text) {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) spdlog::error("{}", line);
  }

  static void enforce_stop_limit(const std::stop_token& done) {
    std::mutex mutex;
    std::unique_lock lock(mutex);
    std::condition_variable_any().wait_for(lock, done, kStopLimit, [] { return false; });
    if (done.stop_requested()) return;
    spdlog::error("could not end in order within {} s; exiting", to_seconds(kStopLimit));
    spdlog::shutdown();
    std::_Exit(1);
  }

  const Config config_;
  StateDir state_dir_;
  const Incarnation incarnation_;
  const std::shared_ptr<discovery::Keyring> keyring_;
  const ModelSource model_;
  std::unique_ptr<store::StateStore> store_;  // until the loader takes it
  runtime::Driver driver_;
  ControlService service_;
  HealthService health_;
  asio::io_context main_loop_;
  asio::signal_set signals_;
  ServiceManager service_manager_;
  std::thread leaver_;
  std::atomic<bool> leaving_ = false;
  std::atomic<bool> ending_ = false;
  std::mutex failure_mutex_;
  std::optional<Error> failure_;  // the first
};

// Moves the state aside; returns an incarnation that is not below any it has had.
Result<Incarnation> set_aside(StateDir& state_dir, const Config& config, Incarnation last) {
  if (!state_dir.has_state()) return last;
  using Opened = decltype(store::StateStore::open(store::real_files(), {}));
  Opened old = fail(ErrorCode::kNotFound, "no node.db");
  if (std::filesystem::exists(state_dir.path() / "node.db")) {
    old = store::StateStore::open(store::real_files(), {.folder = state_dir.path().string(),
                                                        .node = config.node.id,
                                                        .cluster_id = config.cluster.id,
                                                        .last_incarnation = last});
  }
  if (old) {
    last = (*old)->incarnation();
    if (Status closed = (*old)->close(); !closed) return tl::unexpected(closed.error());
  } else {
    // What cannot be opened does not say how often this node has started; less often than once a
    // second since 1970 it was.
    const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since_1970).count();
    last = std::max(last, Incarnation(static_cast<std::uint64_t>(seconds)));
  }
  const auto moved = state_dir.set_aside();
  if (!moved) return tl::unexpected(moved.error());
  if (!moved->empty()) spdlog::info("the old state lies in {} now", *moved);
  return last;
}

}  // namespace

Status run_daemon(Config config, const StartOptions& start) {
  ServiceManager::starting("opening the state", kOpeningLimit);
  if (Status there = check_data_is_there(config); !there) return there;
  auto state_dir = StateDir::open(config.node.data_dir);
  if (!state_dir) return tl::unexpected(state_dir.error());
  // After the lock: a daemon on the same state is the likeliest to have the port, and named by it.
  if (Status free = check_ports_are_free(config); !free) return free;
  auto keyring = load_keyring(config);
  if (!keyring) return tl::unexpected(keyring.error());
  auto last = state_dir->old_incarnation();
  if (last && start.fresh) last = set_aside(*state_dir, config, *last);
  if (!last) return tl::unexpected(last.error());
  auto model_file = load_model_file(config);
  if (!model_file) return tl::unexpected(model_file.error());
  auto state = open_state(config, *model_file, state_dir->path().string(), *last);
  if (!state) return tl::unexpected(state.error());
  if (!start.from_checkpoint.empty() && state->run.round) {
    return fail(ErrorCode::kPreconditionFailed,
                "--from-checkpoint: run \"" + config.run.id + "\" is at round " +
                    to_string(*state->run.round) +
                    " already; add --fresh to begin it again, or give the run another run.id");
  }
  ModelSource model{*std::move(model_file), start.from_checkpoint, state->run.round.has_value()};
  Daemon daemon(std::move(config), std::move(*state_dir), std::move(*state), *std::move(keyring),
                std::move(model));
  return daemon.run();
}

}  // namespace skiptrain::daemon
