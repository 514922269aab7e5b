#include "wire/update_assembler.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <utility>

#include "model/difference_coding.h"
#include "model/half_floats.h"

namespace skiptrain::wire {
namespace {

// Half of a 32 KiB first-level cache: a block just copied is still there when it is summed.
constexpr std::size_t kBlockBytes = std::size_t{16} << 10;

std::string hex(std::uint64_t value) {
  char text[2 + 16 + 1];
  std::snprintf(text, sizeof text, "0x%016llx", static_cast<unsigned long long>(value));
  return text;
}

struct Dtype {
  std::uint32_t number;
  const char* name;
};

// Of a payload that is no difference.
Dtype dtype_of(const Compression& compression) {
  switch (compression.packing) {
    case Packing::kBfloat16:
      return {kDtypeBfloat16, "bfloat16"};
    case Packing::kFloat16:
      return {kDtypeFloat16, "float16"};
    case Packing::kNone:
    case Packing::kInt8:
    case Packing::kTopK:
      break;
  }
  return {kDtypeFloat32, "float32"};
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

UpdateAssembler::UpdateAssembler(ParametersPool& pool, Compression compression)
    : pool_(pool), compression_(compression) {}

Result<std::optional<ModelUpdate>> UpdateAssembler::accept(const FrameView& frame) {
  if (frame.update) {
    if (const Status ok = begin(*frame.update); !ok) return reject(ok.error());
  }
  if (frame.chunk) {
    if (const Status ok = append(*frame.chunk); !ok) return reject(ok.error());
  }
  if (!buffer_ || filled_ < payload_bytes()) return std::optional<ModelUpdate>();
  auto complete = finish();
  if (!complete) return reject(complete.error());
  return std::optional<ModelUpdate>(*std::move(complete));
}

// ---- The header --------------------------------------------------------------------------------

Status UpdateAssembler::begin(const UpdateHeader& header) {
  if (buffer_) {
    return fail(ErrorCode::kCorrupt, "an update of round " + to_string(header.round) +
                                         " begins after " + std::to_string(filled_) + " of " +
                                         std::to_string(payload_bytes()) +
                                         " bytes of the one of round " + to_string(header_.round));
  }
  header_ = header;
  if (const Status ok = check_form(header); !ok) return ok;
  buffer_ = pool_.acquire();
  packed_ = header.difference || header.dtype != kDtypeFloat32;
  if (packed_) payload_.resize(payload_bytes());
  filled_ = 0;
  searched_ = 0;
  finite_ = true;
  checksum_.reset();
  return {};
}

Status UpdateAssembler::check_form(const UpdateHeader& header) const {
  const auto [dtype, name] = dtype_of(compression_);
  if (header.dtype != dtype) {
    return fail(ErrorCode::kMismatch, subject() + ": dtype " + std::to_string(header.dtype) +
                                          ", expected " + std::to_string(dtype) + " (" + name +
                                          ")");
  }
  if (header.parameter_count != pool_.parameter_count()) {
    return fail(ErrorCode::kMismatch, subject() + ": " + std::to_string(header.parameter_count) +
                                          " parameters declared, expected " +
                                          std::to_string(pool_.parameter_count()));
  }
  if ((header.copy != 0) != compression_.keeps_copies()) {
    return fail(ErrorCode::kMismatch, subject() + ": copy " + std::to_string(header.copy) +
                                          ", expected " +
                                          (compression_.keeps_copies() ? "1 or more" : "0") +
                                          " with compression " + to_string(compression_));
  }
  return header.difference ? check_difference(header) : Status();
}

Status UpdateAssembler::check_difference(const UpdateHeader& header) const {
  if (header.difference->coding != compression_.packing) {
    return fail(ErrorCode::kMismatch, subject() + ": a difference of another coding, expected " +
                                          to_string(compression_));
  }
  if (!copy_ || header.copy != copy_number_ + 1) {
    return fail(ErrorCode::kMismatch,
                subject() + ": a difference to copy " + std::to_string(header.copy - 1) +
                    ", but the newest here is " +
                    (copy_ ? std::to_string(copy_number_) : std::string("none")));
  }
  const std::size_t count = pool_.parameter_count();
  const bool is_int8 = compression_.packing == Packing::kInt8;
  const std::size_t most = is_int8 ? int8_payload_bytes(count) : max_top_k_payload_bytes(count);
  const std::size_t least = is_int8 ? most : sizeof(std::uint32_t);
  const std::uint64_t declared = header.difference->payload_bytes;
  if (declared >= least && declared <= most) return {};
  return fail(ErrorCode::kMismatch, subject() + ": a difference of " + std::to_string(declared) +
                                        " bytes, expected " + std::to_string(least) + " to " +
                                        std::to_string(most));
}

std::size_t UpdateAssembler::payload_bytes() const {
  if (header_.difference) return header_.difference->payload_bytes;
  const bool is_half = header_.dtype != kDtypeFloat32;
  return pool_.parameter_count() * (is_half ? sizeof(std::uint16_t) : sizeof(float));
}

// ---- The payload -------------------------------------------------------------------------------

Status UpdateAssembler::append(const ChunkView& chunk) {
  if (!buffer_) {
    return fail(ErrorCode::kCorrupt, "a chunk at offset " + std::to_string(chunk.offset) +
                                         " without an update header before it");
  }
  const std::size_t total = payload_bytes();
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
  for (const Slice& slice : chunk.data) {
    if (packed_) {
      gather(slice);
    } else {
      copy_and_check(slice);
    }
  }
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

void UpdateAssembler::gather(Slice bytes) {
  if (bytes.empty()) return;
  std::memcpy(payload_.data() + filled_, bytes.data(), bytes.size());
  checksum_.add(bytes);
  filled_ += bytes.size();
}

Status UpdateAssembler::unpack() {
  const std::span<float> out = buffer_->values();
  if (header_.difference) {
    const Status moved = compression_.packing == Packing::kInt8
                             ? decode_int8_difference(payload_, copy_->values(), out)
                             : decode_top_k_difference(payload_, copy_->values(), out);
    if (!moved) return fail(moved.error().code, subject() + ": " + moved.error().message);
  } else {
    const std::span halves(reinterpret_cast<const std::uint16_t*>(payload_.data()), out.size());
    if (header_.dtype == kDtypeBfloat16) {
      from_bfloat16(halves, out);
    } else {
      from_float16(halves, out);
    }
  }
  finite_ = all_finite(out);
  return {};
}

Result<ModelUpdate> UpdateAssembler::finish() {
  const std::uint64_t found = checksum_.value();
  if (found != header_.checksum) {
    return fail(ErrorCode::kCorrupt, subject() + ": checksum " + hex(found) + ", its header says " +
                                         hex(header_.checksum));
  }
  if (packed_) {
    if (const Status unpacked = unpack(); !unpacked) return tl::unexpected(unpacked.error());
  }
  if (!finite_) {
    return fail(ErrorCode::kNumeric, subject() + ": " +
                                         first_not_finite(std::as_const(*buffer_).values()) +
                                         ", expected finite numbers");
  }
  if (header_.difference) {
    const std::uint64_t reached = checksum(buffer_->bytes());
    if (reached != header_.difference->copy_checksum) {
      return fail(ErrorCode::kCorrupt, subject() + ": copy " + std::to_string(header_.copy) +
                                           " has checksum " + hex(reached) +
                                           " here, its header says " +
                                           hex(header_.difference->copy_checksum));
    }
  }
  ModelUpdate update{header_.round, header_.degree, std::exchange(buffer_, nullptr)};
  if (header_.copy != 0) {
    copy_ = update.parameters;
    copy_number_ = header_.copy;
  }
  return update;
}

Result<std::optional<ModelUpdate>> UpdateAssembler::reject(Error error) {
  buffer_.reset();
  return tl::unexpected(std::move(error));
}

std::string UpdateAssembler::subject() const {
  return "update of round " + to_string(header_.round);
}

}  // namespace skiptrain::wire
