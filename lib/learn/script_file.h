// A TorchScript file in memory: what torch.jit.script(model).save(PATH) writes in Python, or
// torch.jit.trace. A value without LibTorch; what is in it is looked at when a model is made of it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/ids.h"

namespace skiptrain::learn {

inline constexpr std::uint64_t kMaxScriptFileBytes = std::uint64_t{2} << 30;

struct ScriptFile {
  std::string path;  // for messages
  std::string bytes;
  Fingerprint digest;  // of the bytes
};
using ScriptFilePtr = std::shared_ptr<const ScriptFile>;

// Whether these are the first bytes of a ZIP archive, which a TorchScript file is.
bool looks_like_script(std::string_view bytes);

// kNotFound: cannot be read. kCorrupt: no TorchScript, by its first bytes. kResourceExhausted:
// beyond the limit.
Result<ScriptFilePtr> read_script_file(const std::string& path);

}  // namespace skiptrain::learn
