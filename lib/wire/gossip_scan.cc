#include "wire/gossip_scan.h"

#include <cstdint>
#include <optional>
#include <string>

#include "core/membership/messages.h"
#include "wire/utf8.h"

namespace skiptrain::wire {
namespace {

// The messages of gossip.proto, as far as their fields are told apart here.
enum class Kind { kMessage, kList, kClaim, kInfo, kTag, kPingRequest, kNumbers };

std::optional<Kind> child_of(Kind kind, std::uint64_t field) {
  switch (kind) {
    case Kind::kMessage:
      if (field == 3) return Kind::kPingRequest;
      if (field == 6) return Kind::kList;
      if (field == 8) return Kind::kClaim;
      if (field == 2 || field == 4 || field == 5 || field == 7) return Kind::kNumbers;
      return std::nullopt;
    case Kind::kList:
      return field == 2 ? std::optional(Kind::kClaim) : std::nullopt;
    case Kind::kClaim:
      return field == 6 ? std::optional(Kind::kInfo) : std::nullopt;
    case Kind::kInfo:
      return field == 7 ? std::optional(Kind::kTag) : std::nullopt;
    case Kind::kTag:
    case Kind::kPingRequest:
    case Kind::kNumbers:
      return std::nullopt;
  }
  return std::nullopt;
}

bool is_text(Kind kind, std::uint64_t field) {
  return (kind == Kind::kInfo && field <= 5) || (kind == Kind::kTag && field <= 2) ||
         (kind == Kind::kPingRequest && field == 3);
}

class Scanner {
 public:
  Status message(Kind kind, std::string_view bytes) {
    while (!bytes.empty()) {
      if (Status ok = field(kind, bytes); !ok) return ok;
    }
    return {};
  }

 private:
  Status field(Kind kind, std::string_view& bytes) {
    if (++fields_ > kMaxFieldsPerClaim) {
      return refuse("more than " + std::to_string(kMaxFieldsPerClaim) + " fields");
    }
    std::uint64_t tag = 0;
    std::uint64_t value = 0;
    if (!take_varint(bytes, tag)) return refuse("a field's tag is cut off");
    switch (tag & 7u) {
      case 0:
        return take_varint(bytes, value) ? Status() : refuse("a number is cut off");
      case 1:
        return skip(bytes, 8);
      case 5:
        return skip(bytes, 4);
      case 2:
        if (!take_varint(bytes, value) || value > bytes.size()) {
          return refuse("a field is longer than what it stands in");
        }
        break;
      default:
        return refuse("wire type " + std::to_string(tag & 7u) + " is unknown");
    }
    const std::string_view content = bytes.substr(0, value);
    bytes.remove_prefix(value);
    return inner(kind, tag >> 3, content);
  }

  Status inner(Kind kind, std::uint64_t field, std::string_view content) {
    if (is_text(kind, field) && !is_utf8(content)) return refuse("a text is not UTF-8");
    const std::optional<Kind> child = child_of(kind, field);
    if (!child) return {};
    if (*child != Kind::kClaim) return message(*child, content);
    if (++claims_ > core::kMaxMembers) {
      return fail(ErrorCode::kCorrupt, "gossip: more than " + std::to_string(core::kMaxMembers) +
                                           " claims in one message");
    }
    // Each claim has an account of its own, and is not charged to the message around it.
    const std::size_t outside = fields_ - 1;
    fields_ = 0;
    const Status ok = message(Kind::kClaim, content);
    fields_ = outside;
    return ok;
  }

  Status skip(std::string_view& bytes, std::size_t size) {
    if (bytes.size() < size) return refuse("a number is cut off");
    bytes.remove_prefix(size);
    return {};
  }

  static bool take_varint(std::string_view& bytes, std::uint64_t& value) {
    value = 0;
    for (std::size_t i = 0; i < 10 && i < bytes.size(); ++i) {
      const auto byte = static_cast<unsigned char>(bytes[i]);
      value |= static_cast<std::uint64_t>(byte & 0x7fu) << (7 * i);
      if ((byte & 0x80u) == 0) {
        bytes.remove_prefix(i + 1);
        return true;
      }
    }
    return false;
  }

  tl::unexpected<Error> refuse(const std::string& why) const {
    const std::string where = claims_ == 0 ? "" : "claim " + std::to_string(claims_) + ": ";
    return fail(ErrorCode::kCorrupt, "gossip: " + where + why);
  }

  std::size_t claims_ = 0;
  std::size_t fields_ = 0;
};

}  // namespace

Status scan_gossip(std::string_view bytes) {
  return Scanner().message(Kind::kMessage, bytes);
}

}  // namespace skiptrain::wire
