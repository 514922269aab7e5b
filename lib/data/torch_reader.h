// Reads tensors that torch.save has written: a dictionary of them, a tuple or list (whose tensors
// are called "0", "1", ...), or one alone ("0"). Without LibTorch, and without running anything
// that the file says (pickle.h).
//
// Format (PyTorch 1.6 and later, torch/serialization.py): a zip file with PREFIX/data.pkl, a pickle
// of what was saved, PREFIX/data/KEY, the bytes of each storage, and from 2.1 on PREFIX/byteorder.
// Tensors are contiguous views of storages of bytes, booleans, integers of 4 and 8 bytes and floats
// of 4 and 8.
//
// Storages stream through a small buffer, and only the rows that are asked for are kept. Blocking;
// one thread at a time.
//
// Errors start with the file's path, and with "PATH: KEY" if they are of one tensor. kNotFound: the
// file cannot be opened, or has no such tensor; the message lists those it has. kCorrupt: not a zip
// file, damaged, a tensor beyond its storage. kInvalidArgument: something else than tensors, or
// tensors of another type or layout; the message has the PyTorch call that helps.
// kResourceExhausted: beyond the limits of pickle.h, zip_archive.h and array_member.h.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "data/array.h"
#include "data/pickle.h"
#include "data/zip_archive.h"

namespace skiptrain::data {

class TorchFile {
 public:
  static Result<TorchFile> open(const std::string& path);

  // The tensors' names, in the order of the file.
  const std::vector<std::string>& keys() const { return keys_; }
  const std::string& path() const { return archive_.path(); }

  // What read() would return, without its values.
  Result<ArrayType> type_of(const std::string& key) const;
  Result<Array> read(const std::string& key) const;
  // As NpzFile::read_rows.
  Result<Array> read_rows(const std::string& key, const std::vector<std::uint32_t>& rows) const;

 private:
  struct Opened {
    ZipMember member;  // before its values
    ArrayType type;
    std::uint64_t after = 0;  // bytes of the storage behind them
  };

  Status take_tensors(const pickle::Value& saved);
  Result<Opened> find(const std::string& key) const;
  Result<ZipMember> member(const std::string& member_name, std::string name) const;

  ZipArchive archive_;
  std::string prefix_;  // of its members
  bool is_big_endian_ = false;
  std::vector<std::string> keys_;
  std::vector<pickle::Tensor> tensors_;
};

}  // namespace skiptrain::data
