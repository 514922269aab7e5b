// crash_loop [COUNT [SEED]]: kills a training daemon COUNT times (default 25) at random instants
// and starts it again, and judges each time what it comes back with:
//   it answers, and its round is not below the durable one it had last reported
//   spent energy is that of its train rounds, and at most one round's more per crash
//   the budget, set once while it ran, is still there and was never overrun
// Prints a summary line. Exit status 0: all held.
#include <sys/wait.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <thread>

#include "tests/integration/cluster/test_cluster.h"

namespace skiptrain::integration {
namespace {

constexpr std::size_t kVictim = 0;
constexpr std::size_t kNeighbour = 1;
// Of the budget per crash; so few that it is spent before the loop ends.
constexpr double kBudgetRoundsPerCrash = 20;

class CrashLoop {
 public:
  CrashLoop(std::uint64_t count, std::uint64_t seed) : count_(count), random_(seed), cluster_(2) {
    cluster_.set("run.rounds", "1000000000");
    cluster_.set("schedule.policy", "\"skiptrain\"");
    cluster_.set("schedule.gamma_train", "2");
    cluster_.set("schedule.gamma_sync", "2");
    cluster_.set("node.profile", "\"poco-x3\"");
    cluster_.set("store.checkpoint_interval", "\"20ms\"");
  }

  // Whether all held.
  bool run() {
    const auto started = std::chrono::steady_clock::now();
    cluster_.start_all();
    if (!comes_back() || !set_budget()) return false;
    for (crashes_ = 0; crashes_ < count_ && wrong_ == 0; ++crashes_) crash_and_restart();
    const Json last = cluster_.status(kVictim);
    const Seconds took = std::chrono::steady_clock::now() - started;
    std::printf(
        "%llu crashes (%llu while starting) in %.1f s: round %llu, %llu train rounds, %.0f rounds' "
        "energy, %llu violations\n",
        static_cast<unsigned long long>(crashes_), static_cast<unsigned long long>(early_),
        took.count(), last.value("round", 0ULL), last.value("train_rounds", 0ULL),
        last.value("energy_spent_wh", 0.0) / cost_, static_cast<unsigned long long>(wrong_));
    return wrong_ == 0;
  }

 private:
  bool comes_back() {
    const auto is_up = [&] {
      const Json status = cluster_.status(kVictim);
      return status.is_object() && status.contains("checkpoint_round") &&
             !status.at("checkpoint_round").is_null();
    };
    if (eventually(is_up)) return true;
    complain("does not come back:\n" + cluster_.log(kVictim));
    return false;
  }

  bool set_budget() {
    const Json energy = cluster_.ask(kVictim, {"energy"}).json;
    cost_ = energy.value("wh_per_train_round", 0.0);
    budget_ = cost_ * kBudgetRoundsPerCrash * static_cast<double>(count_);
    const Answer set = cluster_.ask(kVictim, {"energy", "budget", std::to_string(budget_)});
    if (cost_ > 0 && set.exit_code == kOk) {
      budget_ = set.json.value("budget_wh", 0.0);
      return true;
    }
    complain("the budget cannot be set: " + energy.dump() + " " + set.err);
    return false;
  }

  void crash_and_restart() {
    const Json before = cluster_.status(kVictim);
    std::this_thread::sleep_for(std::chrono::microseconds(random_() % 60'000));
    kill();
    cluster_.start(kVictim);
    // One in four dies while it starts.
    if (random_() % 4 == 0) {
      std::this_thread::sleep_for(std::chrono::milliseconds(random_() % 400));
      kill();
      ++early_;
      cluster_.start(kVictim);
    }
    if (!comes_back()) return;
    judge(before, cluster_.status(kVictim));
  }

  void kill() {
    if (!cluster_.kill(kVictim)) complain("it had ended by itself");
  }

  void judge(const Json& before, const Json& after) {
    const auto durable = before.value("checkpoint_round", 0ULL);
    const auto round = after.value("round", 0ULL);
    if (round < durable) {
      complain("came back at round " + std::to_string(round) + ", durable was " +
               std::to_string(durable));
    }
    const double trained = static_cast<double>(after.value("train_rounds", 0ULL));
    const double spent = after.value("energy_spent_wh", 0.0) / cost_;
    // Each crash may have cost one round's energy, and one may be in training now.
    const double most = trained + static_cast<double>(crashes_ + 1 + early_) + 1;
    if (spent < trained - 1e-6 || spent > most + 1e-6) {
      complain("spent the energy of " + std::to_string(spent) + " rounds, has trained " +
               std::to_string(trained));
    }
    if (after.value("energy_spent_wh", 0.0) < before.value("energy_spent_wh", 0.0) - 1e-9 -
                                                  cost_ /* charged, its intent not yet durable */) {
      complain("forgot energy that it had spent");
    }
    if (after.value("budget_wh", 0.0) != budget_)
      complain("the budget is another: " + after.dump());
    if (after.value("energy_spent_wh", 0.0) > budget_ + 1e-9) complain("the budget is overrun");
    if (after.value("incarnation", 0ULL) <= before.value("incarnation", 0ULL)) {
      complain("its incarnation has not grown");
    }
  }

  void complain(const std::string& what) {
    ++wrong_;
    std::fprintf(stderr, "crash %llu: %s\n", static_cast<unsigned long long>(crashes_),
                 what.c_str());
  }

  const std::uint64_t count_;
  std::mt19937_64 random_;
  TestCluster cluster_;
  double cost_ = 1.0;
  double budget_ = 0.0;
  std::uint64_t crashes_ = 0;
  std::uint64_t early_ = 0;
  std::uint64_t wrong_ = 0;
};

}  // namespace
}  // namespace skiptrain::integration

int main(int argc, char** argv) {
  const std::uint64_t count = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 25;
  const std::uint64_t seed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1;
  return skiptrain::integration::CrashLoop(count, seed).run() ? 0 : 1;
}
