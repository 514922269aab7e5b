#include "daemon/state_dir.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "store/files.h"

namespace skiptrain::daemon {
namespace {

std::string because(int error) {
  return std::string(std::strerror(error)) + "; it must be a folder that the daemon's user (uid " +
         std::to_string(::geteuid()) + ") may write, or one that it may make";
}

}  // namespace

Result<StateDir> StateDir::open(const std::filesystem::path& path) {
  std::error_code made;
  const bool fresh = std::filesystem::create_directories(path, made);
  if (made) {
    return fail(ErrorCode::kUnavailable,
                "node.data_dir " + path.string() + ": cannot be made: " + because(made.value()));
  }
  if (fresh) ::chmod(path.c_str(), 0700);
  const auto lock_path = path / "lock";
  const int lock = ::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock < 0) {
    return fail(ErrorCode::kUnavailable,
                "node.data_dir " + path.string() + ": cannot be written: " + because(errno));
  }
  if (::flock(lock, LOCK_EX | LOCK_NB) != 0) {
    ::close(lock);
    return fail(ErrorCode::kPreconditionFailed,
                "node.data_dir " + path.string() + ": another skiptraind is running on it");
  }
  return StateDir(path, lock);
}

StateDir::StateDir(StateDir&& other) noexcept
    : path_(std::move(other.path_)), lock_(std::exchange(other.lock_, -1)) {}

StateDir& StateDir::operator=(StateDir&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(lock_, other.lock_);
  return *this;
}

StateDir::~StateDir() {
  if (lock_ >= 0) ::close(lock_);
}

Result<Incarnation> StateDir::old_incarnation() const {
  const auto file = path_ / "incarnation";
  std::uint64_t last = 0;
  if (std::ifstream in(file); in) {
    std::string text;
    in >> text;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), last);
    if (error != std::errc() || end != text.data() + text.size()) {
      return fail(ErrorCode::kCorrupt,
                  file.string() + ": must be a whole number, not \"" + text +
                      "\"; write a number above any earlier incarnation of this node into it");
    }
  }
  return Incarnation(last);
}

std::vector<std::filesystem::path> StateDir::state_files(std::error_code& error) const {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(path_, error)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("node.db") || name.starts_with("checkpoint-")) files.push_back(entry);
  }
  return files;
}

bool StateDir::has_state() const {
  std::error_code ignored;
  return !state_files(ignored).empty();
}

Result<std::string> StateDir::set_aside() {
  namespace fs = std::filesystem;
  std::error_code error;
  std::vector<fs::path> files = state_files(error);
  if (!error && files.empty()) return std::string();
  fs::path target;
  for (int number = 1; !error; ++number) {
    target = path_ / ("aside-" + std::to_string(number));
    if (fs::create_directory(target, error)) break;
  }
  // The database last: until then a start that is cut off here sees that the folder is half-moved.
  std::ranges::sort(files);
  for (const fs::path& file : files) {
    if (!error) fs::rename(file, target / file.filename(), error);
  }
  // Where it went to first: what is in neither folder after a power cut would be gone.
  for (const fs::path& folder : {target, path_}) {
    if (error) break;
    if (const auto synced = store::real_files().sync_directory(folder.string()); !synced) {
      error = std::error_code(synced.error().number, std::generic_category());
    }
  }
  if (error) {
    return fail(ErrorCode::kUnavailable,
                "node.data_dir " + path_.string() +
                    ": its state cannot be moved aside: " + error.message());
  }
  return target.string();
}

}  // namespace skiptrain::daemon
