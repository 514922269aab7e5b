// Text from peers: whether it is UTF-8, and whether a terminal can show it without being steered.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace skiptrain::wire {

// As RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF.
bool is_utf8(std::string_view text);

// UTF-8 without control characters: those of ASCII, U+0080 to U+009F, and those that turn the
// direction of writing (U+202A to U+202E, U+2066 to U+2069).
bool is_plain_text(std::string_view text);

// `text` as plain text of at most `limit` bytes, cut between characters: a '?' stands for each
// control character and each byte that is not UTF-8.
std::string printable(std::string_view text, std::size_t limit);

}  // namespace skiptrain::wire
