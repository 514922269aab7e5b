#include "store/atomic_file.h"

#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <random>

namespace skiptrain::store {
namespace {

// Unique among the threads of this process and, by its id, among processes. In a container every
// start has the same id, so there is something random in it as well.
std::string temp_path_beside(const std::string& path) {
  static std::atomic<std::uint64_t> count = std::random_device()();
  return path + std::string(kTempMark) + std::to_string(::getpid()) + "-" + std::to_string(++count);
}

FileStatus write_durably(Files& files, const std::string& path,
                         std::span<const std::string_view> pieces) {
  const auto file = files.open(path, OpenMode::kCreateNew);
  if (!file) return tl::unexpected<FileError>(file.error());
  std::uint64_t offset = 0;
  for (const std::string_view piece : pieces) {
    if (auto done = (*file)->write(offset, piece); !done) return done;
    offset += piece.size();
  }
  return (*file)->sync();
}

}  // namespace

Status replace_file(Files& files, const std::string& path,
                    std::span<const std::string_view> pieces) {
  const std::string temp = temp_path_beside(path);
  FileStatus done = write_durably(files, temp, pieces);
  if (done) done = files.rename(temp, path);
  if (!done) {
    const FileError error = done.error();
    (void)files.unlink(temp);  // the first error is the one to report
    if (error.operation == FileOperation::kOpen && !is_full_disk(error)) {
      return fail(ErrorCode::kUnavailable,
                  path + ": a new file cannot be made beside it: " + std::strerror(error.number));
    }
    return tl::unexpected<Error>(to_error(path, error));
  }
  done = files.sync_directory(folder_of(path));
  if (!done) return tl::unexpected<Error>(to_error(path, done.error()));
  return {};
}

Status replace_file(const std::string& path, std::span<const std::string_view> pieces) {
  return replace_file(real_files(), path, pieces);
}

void delete_leftovers(const std::string& path) {
  const std::filesystem::path file(path);
  const std::string prefix = file.filename().string() + std::string(kTempMark);
  const auto folder = file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(prefix)) continue;
    const auto maker = static_cast<pid_t>(std::strtol(name.c_str() + prefix.size(), nullptr, 10));
    const bool alive = maker > 0 && (::kill(maker, 0) == 0 || errno == EPERM);
    if (maker == ::getpid() || !alive) std::filesystem::remove(entry.path(), ignored);
  }
}

}  // namespace skiptrain::store
