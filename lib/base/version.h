// The product's version, set by the top CMakeLists.txt.
#pragma once

namespace skiptrain {

inline constexpr const char* kVersion = SKIPTRAIN_VERSION;

}  // namespace skiptrain
