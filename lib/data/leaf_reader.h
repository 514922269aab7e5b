// Reads data sets of LEAF in its JSON form, as FEMNIST: samples and the users who made them.
//
// Format (https://leaf.cmu.edu; Caldas et al. 2018, arXiv 1812.01097): an object with "user_data",
// in it an object for each user, with "x", a list of rows of numbers, and "y", a list of as many
// labels, whole numbers from 0 to 65535. "users" and "num_samples" are compared with that where
// they stand; other keys are passed over. A row of 784 numbers becomes a sample of 1x28x28, any
// other one of 1x1xCOLUMNS. The numbers become float32.
//
// The files of a set are numbered through; a user in several of them is one user. They are mapped
// and read twice, as a stream of events: for all labels, users and the rows' lengths, then for the
// rows of a share, and only those are kept. Blocking; thread-safe, since nothing is shared.
//
// Errors start with the file's path and, where they are of a row, name the user and the row, from 0
// among the user's. kNotFound: cannot be opened. kCorrupt: not JSON (the message has the byte), or
// numbers that do not agree with each other. kInvalidArgument: another form, a label that is none.
// kNumeric: beyond float32. kResourceExhausted: beyond a limit below. Further errors as
// `chosen_rows`.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/error.h"
#include "data/dataset.h"
#include "data/load_options.h"

namespace skiptrain::data {

inline constexpr std::size_t kMaxLeafUsers = 1u << 22;
inline constexpr std::size_t kMaxLeafRows = 1u << 30;

// One node's share of all the files' rows; it has `users`.
Result<Dataset> load_leaf(const std::vector<std::string>& files, const LoadOptions& options = {});

}  // namespace skiptrain::data
