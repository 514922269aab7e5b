#include "energy/sysfs.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string_view>
#include <system_error>

#include "energy/meters.h"

namespace skiptrain::energy {
namespace {

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

}  // namespace

Result<std::string> read_text(const std::filesystem::path& file) {
  const std::unique_ptr<std::FILE, CloseFile> in(std::fopen(file.c_str(), "rbe"));
  std::string text(kMaxSysfsBytes + 1, '\0');
  std::size_t size = 0;
  if (in != nullptr) size = std::fread(text.data(), 1, text.size(), in.get());
  if (in == nullptr || std::ferror(in.get()) != 0) {
    return fail(ErrorCode::kUnavailable,
                file.string() + ": cannot be read: " + std::strerror(errno));
  }
  if (size > kMaxSysfsBytes) {
    return fail(ErrorCode::kUnavailable, file.string() +
                                             ": must be one value, and is longer than " +
                                             std::to_string(kMaxSysfsBytes) + " bytes");
  }
  text.resize(size);
  return std::string(trimmed(text));
}

Result<std::int64_t> read_integer(const std::filesystem::path& file) {
  auto text = read_text(file);
  if (!text) return tl::unexpected<Error>(std::move(text.error()));
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc() || end != text->data() + text->size()) {
    return fail(ErrorCode::kCorrupt,
                file.string() + ": \"" + text->substr(0, 40) + "\": must be a whole number");
  }
  return value;
}

std::vector<std::filesystem::path> entries(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> found;
  std::error_code error;
  for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error)) {
    found.push_back(it->path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace skiptrain::energy
