#include "learn/script_file.h"

#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include "base/fingerprint.h"

namespace skiptrain::learn {

bool looks_like_script(std::string_view bytes) {
  return bytes.starts_with("PK\x03\x04");
}

Result<ScriptFilePtr> read_script_file(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) {
    return fail(ErrorCode::kNotFound,
                path + ": cannot be read: " + (error ? error.message() : "there is no such file"));
  }
  if (!std::filesystem::is_regular_file(path, error)) {
    return fail(ErrorCode::kNotFound, path + ": is not a regular file");
  }
  const auto size = std::filesystem::file_size(path, error);
  std::ifstream in(path, std::ios::binary);
  if (error || !in) return fail(ErrorCode::kNotFound, path + ": cannot be read");
  if (size > kMaxScriptFileBytes) {
    return fail(ErrorCode::kResourceExhausted, path + ": has " + std::to_string(size) +
                                                   " bytes; a model's file has at most " +
                                                   std::to_string(kMaxScriptFileBytes));
  }
  auto file = std::make_shared<ScriptFile>();
  file->path = path;
  file->bytes.resize(size);
  if (!in.read(file->bytes.data(), static_cast<std::streamsize>(size))) {
    return fail(ErrorCode::kCorrupt, path + ": became shorter while being read");
  }
  if (!looks_like_script(file->bytes)) {
    return fail(ErrorCode::kCorrupt,
                path + ": is not TorchScript: torch.jit.script(model).save(PATH) writes it");
  }
  file->digest = Fingerprinter().add(file->bytes).finish();
  return file;
}

}  // namespace skiptrain::learn
