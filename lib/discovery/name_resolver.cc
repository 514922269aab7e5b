#include "discovery/name_resolver.h"

#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <map>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

namespace skiptrain::discovery {
namespace {

using Clock = std::chrono::steady_clock;

struct FreeAddresses {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};

}  // namespace

struct NameResolver::State : std::enable_shared_from_this<NameResolver::State> {
  struct Waiter {
    Clock::time_point deadline;
    Done done;
  };
  struct Name {
    std::vector<Waiter> waiters;
    bool running = false;
    std::optional<Result<Addresses>> answer;
  };
  using Call = std::pair<Done, Result<Addresses>>;

  explicit State(Lookup lookup_function) : lookup(std::move(lookup_function)) {}

  // All with the mutex held.
  bool start_lookups();  // true if one has its answer already: that there is no thread for it
  std::vector<Call> take_answers();
  std::vector<Call> take_expired(Clock::time_point now);
  std::vector<Call> take_all();
  std::optional<Clock::time_point> next_deadline() const;

  const Lookup lookup;
  std::mutex mutex;
  std::condition_variable changed;
  std::map<std::string, Name> names;
  std::size_t running = 0;
  bool stopped = false;
};

bool NameResolver::State::start_lookups() {
  bool answered = false;
  for (auto& [host, name] : names) {
    if (name.running || name.answer || name.waiters.empty()) continue;
    if (running >= kMaxRunningLookups) break;
    try {
      std::thread([state = shared_from_this(), host = host] {
        auto answer = state->lookup(host);
        const std::lock_guard lock(state->mutex);
        --state->running;
        state->names[host].running = false;
        state->names[host].answer = std::move(answer);
        state->changed.notify_all();
      }).detach();
    } catch (const std::system_error& error) {
      name.answer = fail(ErrorCode::kResourceExhausted,
                         "name " + host + ": no thread to look it up: " + error.what());
      answered = true;
      continue;
    }
    name.running = true;
    ++running;
  }
  return answered;
}

std::vector<NameResolver::State::Call> NameResolver::State::take_answers() {
  std::vector<Call> calls;
  for (auto each = names.begin(); each != names.end();) {
    Name& name = each->second;
    if (name.answer) {
      for (Waiter& waiter : name.waiters) calls.emplace_back(std::move(waiter.done), *name.answer);
      name.waiters.clear();
    }
    // One that nobody waits for any more and that was never begun is forgotten, too.
    each = name.waiters.empty() && !name.running ? names.erase(each) : std::next(each);
  }
  return calls;
}

std::vector<NameResolver::State::Call> NameResolver::State::take_expired(Clock::time_point now) {
  std::vector<Call> calls;
  for (auto& [host, name] : names) {
    const auto expired =
        std::stable_partition(name.waiters.begin(), name.waiters.end(),
                              [&](const Waiter& waiter) { return waiter.deadline > now; });
    for (auto each = expired; each != name.waiters.end(); ++each) {
      calls.emplace_back(std::move(each->done),
                         fail(ErrorCode::kTimeout, "name " + host + ": no answer in time"));
    }
    name.waiters.erase(expired, name.waiters.end());
  }
  return calls;
}

std::vector<NameResolver::State::Call> NameResolver::State::take_all() {
  std::vector<Call> calls;
  for (auto& [host, name] : names) {
    for (Waiter& waiter : name.waiters) {
      calls.emplace_back(std::move(waiter.done),
                         fail(ErrorCode::kUnavailable, "name " + host + ": the node is stopping"));
    }
    name.waiters.clear();
  }
  return calls;
}

std::optional<Clock::time_point> NameResolver::State::next_deadline() const {
  std::optional<Clock::time_point> next;
  for (const auto& [host, name] : names) {
    for (const Waiter& waiter : name.waiters) {
      if (!next || waiter.deadline < *next) next = waiter.deadline;
    }
  }
  return next;
}

// The thread that starts look-ups, watches the time and calls `done`. It never blocks in a look-up,
// so joining it is quick.
struct NameResolver::Watcher {
  explicit Watcher(State& state) : thread([&state] { watch(state); }) {}

  static void run(std::unique_lock<std::mutex>& lock, std::vector<State::Call> calls) {
    lock.unlock();
    for (auto& [done, answer] : calls) done(std::move(answer));
    lock.lock();
  }

  static void watch(State& state) {
    std::unique_lock lock(state.mutex);
    while (!state.stopped) {
      std::vector<State::Call> calls = state.take_expired(Clock::now());
      std::vector<State::Call> answers = state.take_answers();
      std::move(answers.begin(), answers.end(), std::back_inserter(calls));
      if (!calls.empty()) {
        run(lock, std::move(calls));
        continue;
      }
      if (state.start_lookups()) continue;
      if (const auto deadline = state.next_deadline()) {
        state.changed.wait_until(lock, *deadline);
      } else {
        state.changed.wait(lock);
      }
    }
    run(lock, state.take_all());
  }

  std::thread thread;
};

NameResolver::NameResolver(Lookup lookup)
    : state_(std::make_shared<State>(std::move(lookup))),
      watcher_(std::make_unique<Watcher>(*state_)) {}

NameResolver::~NameResolver() {
  stop();
}

void NameResolver::resolve(const std::string& host, Duration timeout, Done done) {
  std::unique_lock lock(state_->mutex);
  const bool full = state_->names.count(host) == 0 && state_->names.size() >= kMaxPendingNames;
  if (!state_->stopped && !full) {
    state_->names[host].waiters.push_back({Clock::now() + timeout, std::move(done)});
    state_->changed.notify_all();
    return;
  }
  lock.unlock();
  if (full) {
    done(fail(ErrorCode::kResourceExhausted, "name " + host + ": " +
                                                 std::to_string(kMaxPendingNames) +
                                                 " names are being looked up already"));
  } else {
    done(fail(ErrorCode::kUnavailable, "name " + host + ": the node is stopping"));
  }
}

void NameResolver::stop() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopped = true;
    state_->changed.notify_all();
  }
  if (watcher_->thread.joinable()) watcher_->thread.join();
}

Result<NameResolver::Addresses> NameResolver::system_lookup(const std::string& host) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_DGRAM;  // else each address comes once per type of socket
  addrinfo* raw = nullptr;
  const int failed = ::getaddrinfo(host.c_str(), nullptr, &hints, &raw);
  if (failed != 0) {
    const char* why = failed == EAI_SYSTEM ? std::strerror(errno) : ::gai_strerror(failed);
    const ErrorCode code = failed == EAI_NONAME ? ErrorCode::kNotFound : ErrorCode::kUnavailable;
    return fail(code, "name " + host + ": " + why);
  }
  const std::unique_ptr<addrinfo, FreeAddresses> list(raw);
  Addresses addresses;
  for (const addrinfo* each = list.get(); each != nullptr; each = each->ai_next) {
    char text[NI_MAXHOST];
    if (::getnameinfo(each->ai_addr, each->ai_addrlen, text, sizeof text, nullptr, 0,
                      NI_NUMERICHOST) != 0) {
      continue;
    }
    if (std::find(addresses.begin(), addresses.end(), text) == addresses.end()) {
      addresses.emplace_back(text);
    }
  }
  if (addresses.empty()) return fail(ErrorCode::kNotFound, "name " + host + ": has no address");
  return addresses;
}

}  // namespace skiptrain::discovery
