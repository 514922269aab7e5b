// The keys of [exchange]: how updates travel.
#include "daemon/config/key_readers.h"
#include "daemon/config/keys.h"

namespace skiptrain::daemon {
namespace {

using namespace keys;

// The step is a key of its own, and stays what it is.
Key<Config> compression_key() {
  const auto read = [](Config& config, const Value& value) -> Complaint {
    const auto* text = std::get_if<std::string>(&value);
    const auto parsed = text != nullptr ? parse_compression(*text) : Result<Compression>();
    if (text == nullptr || !parsed) return kCompressionWords;
    config.exchange.compression.packing = parsed->packing;
    config.exchange.compression.fraction = parsed->fraction;
    return std::nullopt;
  };
  const auto show = [](const Config& config) -> std::optional<std::string> {
    return toml_string(to_string(config.exchange.compression));
  };
  return {
      "exchange.compression",
      std::string("how updates are packed: ") + kCompressionWords + "; see \"Less on the wire\"",
      read, show};
}

}  // namespace

void append_exchange(std::vector<Key<Config>>& list) {
  list.push_back(shared_unless_default(compression_key()));
  list.push_back(shared_unless_default(number<Config>(
      "exchange.consensus_step", [](auto& c) -> auto& { return c.exchange.compression.step; },
      NumberRange{.min = 0.0, .max = 1.0, .text = "a number from 0 to 1"},
      "with a compression: what part of the way to the neighbours' mean a mix takes, 0 to 1; 0: "
      "all of it, but with top-k:F 2 F, at most 1")));
}

}  // namespace skiptrain::daemon
