// A tar archive that appears under its name only when it is whole, readable by its owner alone.
//
// POSIX pax format, by libarchive. Members are regular files with mode 0600. Not thread-safe.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"

namespace skiptrain::ctl {

class TarFile {
 public:
  // kNotFound if there is no such folder, kInvalidArgument if it cannot be written to.
  static Result<TarFile> create(const std::string& path);
  TarFile(TarFile&&) noexcept;
  ~TarFile();  // what was not committed leaves nothing behind

  // `name` is relative: "folder/file". kInternal if it cannot be written.
  Status add(const std::string& name, std::string_view contents);
  Status commit();

 private:
  struct Writer;
  explicit TarFile(std::unique_ptr<Writer> writer);
  std::unique_ptr<Writer> writer_;
};

}  // namespace skiptrain::ctl
