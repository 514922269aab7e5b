#include "tests/integration/cluster/process.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <thread>

namespace skiptrain::integration {
namespace {

constexpr int kExecFailed = 127;

struct Streams {
  int out = -1;
  int err = -1;
};

// Forks and executes. Between the two only async-signal-safe calls.
pid_t spawn(const Launch& launch, const Streams& streams, std::optional<uid_t> user) {
  std::vector<std::string> words = launch.command;
  std::vector<char*> command;
  for (std::string& word : words) command.push_back(word.data());
  command.push_back(nullptr);
  std::vector<std::string> settings;
  for (char** entry = environ; *entry != nullptr; ++entry) settings.emplace_back(*entry);
  for (const auto& [key, value] : launch.environment) settings.push_back(key + "=" + value);
  std::vector<char*> environment;
  for (std::string& setting : settings) environment.push_back(setting.data());
  environment.push_back(nullptr);

  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid != 0) return pid;
  if (user && setuid(*user) != 0) _exit(kExecFailed);
  // After setuid, which clears it.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(kExecFailed);
  dup2(streams.out, STDOUT_FILENO);
  dup2(streams.err, STDERR_FILENO);
  execve(command[0], command.data(), environment.data());
  _exit(kExecFailed);
}

int open_output(const std::string& file) {
  return file.empty() ? open("/dev/null", O_WRONLY | O_CLOEXEC)
                      : open(file.c_str(), O_CREAT | O_APPEND | O_WRONLY | O_CLOEXEC, 0644);
}

std::runtime_error cannot_start(const Launch& launch) {
  return std::runtime_error("cannot start " + launch.command.front() + ": " + std::strerror(errno));
}

std::string read_all(int fd) {
  std::string text;
  lseek(fd, 0, SEEK_SET);
  char buffer[1 << 16];
  for (ssize_t got = 0; (got = read(fd, buffer, sizeof buffer)) > 0;) {
    text.append(buffer, static_cast<std::size_t>(got));
  }
  return text;
}

Exit exit_of(int status) {
  return WIFEXITED(status) ? Exit{WEXITSTATUS(status), 0} : Exit{-1, WTERMSIG(status)};
}

}  // namespace

Process::Process(const Launch& launch) {
  const int output = open_output(launch.output_file);
  if (output < 0) throw cannot_start(launch);
  pid_ = spawn(launch, {output, output}, std::nullopt);
  close(output);
  if (pid_ < 0) throw cannot_start(launch);
}

Process::Process(Process&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), exit_(other.exit_) {}

Process::~Process() {
  if (pid_ < 0 || exit_) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

void Process::signal(int number) const {
  if (pid_ > 0 && !exit_) kill(pid_, number);
}

std::optional<Exit> Process::wait(Seconds limit) {
  eventually(
      [this] {
        int status = 0;
        if (!exit_ && waitpid(pid_, &status, WNOHANG) == pid_) exit_ = exit_of(status);
        return exit_.has_value();
      },
      limit);
  return exit_;
}

Finished run(const std::vector<std::string>& command, const RunOptions& options) {
  // Files in memory rather than pipes: nobody has to drain them while the command runs.
  const Streams streams{memfd_create("out", MFD_CLOEXEC), memfd_create("err", MFD_CLOEXEC)};
  const Launch launch{.command = command, .output_file = "", .environment = {}};
  const pid_t pid = spawn(launch, streams, options.user);
  if (pid < 0) throw cannot_start(launch);
  int status = 0;
  const auto ended = [&] { return waitpid(pid, &status, WNOHANG) == pid; };
  if (!eventually(ended, options.limit)) {
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
  }
  Finished finished{exit_of(status), read_all(streams.out), read_all(streams.err)};
  close(streams.out);
  close(streams.err);
  return finished;
}

double cpu_seconds(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  if (!std::getline(file, line)) return -1;
  std::istringstream fields(line.substr(line.rfind(')') + 1));
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;  // fields 3 to 13 of proc(5)
  double user = 0;
  double system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

double status_megabytes(pid_t pid, const std::string& key) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(key + ":")) return std::stod(line.substr(key.size() + 1)) * 1024 / 1e6;
  }
  return -1;
}

std::vector<pid_t> processes_with(const std::string& text) {
  std::vector<pid_t> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    pid_t pid = 0;
    if (std::from_chars(name.data(), name.data() + name.size(), pid).ptr !=
        name.data() + name.size()) {
      continue;
    }
    // A zombie has an empty command line.
    std::ifstream file(entry.path() / "cmdline", std::ios::binary);
    const std::string command{std::istreambuf_iterator<char>(file), {}};
    if (pid != getpid() && command.find(text) != std::string::npos) found.push_back(pid);
  }
  return found;
}

void pause_between_polls() {
  std::this_thread::sleep_for(kPollInterval);
}

}  // namespace skiptrain::integration
