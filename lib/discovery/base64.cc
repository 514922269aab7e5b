#include "discovery/base64.h"

#include <openssl/evp.h>

namespace skiptrain::discovery {

std::string to_base64(std::span<const std::uint8_t> bytes) {
  // EVP_EncodeBlock ends the text with a zero byte.
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), bytes.data(),
                                   static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(size));
  return text;
}

std::optional<std::vector<std::uint8_t>> from_base64(std::string_view text) {
  if (text.empty() || text.size() % 4 != 0) return std::nullopt;
  std::vector<std::uint8_t> bytes(text.size() / 4 * 3);
  const int size =
      EVP_DecodeBlock(bytes.data(), reinterpret_cast<const unsigned char*>(text.data()),
                      static_cast<int>(text.size()));
  if (size < 0) return std::nullopt;
  // It counts the padding as bytes.
  std::size_t padding = text.ends_with("==") ? 2u : text.ends_with('=') ? 1u : 0u;
  bytes.resize(static_cast<std::size_t>(size) - padding);
  // It also skips white space and bits behind the end.
  if (to_base64(bytes) != text) return std::nullopt;
  return bytes;
}

}  // namespace skiptrain::discovery
