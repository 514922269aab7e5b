// A disk in memory that fails on demand: `Files` for tests of lib/store.
//
// Every call that changes something, or makes it durable, is an operation, numbered from 1. At a
// chosen one the power goes, or the call fails with a chosen errno; or the disk is full from a size
// on. What a power cut leaves is what POSIX promises and no more: data that were synced, under
// names whose folder was synced; of the rest nothing, or a seeded part of it, writes torn in the
// middle. A failed sync is as treacherous as the kernel's: what was to be synced is still read
// back, but no later sync makes it durable.
//
// For one thread. Folders need not be made.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "store/files.h"

namespace skiptrain::store::testing {

class FaultDisk final : public Files {
 public:
  FaultDisk();
  ~FaultDisk() override;

  FileResult<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override;
  FileStatus rename(const std::string& from, const std::string& to) override;
  FileStatus unlink(const std::string& path) override;
  FileStatus sync_directory(const std::string& folder) override;
  FileResult<std::vector<std::string>> list(const std::string& folder) override;
  FileResult<bool> exists(const std::string& path) override;

  // ---- Faults ----

  // From that operation on everything fails, until `restore_power`.
  void cut_power_at(std::uint64_t operation) { cut_at_ = operation; }
  // That operation fails, and has no effect but a torn write's.
  void fail_at(std::uint64_t operation, int error) { fail_at_ = {operation, error}; }
  // All files together; a write beyond it fails with ENOSPC.
  void set_capacity(std::optional<std::uint64_t> bytes) { capacity_ = bytes; }
  // Syncs report success and do nothing: a disk that lies.
  void ignore_syncs() { ignores_syncs_ = true; }

  // Whether the fault that was set has happened, and in which kind of operation.
  std::optional<FileOperation> fired() const { return fired_; }
  std::uint64_t operations() const { return operations_; }
  std::uint64_t bytes_used() const;

  // The machine starts again without what was not durable. With a seed, a part of that survives.
  // Open files are dead.
  void restore_power(std::optional<std::uint64_t> survivors_seed = std::nullopt);
  // The faults set so far happen no more.
  void heal();

  // ---- Looking at and doing harm to what is there ----

  std::string content(const std::string& path) const;
  void put(const std::string& path, std::string bytes);  // durable
  void flip_bit(const std::string& path, std::uint64_t bit);

 private:
  friend class FaultFile;
  struct Inode;
  using InodePtr = std::shared_ptr<Inode>;
  struct NameChange {
    std::string from;  // "": a new file
    std::string to;    // "": deleted
    InodePtr inode;
  };
  using Names = std::map<std::string, InodePtr>;

  // Counts the operation; an error if it is to fail.
  FileStatus begin(FileOperation operation);
  static void apply(const NameChange& change, Names& names);
  void change(NameChange change);

  Names names_;    // as programs see them
  Names durable_;  // as a power cut leaves them
  std::vector<NameChange> unsynced_;
  std::uint64_t operations_ = 0;
  std::optional<std::uint64_t> cut_at_;
  std::optional<std::pair<std::uint64_t, int>> fail_at_;
  std::optional<std::uint64_t> capacity_;
  bool ignores_syncs_ = false;
  bool powered_ = true;
  std::uint64_t boots_ = 0;
  std::optional<FileOperation> fired_;
};

}  // namespace skiptrain::store::testing
