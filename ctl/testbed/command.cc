#include "ctl/testbed/command.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <thread>
#include <utility>

#include "ctl/testbed/process.h"

extern char** environ;  // NOLINT(readability-redundant-declaration): glibc's needs _GNU_SOURCE

namespace skiptrain::ctl {
namespace {

constexpr Duration kPoll = std::chrono::milliseconds(5);

// Takes what the program prints: no pipe to be drained while it runs.
class Capture {
 public:
  Capture() : fd_(memfd_create("output", MFD_CLOEXEC)) {}
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;
  ~Capture() {
    if (fd_ >= 0) close(fd_);
  }
  int fd() const { return fd_; }

  std::string text() const {
    std::string text;
    std::array<char, 4096> piece{};
    lseek(fd_, 0, SEEK_SET);
    for (ssize_t n = read(fd_, piece.data(), piece.size()); n > 0;
         n = read(fd_, piece.data(), piece.size())) {
      text.append(piece.data(), static_cast<std::size_t>(n));
    }
    return text;
  }

 private:
  int fd_;
};

Result<pid_t> spawn_captured(const std::vector<std::string>& words, int output, int errors) {
  std::vector<std::string> copies = words;
  std::vector<char*> argv;
  argv.reserve(copies.size() + 1);
  for (std::string& word : copies) argv.push_back(word.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&files, errors, STDERR_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
  pid_t pid = 0;
  const int error = posix_spawnp(&pid, argv[0], &files, &attributes, argv.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  if (error == ENOENT) return fail(ErrorCode::kNotFound, words[0] + " is not in $PATH");
  if (error != 0) {
    return fail(ErrorCode::kInternal, "cannot run " + words[0] + ": " + std::strerror(error));
  }
  return pid;
}

}  // namespace

Result<CommandResult> run_command(const std::vector<std::string>& words,
                                  const CommandOptions& options) {
  const Capture output;
  const Capture errors;
  if (output.fd() < 0 || errors.fd() < 0) {
    return fail(ErrorCode::kResourceExhausted,
                std::string("no memory for what a program prints: ") + std::strerror(errno));
  }
  const auto pid = spawn_captured(words, output.fd(), errors.fd());
  if (!pid) return tl::unexpected(pid.error());
  const auto deadline = std::chrono::steady_clock::now() + options.limit;
  int status = 0;
  pid_t ended = 0;
  while ((ended = waitpid(*pid, &status, WNOHANG)) == 0) {
    const bool interrupted = options.interruptible && InterruptGuard::is_interrupted();
    if (interrupted || std::chrono::steady_clock::now() >= deadline) {
      kill(-*pid, SIGKILL);  // its session: what it started goes too
      waitpid(*pid, &status, 0);
      if (interrupted) return fail(ErrorCode::kInternal, "interrupted");
      return fail(ErrorCode::kTimeout, words[0] + " did not end in time");
    }
    std::this_thread::sleep_for(kPoll);
  }
  if (ended < 0) {
    return fail(ErrorCode::kInternal, "cannot wait for " + words[0] + ": " + std::strerror(errno));
  }
  constexpr int kSignalled = 128;
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : kSignalled + WTERMSIG(status);
  return CommandResult{code, output.text(), errors.text()};
}

}  // namespace skiptrain::ctl
