#include "learn/library.h"

#include <torch/version.h>

namespace skiptrain::learn {

std::string torch_version() {
  return TORCH_VERSION;
}

}  // namespace skiptrain::learn
