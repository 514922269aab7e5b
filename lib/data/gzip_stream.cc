#include "data/gzip_stream.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <utility>

#include <zlib.h>

namespace skiptrain::data {
namespace {

constexpr unsigned kBufferBytes = 128 * 1024;
// Deflate cannot do better than 1032 to 1 (zlib's technical notes).
constexpr std::uint64_t kMaxDeflateRatio = 1032;
// One call of gzread takes an `unsigned` and answers with an `int`.
constexpr std::size_t kMaxRead = std::numeric_limits<int>::max();

std::string reason_of(int error) {
  return std::strerror(error);
}

}  // namespace

void GzipStream::Close::operator()(gzFile_s* file) const {
  gzclose_r(file);
}

Result<GzipStream> GzipStream::open(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    return fail(ErrorCode::kNotFound, path + ": cannot be opened: " + reason_of(errno));
  }
  struct stat info {};
  if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    ::close(fd);
    return fail(ErrorCode::kInvalidArgument, path + ": is not a regular file");
  }
  GzipStream stream;
  stream.path_ = path;
  stream.file_bytes_ = static_cast<std::uint64_t>(info.st_size);
  stream.file_.reset(gzdopen(fd, "rb"));
  if (!stream.file_) {
    ::close(fd);
    return fail(ErrorCode::kInternal, path + ": zlib cannot open it (out of memory)");
  }
  gzbuffer(stream.file_.get(), kBufferBytes);
  // Looks at the first bytes; zlib passes a file that is not gzip through unchanged.
  stream.is_gzip_ = gzdirect(stream.file_.get()) == 0;
  return stream;
}

Result<std::size_t> GzipStream::read(std::span<std::uint8_t> out) {
  std::size_t done = 0;
  while (done < out.size()) {
    const auto wanted = static_cast<unsigned>(std::min(out.size() - done, kMaxRead));
    const int got = gzread(file_.get(), out.data() + done, wanted);
    if (got > 0) done += static_cast<std::size_t>(got);
    if (got == static_cast<int>(wanted)) continue;
    int code = Z_OK;
    const char* text = gzerror(file_.get(), &code);
    if (code == Z_BUF_ERROR) {
      return fail(ErrorCode::kCorrupt, path_ + ": truncated: the gzip stream has no end");
    }
    if (got < 0 || (code != Z_OK && code != Z_STREAM_END)) {
      const std::string why = code == Z_ERRNO ? reason_of(errno) : std::string(text ? text : "");
      return fail(ErrorCode::kCorrupt, path_ + ": cannot be unpacked: " + why);
    }
    break;
  }
  return done;
}

std::uint64_t GzipStream::size_bound() const {
  if (!is_gzip_) return file_bytes_;
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  return file_bytes_ > kMost / kMaxDeflateRatio ? kMost : file_bytes_ * kMaxDeflateRatio;
}

}  // namespace skiptrain::data
