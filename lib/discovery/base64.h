// Base64 as RFC 4648 has it, section 4, with its padding.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace skiptrain::discovery {

std::string to_base64(std::span<const std::uint8_t> bytes);

// nullopt for anything that to_base64 would not have written.
std::optional<std::vector<std::uint8_t>> from_base64(std::string_view text);

}  // namespace skiptrain::discovery
