#include "wire/update_assembler.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <utility>

namespace skiptrain::wire {
namespace {

// Half of a 32 KiB first-level cache: a block just copied is still there when it is summed.
constexpr std::size_t kBlockBytes = std::size_t{16} << 10;

std::string hex(std::uint64_t value) {
  char text[2 + 16 + 1];
  std::snprintf(text, sizeof text, "0x%016llx", static_cast<unsigned long long>(value));
  return text;
}

std::string first_not_finite(std::span<const float> values) {
  for (std::size_t k = 0; k < values.size(); ++k) {
    if (!std::isfinite(values[k])) {
      return "parameter " + std::to_string(k) + " is " + std::to_string(values[k]);
    }
  }
  return "a parameter is not finite";
}

}  // namespace

UpdateAssembler::UpdateAssembler(ParametersPool& pool) : pool_(pool) {}

Result<std::optional<ModelUpdate>> UpdateAssembler::accept(const FrameView& frame) {
  if (frame.update) {
    if (const Status ok = begin(*frame.update); !ok) return reject(ok.error());
  }
  if (frame.chunk) {
    if (const Status ok = append(*frame.chunk); !ok) return reject(ok.error());
  }
  if (!buffer_ || filled_ < buffer_->bytes().size()) return std::optional<ModelUpdate>();
  auto complete = finish();
  if (!complete) return reject(complete.error());
  return std::optional<ModelUpdate>(*std::move(complete));
}

Status UpdateAssembler::begin(const UpdateHeader& header) {
  if (buffer_) {
    return fail(ErrorCode::kCorrupt, "an update of round " + to_string(header.round) +
                                         " begins after " + std::to_string(filled_) + " of " +
                                         std::to_string(buffer_->bytes().size()) +
                                         " bytes of the one of round " + to_string(header_.round));
  }
  header_ = header;
  if (header.dtype != kDtypeFloat32) {
    return fail(ErrorCode::kMismatch,
                subject() + ": dtype " + std::to_string(header.dtype) + ", expected 1 (float32)");
  }
  if (header.parameter_count != pool_.parameter_count()) {
    return fail(ErrorCode::kMismatch, subject() + ": " + std::to_string(header.parameter_count) +
                                          " parameters declared, expected " +
                                          std::to_string(pool_.parameter_count()));
  }
  buffer_ = pool_.acquire();
  filled_ = 0;
  searched_ = 0;
  finite_ = true;
  checksum_.reset();
  return {};
}

Status UpdateAssembler::append(const ChunkView& chunk) {
  if (!buffer_) {
    return fail(ErrorCode::kCorrupt, "a chunk at offset " + std::to_string(chunk.offset) +
                                         " without an update header before it");
  }
  const std::size_t total = buffer_->bytes().size();
  if (chunk.offset != filled_) {
    return fail(ErrorCode::kCorrupt, subject() + ": chunk at offset " +
                                         std::to_string(chunk.offset) + ", expected " +
                                         std::to_string(filled_));
  }
  if (chunk.size == 0) return fail(ErrorCode::kCorrupt, subject() + ": an empty chunk");
  if (chunk.size > total - filled_) {
    return fail(ErrorCode::kCorrupt, subject() + ": a chunk of " + std::to_string(chunk.size) +
                                         " bytes at offset " + std::to_string(filled_) +
                                         " passes the end at " + std::to_string(total));
  }
  for (const Slice& slice : chunk.data) copy_and_check(slice);
  return {};
}

void UpdateAssembler::copy_and_check(Slice bytes) {
  const std::span<std::byte> out = buffer_->bytes();
  while (!bytes.empty()) {
    const std::size_t size = std::min(bytes.size(), kBlockBytes);
    std::memcpy(out.data() + filled_, bytes.data(), size);
    checksum_.add(out.subspan(filled_, size));
    filled_ += size;
    // A slice may end inside an element; that one is searched when its last byte is in.
    const std::size_t whole = filled_ / sizeof(float);
    finite_ &= all_finite(buffer_->values().subspan(searched_, whole - searched_));
    searched_ = whole;
    bytes = bytes.subspan(size);
  }
}

Result<ModelUpdate> UpdateAssembler::finish() {
  const std::uint64_t found = checksum_.value();
  if (found != header_.checksum) {
    return fail(ErrorCode::kCorrupt, subject() + ": checksum " + hex(found) + ", its header says " +
                                         hex(header_.checksum));
  }
  if (!finite_) {
    return fail(ErrorCode::kNumeric, subject() + ": " +
                                         first_not_finite(std::as_const(*buffer_).values()) +
                                         ", expected finite numbers");
  }
  return ModelUpdate{header_.round, header_.degree, std::exchange(buffer_, nullptr)};
}

Result<std::optional<ModelUpdate>> UpdateAssembler::reject(Error error) {
  buffer_.reset();
  return tl::unexpected(std::move(error));
}

std::string UpdateAssembler::subject() const {
  return "update of round " + to_string(header_.round);
}

}  // namespace skiptrain::wire
