#include "tests/unit/store/fault_disk.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace skiptrain::store::testing {
namespace {

struct Change {
  std::uint64_t offset = 0;
  std::string bytes;
  bool truncates = false;  // to `offset`
};

void apply_to(std::string& content, const Change& change) {
  if (change.truncates) return content.resize(change.offset, '\0');
  if (content.size() < change.offset + change.bytes.size()) {
    content.resize(change.offset + change.bytes.size(), '\0');
  }
  content.replace(change.offset, change.bytes.size(), change.bytes);
}

tl::unexpected<FileError> error(FileOperation operation, int number) {
  return tl::unexpected<FileError>(FileError{operation, number});
}

}  // namespace

struct FaultDisk::Inode {
  std::string content;           // as programs see it
  std::string durable;           // as a power cut leaves it
  std::vector<Change> unsynced;  // from one to the other, in order

  void change(Change next) {
    apply_to(content, next);
    unsynced.push_back(std::move(next));
  }
};

class FaultFile final : public File {
 public:
  FaultFile(FaultDisk& disk, FaultDisk::InodePtr inode)
      : disk_(disk), inode_(std::move(inode)), boot_(disk.boots_) {}

  FileResult<std::size_t> read(std::uint64_t offset, std::span<std::byte> out) override {
    if (!alive()) return error(FileOperation::kRead, EIO);
    const std::string& content = inode_->content;
    const std::size_t from = std::min<std::size_t>(offset, content.size());
    const std::size_t bytes = std::min(out.size(), content.size() - from);
    if (bytes > 0) std::memcpy(out.data(), content.data() + from, bytes);
    return bytes;
  }

  FileStatus write(std::uint64_t offset, std::string_view bytes) override {
    if (!alive()) return error(FileOperation::kWrite, EIO);
    const std::uint64_t end = offset + bytes.size();
    const std::uint64_t grows = end > inode_->content.size() ? end - inode_->content.size() : 0;
    if (disk_.capacity_ && grows > 0 && disk_.bytes_used() + grows > *disk_.capacity_) {
      disk_.fired_ = FileOperation::kWrite;
      return error(FileOperation::kWrite, ENOSPC);
    }
    if (auto begun = disk_.begin(FileOperation::kWrite); !begun) {
      // A write that fails has still written a part of it.
      inode_->change({offset, std::string(bytes.substr(0, bytes.size() / 2)), false});
      return begun;
    }
    inode_->change({offset, std::string(bytes), false});
    return {};
  }

  FileStatus truncate(std::uint64_t size) override {
    if (!alive()) return error(FileOperation::kTruncate, EIO);
    if (auto begun = disk_.begin(FileOperation::kTruncate); !begun) return begun;
    inode_->change({size, "", true});
    return {};
  }

  FileStatus sync() override {
    if (!alive()) return error(FileOperation::kSync, EIO);
    if (auto begun = disk_.begin(FileOperation::kSync); !begun) {
      if (disk_.powered_) inode_->unsynced.clear();  // the kernel counts these pages as written
      return begun;
    }
    if (disk_.ignores_syncs_) return {};
    for (const Change& change : inode_->unsynced) apply_to(inode_->durable, change);
    inode_->unsynced.clear();
    return {};
  }

  FileResult<std::uint64_t> size() override {
    if (!alive()) return error(FileOperation::kRead, EIO);
    return inode_->content.size();
  }

  FileStatus lock(std::uint64_t, std::uint64_t) override { return {}; }

 private:
  bool alive() const { return disk_.powered_ && boot_ == disk_.boots_; }

  FaultDisk& disk_;
  const FaultDisk::InodePtr inode_;
  const std::uint64_t boot_;
};

FaultDisk::FaultDisk() = default;
FaultDisk::~FaultDisk() = default;

FileStatus FaultDisk::begin(FileOperation operation) {
  if (!powered_) return error(operation, EIO);
  ++operations_;
  if (cut_at_ == operations_) {
    powered_ = false;
    fired_ = operation;
    return error(operation, EIO);
  }
  if (fail_at_ && fail_at_->first == operations_) {
    fired_ = operation;
    return error(operation, fail_at_->second);
  }
  return {};
}

void FaultDisk::apply(const NameChange& change, Names& names) {
  if (!change.from.empty()) names.erase(change.from);
  if (!change.to.empty()) names[change.to] = change.inode;
}

void FaultDisk::change(NameChange change) {
  apply(change, names_);
  unsynced_.push_back(std::move(change));
}

FileResult<std::unique_ptr<File>> FaultDisk::open(const std::string& path, OpenMode mode) {
  if (!powered_) return error(FileOperation::kOpen, EIO);
  const auto found = names_.find(path);
  if (found != names_.end()) {
    if (mode == OpenMode::kCreateNew) return error(FileOperation::kOpen, EEXIST);
    return std::make_unique<FaultFile>(*this, found->second);
  }
  if (mode == OpenMode::kRead || mode == OpenMode::kReadWrite) {
    return error(FileOperation::kOpen, ENOENT);
  }
  if (auto begun = begin(FileOperation::kOpen); !begun) {
    return tl::unexpected<FileError>(begun.error());
  }
  auto inode = std::make_shared<Inode>();
  change({"", path, inode});
  return std::make_unique<FaultFile>(*this, inode);
}

FileStatus FaultDisk::rename(const std::string& from, const std::string& to) {
  if (auto begun = begin(FileOperation::kRename); !begun) return begun;
  const auto found = names_.find(from);
  if (found == names_.end()) return error(FileOperation::kRename, ENOENT);
  change({from, to, found->second});
  return {};
}

FileStatus FaultDisk::unlink(const std::string& path) {
  if (powered_ && !names_.contains(path)) return error(FileOperation::kUnlink, ENOENT);
  if (auto begun = begin(FileOperation::kUnlink); !begun) return begun;
  change({path, "", nullptr});
  return {};
}

FileStatus FaultDisk::sync_directory(const std::string& folder) {
  if (auto begun = begin(FileOperation::kSyncDirectory); !begun) {
    if (powered_) unsynced_.clear();
    return begun;
  }
  if (ignores_syncs_) return {};
  std::erase_if(unsynced_, [&](const NameChange& change) {
    if (folder_of(change.to.empty() ? change.from : change.to) != folder) return false;
    apply(change, durable_);
    return true;
  });
  return {};
}

FileResult<std::vector<std::string>> FaultDisk::list(const std::string& folder) {
  if (!powered_) return error(FileOperation::kList, EIO);
  std::vector<std::string> result;
  for (const auto& [path, inode] : names_) {
    if (folder_of(path) == folder) result.push_back(path.substr(folder.size() + 1));
  }
  return result;
}

FileResult<bool> FaultDisk::exists(const std::string& path) {
  if (!powered_) return error(FileOperation::kRead, EIO);
  return names_.contains(path);
}

std::uint64_t FaultDisk::bytes_used() const {
  std::uint64_t bytes = 0;
  for (const auto& [path, inode] : names_) bytes += inode->content.size();
  return bytes;
}

void FaultDisk::restore_power(std::optional<std::uint64_t> survivors_seed) {
  std::mt19937_64 random(survivors_seed.value_or(0));
  const auto survives = [&] { return survivors_seed && random() % 2 == 0; };
  // Names change in the order of a journal, so what survives is its beginning.
  for (const NameChange& change : unsynced_) {
    if (!survives()) break;
    apply(change, durable_);
  }
  unsynced_.clear();
  for (const auto& [path, inode] : durable_) {
    for (Change& change : inode->unsynced) {
      if (!survives()) continue;
      if (!change.truncates && survives()) {
        change.bytes.resize(random() % (change.bytes.size() + 1));
      }
      apply_to(inode->durable, change);
    }
  }
  for (const auto& [path, inode] : durable_) {
    inode->unsynced.clear();
    inode->content = inode->durable;
  }
  names_ = durable_;
  powered_ = true;
  ++boots_;
  heal();
}

void FaultDisk::heal() {
  cut_at_.reset();
  fail_at_.reset();
  capacity_.reset();
}

std::string FaultDisk::content(const std::string& path) const {
  const auto found = names_.find(path);
  return found == names_.end() ? "" : found->second->content;
}

void FaultDisk::put(const std::string& path, std::string bytes) {
  auto inode = std::make_shared<Inode>();
  inode->content = inode->durable = std::move(bytes);
  names_[path] = durable_[path] = inode;
}

void FaultDisk::flip_bit(const std::string& path, std::uint64_t bit) {
  Inode& inode = *names_.at(path);
  for (std::string* content : {&inode.content, &inode.durable}) {
    (*content)[bit / 8] = static_cast<char>((*content)[bit / 8] ^ (1 << bit % 8));
  }
}

}  // namespace skiptrain::store::testing
