#include "wire/peer_text.h"

#include "wire/limits.h"
#include "wire/utf8.h"

namespace skiptrain::wire {

std::string peer_text(std::string_view text) {
  return printable(text, kMaxDetailBytes);
}

}  // namespace skiptrain::wire
