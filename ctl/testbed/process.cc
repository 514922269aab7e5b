#include "ctl/testbed/process.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <deque>
#include <fstream>
#include <sstream>
#include <thread>
#include <utility>

namespace skiptrain::ctl {
namespace {

constexpr Duration kPoll = std::chrono::milliseconds(20);
constexpr Duration kKillWait = std::chrono::seconds(10);
constexpr int kExecFailed = 127;
constexpr std::array kInterrupts = {SIGINT, SIGTERM, SIGHUP};

volatile std::sig_atomic_t interrupted = 0;
std::array<struct sigaction, kInterrupts.size()> previous_actions;

extern "C" void note_interrupt(int) {
  interrupted = 1;
}

struct ProcessStat {
  char state = '?';
  std::uint64_t start_time = 0;
};

// The name in /proc/PID/stat may hold spaces and parentheses; all fields come after the last ')'.
std::optional<ProcessStat> read_stat(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  const std::size_t end_of_name = line.rfind(')');
  if (end_of_name == std::string::npos) return std::nullopt;
  std::istringstream fields(line.substr(end_of_name + 1));
  ProcessStat stat;
  std::string skipped;
  fields >> stat.state;
  constexpr int kBetweenStateAndStartTime = 18;  // fields 4 to 21 of proc(5)
  for (int i = 0; i < kBetweenStateAndStartTime; ++i) fields >> skipped;
  if (!(fields >> stat.start_time)) return std::nullopt;
  return stat;
}

// Only async-signal-safe calls: other threads may hold any lock at the fork.
[[noreturn]] void become(char* const* command, const SpawnOptions& options, pid_t parent,
                         int null_fd, int log_fd) {
  if (options.die_with_parent) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(kExecFailed);  // it died before the line above
  }
  setsid();
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  dup2(null_fd, STDIN_FILENO);
  dup2(log_fd, STDOUT_FILENO);
  dup2(log_fd, STDERR_FILENO);
  close_range(STDERR_FILENO + 1, ~0U, 0);
  execv(command[0], command);
  const char* why = "cannot be executed\n";
  (void)!write(STDERR_FILENO, command[0], std::strlen(command[0]));
  (void)!write(STDERR_FILENO, ": ", 2);
  (void)!write(STDERR_FILENO, why, std::strlen(why));
  _exit(kExecFailed);
}

void signal_if_alive(const ProcessId& process, int signal) {
  if (is_alive(process)) kill(process.pid, signal);
}

// True if all are gone at the end of `patience`.
bool wait_until_gone(const std::vector<ProcessId>& processes, Duration patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (std::any_of(processes.begin(), processes.end(), is_alive)) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(kPoll);
  }
  return true;
}

}  // namespace

Result<ProcessId> spawn(const SpawnOptions& options) {
  const int log_fd =
      open(options.log_file.c_str(), O_CREAT | O_APPEND | O_WRONLY | O_CLOEXEC, 0644);
  if (log_fd < 0) {
    return fail(ErrorCode::kInvalidArgument,
                "cannot write " + options.log_file + ": " + std::strerror(errno));
  }
  const int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
  std::vector<std::string> words = options.command;
  std::vector<char*> command;
  command.reserve(words.size() + 1);
  for (std::string& word : words) command.push_back(word.data());
  command.push_back(nullptr);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) become(command.data(), options, parent, null_fd, log_fd);
  const int fork_errno = errno;
  close(log_fd);
  if (null_fd >= 0) close(null_fd);
  if (pid < 0) {
    return fail(ErrorCode::kResourceExhausted,
                std::string("cannot start a process: ") + std::strerror(fork_errno));
  }
  const auto stat = read_stat(pid);
  if (!stat) return fail(ErrorCode::kInternal, "process " + std::to_string(pid) + " has no /proc");
  return ProcessId{pid, stat->start_time};
}

bool is_alive(const ProcessId& process) {
  if (process.pid <= 0) return false;
  const auto stat = read_stat(process.pid);
  if (!stat || stat->start_time != process.start_time) return false;
  if (stat->state != 'Z' && stat->state != 'X') return true;
  waitpid(process.pid, nullptr, WNOHANG);
  return false;
}

void end_processes(const std::vector<ProcessId>& processes, Duration grace) {
  for (const ProcessId& process : processes) signal_if_alive(process, SIGTERM);
  if (wait_until_gone(processes, grace)) return;
  for (const ProcessId& process : processes) signal_if_alive(process, SIGKILL);
  wait_until_gone(processes, kKillWait);
}

void kill_process(const ProcessId& process) {
  signal_if_alive(process, SIGKILL);
  wait_until_gone({process}, kKillWait);
}

std::string last_lines(const std::string& file, std::size_t count) {
  std::ifstream in(file);
  std::deque<std::string> lines;
  for (std::string line; std::getline(in, line);) {
    lines.push_back(std::move(line));
    if (lines.size() > count) lines.pop_front();
  }
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return indented(text);
}

std::string indented(const std::string& text) {
  std::istringstream in(text);
  std::string out;
  for (std::string line; std::getline(in, line);) out += (out.empty() ? "  " : "\n  ") + line;
  return out;
}

InterruptGuard::InterruptGuard() {
  interrupted = 0;
  struct sigaction action {};
  action.sa_handler = note_interrupt;  // without SA_RESTART: sleeps end early
  sigemptyset(&action.sa_mask);
  for (std::size_t i = 0; i < kInterrupts.size(); ++i) {
    sigaction(kInterrupts[i], &action, &previous_actions[i]);
  }
}

InterruptGuard::~InterruptGuard() {
  for (std::size_t i = 0; i < kInterrupts.size(); ++i) {
    sigaction(kInterrupts[i], &previous_actions[i], nullptr);
  }
}

bool InterruptGuard::is_interrupted() {
  return interrupted != 0;
}

}  // namespace skiptrain::ctl
