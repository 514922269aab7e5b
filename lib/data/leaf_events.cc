#include "data/leaf_events.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <span>

#include <nlohmann/json.hpp>

#include "data/mapped_file.h"
#include "data/quoted.h"

namespace skiptrain::data {
namespace {

using Json = nlohmann::json;

// nlohmann's SAX interface; false ends the parsing.
class Events {
 public:
  Events(const std::string& path, LeafSink& sink) : path_(path), sink_(sink) {}

  const Status& status() const { return status_; }

  bool null() { return other("null"); }
  bool boolean(bool) { return other("true or false"); }
  bool number_integer(Json::number_integer_t value) {
    return is_label() ? told(sink_.label(value)) : number(static_cast<double>(value));
  }
  bool number_unsigned(Json::number_unsigned_t value) {
    if (list_ == List::kCounts) return told(sink_.listed_count(value));
    constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
    if (is_label()) {
      const auto most = static_cast<Json::number_unsigned_t>(kMost);
      return told(sink_.label(static_cast<std::int64_t>(std::min(value, most))));
    }
    return number(static_cast<double>(value));
  }
  bool number_float(Json::number_float_t value, const std::string& text) {
    if (is_label()) {
      return stop(ErrorCode::kInvalidArgument,
                  "label " + data::quoted(text) + ": must be a whole number from 0 to 65535");
    }
    return number(value);
  }
  bool string(const std::string& text) {
    if (list_ == List::kUsers) return told(sink_.listed_user(text));
    return other("text " + data::quoted(text));
  }
  bool binary(Json::binary_t&) { return other("binary"); }

  bool start_object(std::size_t) {
    if (!is_user_data()) return down();
    // Of "user_data" itself, and of each user.
    if (level_ == kOfSet || level_ == kOfUsers) return down();
    return other("an object");
  }
  bool key(const std::string& name) {
    if (level_ == kOfSet) {
      top_ = name;
      list_ = name == "users" ? List::kUsers : name == "num_samples" ? List::kCounts : List::kNone;
      if (name == "user_data") has_data_ = true;
    } else if (is_user_data() && level_ == kOfUsers) {
      user_ = name;
      row_ = 0;
      return told(sink_.user(name));
    } else if (is_user_data() && level_ == kOfUser) {
      field_ = name;
      row_ = 0;
    }
    return true;
  }
  bool end_object() {
    --level_;
    if (is_user_data() && level_ == kOfUsers) {
      const bool good = told(sink_.user_end());
      user_.clear();
      field_.clear();
      return good;
    }
    return true;
  }
  bool start_array(std::size_t) {
    if (level_ == 0) return stop(ErrorCode::kInvalidArgument, "must be an object");
    if (!is_user_data()) return down();
    const bool is_field = level_ == kOfUser;
    const bool is_row = level_ == kOfField && field_ == "x";
    return is_field || is_row ? down() : other("a list");
  }
  bool end_array() {
    --level_;
    if (!is_user_data() || level_ != kOfField || field_ != "x") return true;
    const bool good = told(sink_.row_end());
    ++row_;
    return good;
  }
  bool parse_error(std::size_t position, const std::string&, const Json::exception& error) {
    std::string what = error.what();
    what = what.substr(what.find("] ") + 2);
    return stop(ErrorCode::kCorrupt, "byte " + std::to_string(position) + ": not JSON: " + what +
                                         " (NaN and Infinity are none; json.dump(..., "
                                         "allow_nan=False) finds them)");
  }

  bool has_data() const { return has_data_; }

 private:
  // How many objects and lists are open.
  static constexpr std::size_t kOfSet = 1;
  static constexpr std::size_t kOfUsers = 2;
  static constexpr std::size_t kOfUser = 3;
  static constexpr std::size_t kOfField = 4;
  static constexpr std::size_t kOfRow = 5;
  enum class List { kNone, kUsers, kCounts };

  bool is_user_data() const { return top_ == "user_data"; }
  bool is_label() const { return is_user_data() && level_ == kOfField && field_ == "y"; }
  bool down() {
    ++level_;
    return true;
  }
  bool number(double value) {
    if (is_user_data() && level_ == kOfRow && field_ == "x") return told(sink_.value(value));
    return other("a number");
  }
  // Something that is no event; where it may not stand, an error.
  bool other(const std::string& what) {
    if (level_ == 0) return stop(ErrorCode::kInvalidArgument, "must be an object");
    if (!is_user_data()) return true;
    if (level_ >= kOfUser && field_ != "x" && field_ != "y") return true;
    return stop(ErrorCode::kInvalidArgument,
                what + ": " +
                    (level_ < kOfUser
                         ? "a user must be an object with \"x\" and \"y\""
                         : std::string("\"x\" must be a list of rows of numbers, \"y\" a list of "
                                       "whole numbers; text and names of pictures are not taken")));
  }
  bool told(Status status) {
    if (status) return true;
    return stop(status.error().code, status.error().message);
  }
  bool stop(ErrorCode code, const std::string& what) {
    std::string where = path_ + ": ";
    if (!user_.empty()) where += "user " + data::quoted(user_) + ": ";
    if (level_ >= kOfField && field_ == "x") where += "row " + std::to_string(row_) + ": ";
    status_ = fail(code, where + what);
    return false;
  }

  const std::string& path_;
  LeafSink& sink_;
  Status status_;
  std::size_t level_ = 0;
  std::string top_;
  List list_ = List::kNone;
  bool has_data_ = false;
  std::string user_;
  std::string field_;
  std::uint64_t row_ = 0;
};

}  // namespace

Status read_leaf_events(const std::string& path, LeafSink& sink) {
  const auto file = MappedFile::open(path);
  if (!file) return tl::unexpected<Error>(file.error());
  Events events(path, sink);
  const std::span<const std::uint8_t> bytes = file->bytes();
  const bool whole = Json::sax_parse(bytes.data(), bytes.data() + bytes.size(), &events);
  if (!events.status()) return events.status();
  if (!whole) return fail(ErrorCode::kCorrupt, path + ": not JSON");
  if (events.has_data()) return {};
  return fail(ErrorCode::kInvalidArgument,
              path + ": must be an object with \"user_data\", as LEAF writes it");
}

}  // namespace skiptrain::data
