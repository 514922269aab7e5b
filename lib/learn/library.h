// Which LibTorch this program was built with.
#pragma once

#include <string>

namespace skiptrain::learn {

std::string torch_version();  // "1.13.1"

}  // namespace skiptrain::learn
