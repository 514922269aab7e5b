#include "data/leaf_reader.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_map>
#include <utility>

#include "data/array_loader.h"
#include "data/leaf_events.h"

namespace skiptrain::data {
namespace {

constexpr std::size_t kFemnistValues = 784;
constexpr ImageShape kFemnistShape{1, 28, 28};

// The first reading: labels, users, and whether all fits together.
class LabelSink final : public LeafSink {
 public:
  Status user(const std::string& name) override {
    rows_ = labels_of_user_ = 0;
    const auto next = static_cast<std::uint32_t>(numbers_.size());
    user_ = numbers_.try_emplace(name, next).first->second;
    user_name_ = name;
    if (numbers_.size() <= kMaxLeafUsers) return {};
    return fail(ErrorCode::kResourceExhausted,
                "more than " + std::to_string(kMaxLeafUsers) + " users, which is the limit");
  }
  Status value(double) override {
    ++values_;
    return {};
  }
  Status row_end() override {
    if (columns == 0) columns = values_;
    if (values_ != columns || columns == 0) {
      return fail(ErrorCode::kMismatch, std::to_string(values_) + " values: must be " +
                                            std::to_string(columns) +
                                            ", as in the first row, and at least 1");
    }
    values_ = 0;
    ++rows_;
    return {};
  }
  Status label(std::int64_t label) override {
    if (label < 0 || label >= kMaxLabels) {
      return fail(ErrorCode::kInvalidArgument,
                  "row " + std::to_string(labels_of_user_) + ": label " + std::to_string(label) +
                      ": must be from 0 to " + std::to_string(kMaxLabels - 1));
    }
    if (labels.size() == kMaxLeafRows) {
      return fail(ErrorCode::kResourceExhausted,
                  "more than " + std::to_string(kMaxLeafRows) + " rows, which is the limit");
    }
    labels.push_back(static_cast<Label>(label));
    users.push_back(user_);
    ++labels_of_user_;
    return {};
  }
  Status user_end() override {
    if (rows_ != labels_of_user_) {
      return fail(ErrorCode::kMismatch, std::to_string(rows_) + " rows in \"x\", but " +
                                            std::to_string(labels_of_user_) +
                                            " labels in \"y\": must be as many");
    }
    rows_of_user_[user_name_] += rows_;
    return {};
  }
  Status listed_user(const std::string& name) override {
    listed_users_.push_back(name);
    return {};
  }
  Status listed_count(std::uint64_t count) override {
    listed_counts_.push_back(count);
    return {};
  }

  // That the two lists of a file agree with its users; forgets them.
  Status end_of_file() {
    const auto counts = std::exchange(listed_counts_, {});
    const auto names = std::exchange(listed_users_, {});
    const auto rows = std::exchange(rows_of_user_, {});
    for (std::size_t i = 0; i < std::min(names.size(), counts.size()); ++i) {
      const auto found = rows.find(names[i]);
      const std::uint64_t there = found == rows.end() ? 0 : found->second;
      if (there == counts[i]) continue;
      return fail(ErrorCode::kMismatch, "user \"" + names[i] + "\": \"num_samples\" says " +
                                            std::to_string(counts[i]) + ", but there are " +
                                            std::to_string(there) + " rows");
    }
    return {};
  }

  std::size_t columns = 0;
  std::vector<Label> labels;
  std::vector<std::uint32_t> users;

 private:
  std::unordered_map<std::string, std::uint32_t> numbers_;
  std::uint32_t user_ = 0;
  std::string user_name_;
  std::size_t values_ = 0;  // of the row so far
  std::uint64_t rows_ = 0;  // of the user so far
  std::uint64_t labels_of_user_ = 0;
  // Of the file so far.
  std::unordered_map<std::string, std::uint64_t> rows_of_user_;
  std::vector<std::string> listed_users_;
  std::vector<std::uint64_t> listed_counts_;
};

// The second: the values of the rows that are kept.
class RowSink final : public LeafSink {
 public:
  RowSink(const std::vector<std::uint32_t>& rows, std::size_t columns)
      : rows_(rows), columns_(columns) {
    features.reserve(rows.size() * columns);
  }

  Status user(const std::string&) override { return {}; }
  Status value(double value) override {
    if (!is_wanted()) return {};
    if (!(std::abs(value) <= std::numeric_limits<float>::max())) {
      return fail(ErrorCode::kNumeric, "value " + std::to_string(features.size() % columns_) +
                                           " is " + std::to_string(value) +
                                           ": must be a finite number of float32's range");
    }
    features.push_back(static_cast<float>(value));
    return {};
  }
  Status row_end() override {
    if (is_wanted()) ++kept_;
    ++row_;
    // What changes while it is read is found here, before it makes rows of unequal length.
    if (features.size() == kept_ * columns_) return {};
    return fail(ErrorCode::kCorrupt, "has another length than a moment ago");
  }
  Status label(std::int64_t) override { return {}; }
  Status user_end() override { return {}; }
  Status listed_user(const std::string&) override { return {}; }
  Status listed_count(std::uint64_t) override { return {}; }

  bool is_done() const { return kept_ == rows_.size(); }

  std::vector<float> features;

 private:
  bool is_wanted() const { return kept_ < rows_.size() && rows_[kept_] == row_; }

  const std::vector<std::uint32_t>& rows_;
  std::size_t columns_;
  std::uint64_t row_ = 0;  // among all files
  std::size_t kept_ = 0;
};

}  // namespace

Result<Dataset> load_leaf(const std::vector<std::string>& files, const LoadOptions& options) {
  LabelSink labels;
  for (const std::string& path : files) {
    if (auto read = read_leaf_events(path, labels); !read) {
      return tl::unexpected<Error>(read.error());
    }
    if (auto agree = labels.end_of_file(); !agree) {
      return fail(agree.error().code, path + ": " + agree.error().message);
    }
  }
  if (labels.labels.empty()) {
    return fail(ErrorCode::kInvalidArgument, files.front() + ": holds no rows");
  }
  const auto shape = labels.columns == kFemnistValues ? Result<ImageShape>(kFemnistShape)
                                                      : row_shape(labels.columns, files.front());
  if (!shape) return tl::unexpected<Error>(shape.error());
  const auto share = chosen_rows(labels.labels, options, labels.users);
  if (!share) return tl::unexpected<Error>(share.error());
  RowSink rows(*share, labels.columns);
  for (const std::string& path : files) {
    if (rows.is_done()) break;
    if (auto read = read_leaf_events(path, rows); !read) return tl::unexpected<Error>(read.error());
  }
  if (!rows.is_done()) {
    return fail(ErrorCode::kCorrupt, files.back() +
                                         ": the files hold fewer rows than a moment ago: they must "
                                         "not change while they are read");
  }
  Dataset dataset{*shape, 0, {}, {}, std::move(rows.features)};
  dataset.classes = *std::ranges::max_element(labels.labels) + 1u;
  for (const std::uint32_t row : *share) {
    dataset.labels.push_back(labels.labels[row]);
    dataset.users.push_back(labels.users[row]);
  }
  return dataset;
}

}  // namespace skiptrain::data
