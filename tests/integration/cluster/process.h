// Child processes of the integration tests: started, signalled, waited for and never left behind.
//
// A child dies with the test (PR_SET_PDEATHSIG), and at the latest with the object that holds it.
// Only pids that were started here are ever signalled. For the test's main thread alone.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace skiptrain::integration {

using Seconds = std::chrono::duration<double>;

// Longest wait for something that takes a second or two on an idle machine. Generous, since other
// tests and builds may have the processor; nothing waits so long when all is well.
inline constexpr Seconds kPatience{60};
inline constexpr std::chrono::milliseconds kPollInterval{20};

struct Exit {
  int code = -1;   // -1 if a signal ended it
  int signal = 0;  // 0 if it ended by itself
  bool operator==(const Exit&) const = default;
};

struct Launch {
  std::vector<std::string> command;  // command[0] is a path
  std::string output_file;           // standard output and error, appended; "" discards them
  std::vector<std::pair<std::string, std::string>> environment;  // added to our own
};

class Process {
 public:
  // Throws std::runtime_error if it cannot be started.
  explicit Process(const Launch& launch);
  Process(Process&& other) noexcept;
  Process& operator=(Process&&) = delete;
  // Kills it if it still runs.
  ~Process();

  pid_t pid() const { return pid_; }
  void signal(int number) const;
  bool is_running() { return !wait(Seconds(0)); }
  // How it ended; nullopt if it has not ended in time.
  std::optional<Exit> wait(Seconds limit = kPatience);

 private:
  pid_t pid_ = -1;
  std::optional<Exit> exit_;
};

// A command that ran to its end.
struct Finished {
  Exit exit;
  std::string out;
  std::string err;
};

struct RunOptions {
  Seconds limit = kPatience;  // killed after it
  std::optional<uid_t> user;  // run as this user; needs root
};

Finished run(const std::vector<std::string>& command, const RunOptions& options = {});

// Polls `condition` until it holds or the time is up; says whether it held.
template <typename Condition>
bool eventually(Condition condition, Seconds limit = kPatience);

// What /proc knows of a process; -1 if there is none.
double cpu_seconds(pid_t pid);                               // user and system time so far
double status_megabytes(pid_t pid, const std::string& key);  // "VmRSS" or "VmHWM", in MB (10^6 B)
// The living processes whose command line contains `text`.
std::vector<pid_t> processes_with(const std::string& text);

void pause_between_polls();

template <typename Condition>
bool eventually(Condition condition, Seconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    pause_between_polls();
  }
  return true;
}

}  // namespace skiptrain::integration
