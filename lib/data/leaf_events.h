// A file of LEAF's JSON as events of its users, rows and labels. Inside lib/data only.
//
// Errors as in leaf_reader.h.
#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"

namespace skiptrain::data {

// What is told, in the order of the file; a user's rows may come before or after its labels. An
// error that is returned ends the reading, with the file, the user and the row before its message.
class LeafSink {
 public:
  virtual ~LeafSink() = default;
  virtual Status user(const std::string& name) = 0;
  virtual Status value(double value) = 0;  // of a row
  virtual Status row_end() = 0;
  virtual Status label(std::int64_t label) = 0;
  virtual Status user_end() = 0;
  // Of the lists "users" and "num_samples".
  virtual Status listed_user(const std::string& name) = 0;
  virtual Status listed_count(std::uint64_t count) = 0;
};

Status read_leaf_events(const std::string& path, LeafSink& sink);

}  // namespace skiptrain::data
