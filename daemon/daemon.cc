#include "daemon/daemon.h"

#include <systemd/sd-daemon.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <exception>
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

#include "base/version.h"
#include "daemon/assemble.h"
#include "daemon/control_server.h"
#include "daemon/control_service.h"
#include "daemon/logging/logging.h"
#include "daemon/state_dir.h"
#include "runtime/driver.h"

namespace skiptrain::daemon {
namespace {

// A daemon that could not end in order by now ends anyway: the README promises 10 s.
constexpr Duration kStopLimit = std::chrono::seconds(9);
// A node that leaves waits so long for its round in progress to end, and for the cluster to hear.
constexpr Duration kDrainLimit = std::chrono::minutes(2);
constexpr Duration kDrainPoll = std::chrono::milliseconds(50);
constexpr Duration kLeaveLimit = std::chrono::seconds(15);
constexpr Duration kControlPatience = std::chrono::seconds(1);

class Daemon {
 public:
  Daemon(Config config, StateDir state_dir, Incarnation incarnation,
         std::shared_ptr<discovery::Keyring> keyring)
      : config_(std::move(config)),
        state_dir_(std::move(state_dir)),
        incarnation_(incarnation),
        keyring_(std::move(keyring)),
        driver_(driver_options(config_)),
        service_(config_, incarnation_, driver_, keyring_,
                 {.shutdown = [this] { end("asked to by RPC"); }, .leave = [this] { leave(); }}),
        signals_(main_loop_, SIGINT, SIGTERM, SIGHUP) {}

  Status run() {
    driver_.start();
    auto server = ControlServer::start(service_, config_.control.socket);
    if (!server) return tl::unexpected(server.error());
    spdlog::info("skiptraind {} is node {} ({}) of cluster {}, control at {}", kVersion,
                 config_.node.id.value(), config_.node.name, config_.cluster.id,
                 config_.control.socket.string());
    sd_notify(0, "STATUS=warming up");
    await_signal();
    std::thread loader([this] { load(); });
    main_loop_.run();

    sd_notify(0, "STOPPING=1");
    const std::jthread watchdog([](const std::stop_token& done) { enforce_stop_limit(done); });
    driver_.cancel();
    driver_.history().close();
    loader.join();
    if (leaver_.joinable()) leaver_.join();
    server->stop(kControlPatience);
    driver_.stop();
    if (failure_) return tl::unexpected(*failure_);
    return {};
  }

 private:
  // Loading allocates by what files declare, so running out of memory is a likely way to fail.
  void load() try {
    auto machinery = load_machinery(config_, incarnation_, keyring_);
    if (ending_) return;
    if (!machinery) return fail_with(machinery.error());
    machinery->fatal = [this](const Error& error) { fail_with(error); };
    machinery->incarnation_raised = [this](Incarnation raised) {
      if (Status stored = state_dir_.raise_incarnation(raised); !stored) fail_with(stored.error());
    };
    if (Status attached = driver_.attach(std::move(*machinery)); !attached) {
      return fail_with(attached.error());
    }
    spdlog::info("listening for peers at {}", driver_.transport()->address());
    sd_notify(0, "READY=1\nSTATUS=running");
  } catch (const std::exception& error) {
    fail_with({ErrorCode::kInternal, std::string("loading data and model: ") + error.what()});
  }

  void fail_with(const Error& error) {
    asio::post(main_loop_, [this, error] {
      failure_ = error;
      spdlog::error("cannot go on: {}", error.message);
      end("failed");
    });
  }

  // Ends its part in the run with the round in progress, tells the cluster, then ends.
  void leave() {
    asio::post(main_loop_, [this] {
      if (ending_ || leaver_.joinable()) return;
      spdlog::info("leaving the cluster");
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
  runtime::Driver driver_;
  ControlService service_;
  asio::io_context main_loop_;
  asio::signal_set signals_;
  std::thread leaver_;
  std::atomic<bool> ending_ = false;
  std::optional<Error> failure_;
};

}  // namespace

Status run_daemon(Config config) {
  auto state_dir = StateDir::open(config.node.data_dir);
  if (!state_dir) return tl::unexpected(state_dir.error());
  const auto incarnation = state_dir->next_incarnation();
  if (!incarnation) return tl::unexpected(incarnation.error());
  auto keyring = load_keyring(config);
  if (!keyring) return tl::unexpected(keyring.error());
  Daemon daemon(std::move(config), std::move(*state_dir), *incarnation, *std::move(keyring));
  return daemon.run();
}

}  // namespace skiptrain::daemon
