#include "core/topology/topology_spec.h"

#include <array>
#include <optional>

#include "core/topology/parse_number.h"
#include "core/topology/topology.h"

namespace skiptrain::core {
namespace {

using Kind = TopologySpec::Kind;

struct PlainKind {
  Kind kind;
  std::string_view name;
};
constexpr std::array kPlainKinds = {
    PlainKind{Kind::kRing, "ring"},
    PlainKind{Kind::kComplete, "complete"},
    PlainKind{Kind::kStar, "star"},
    PlainKind{Kind::kTorus, "torus"},
    PlainKind{Kind::kExponential, "exponential"},
};

// Kinds written as NAME:NUMBER.
struct NumberedKind {
  Kind kind;
  std::string_view prefix;
  std::string_view what;  // the number
  std::uint32_t max;
};
constexpr std::array kNumberedKinds = {
    NumberedKind{Kind::kRegular, "regular:", "degree", kMaxTopologyNodes - 1},
    NumberedKind{Kind::kRings, "rings:", "number of rings", kMaxRings},
    NumberedKind{Kind::kEpidemic, "epidemic:", "number of receivers", kMaxTopologyNodes - 1},
};
constexpr std::string_view kFilePrefix = "file:";

tl::unexpected<Error> refuse(std::string_view text, const std::string& right) {
  return fail(ErrorCode::kInvalidArgument, "topology \"" + std::string(text) + "\": " + right);
}

}  // namespace

Result<TopologySpec> parse_topology_spec(std::string_view text) {
  for (const PlainKind& plain : kPlainKinds) {
    if (text == plain.name) return TopologySpec{plain.kind, 0, ""};
  }
  for (const NumberedKind& numbered : kNumberedKinds) {
    if (!text.starts_with(numbered.prefix)) continue;
    const auto number = parse_number(text.substr(numbered.prefix.size()));
    if (number && *number >= 1 && *number <= numbered.max) {
      return TopologySpec{numbered.kind, static_cast<std::uint32_t>(*number), ""};
    }
    return refuse(text, "the " + std::string(numbered.what) + " must be a whole number from 1 to " +
                            std::to_string(numbered.max));
  }
  if (text.starts_with(kFilePrefix) && text.size() > kFilePrefix.size()) {
    return TopologySpec{Kind::kFile, 0, std::string(text.substr(kFilePrefix.size()))};
  }
  return refuse(text, std::string("must be ") + kTopologySpecs);
}

std::string to_string(const TopologySpec& spec) {
  for (const PlainKind& plain : kPlainKinds) {
    if (spec.kind == plain.kind) return std::string(plain.name);
  }
  for (const NumberedKind& numbered : kNumberedKinds) {
    if (spec.kind == numbered.kind) {
      return std::string(numbered.prefix) + std::to_string(spec.parameter);
    }
  }
  return std::string(kFilePrefix) + spec.path;
}

}  // namespace skiptrain::core
