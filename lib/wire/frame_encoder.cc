#include "wire/frame_encoder.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "wire/checksum.h"
#include "wire/convert.h"
#include "wire/tags.h"

namespace skiptrain::wire {
namespace {

// Appends protobuf's base-128 integers and given bytes to a short buffer.
class PrefixWriter {
 public:
  void byte(std::uint8_t value) {
    SKIPTRAIN_CHECK(size_ < bytes_.size(), "a frame's prefix has a fixed largest size");
    bytes_[size_++] = std::byte{value};
  }
  void varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) byte(static_cast<std::uint8_t>(value | 0x80));
    byte(static_cast<std::uint8_t>(value));
  }
  void raw(const std::string& text) {
    for (const char c : text) byte(static_cast<std::uint8_t>(c));
  }
  std::span<const std::byte> bytes() const { return {bytes_.data(), size_}; }

 private:
  std::array<std::byte, EncodedFrame::kMaxPrefixBytes> bytes_;
  std::size_t size_ = 0;
};

std::size_t varint_size(std::uint64_t value) {
  std::size_t size = 1;
  for (; value >= 0x80; value >>= 7) ++size;
  return size;
}

// Everything of `chunk { offset, data }` but the data.
void write_chunk_prefix(PrefixWriter& out, std::uint64_t offset, std::uint64_t size) {
  const std::size_t offset_field = offset == 0 ? 0 : 1 + varint_size(offset);
  out.byte(kFrameChunkTag);
  out.varint(offset_field + 1 + varint_size(size) + size);
  if (offset != 0) {
    out.byte(kChunkOffsetTag);
    out.varint(offset);
  }
  out.byte(kChunkDataTag);
  out.varint(size);
}

}  // namespace

EncodedFrame::EncodedFrame(std::span<const std::byte> prefix, std::span<const std::byte> payload)
    : prefix_size_(prefix.size()), payload_(payload) {
  SKIPTRAIN_CHECK(prefix.size() <= kMaxPrefixBytes, "a frame's prefix has a fixed largest size");
  std::memcpy(prefix_.data(), prefix.data(), prefix.size());
}

std::size_t EncodedUpdate::size() const {
  std::size_t total = 0;
  for (const EncodedFrame& frame : frames) total += frame.size();
  return total;
}

namespace {

EncodedUpdate encode(const UpdateHeader& header, std::span<const std::byte> payload,
                     std::shared_ptr<const void> owner, std::size_t chunk_bytes) {
  SKIPTRAIN_CHECK(chunk_bytes > 0, "a chunk holds at least one byte");
  v1::UpdateHeader proto;
  to_proto(header, proto);
  const std::string header_bytes = proto.SerializeAsString();

  EncodedUpdate encoded{std::move(owner), {}};
  encoded.frames.reserve(payload.size() / chunk_bytes + 1);
  std::size_t offset = 0;
  do {
    const std::size_t size = std::min(chunk_bytes, payload.size() - offset);
    PrefixWriter prefix;
    if (offset == 0) {
      prefix.byte(kFrameUpdateTag);
      prefix.varint(header_bytes.size());
      prefix.raw(header_bytes);
    }
    if (size > 0) write_chunk_prefix(prefix, offset, size);
    encoded.frames.emplace_back(prefix.bytes(), payload.subspan(offset, size));
    offset += size;
  } while (offset < payload.size());
  return encoded;
}

UpdateHeader plain_header(const ModelUpdate& update) {
  SKIPTRAIN_CHECK(update.parameters != nullptr, "an update has parameters");
  return {.round = update.round,
          .degree = update.degree,
          .parameter_count = update.parameters->size(),
          .dtype = kDtypeFloat32};
}

}  // namespace

EncodedUpdate encode_update(const ModelUpdate& update, std::size_t chunk_bytes) {
  UpdateHeader header = plain_header(update);
  header.checksum = checksum(update.parameters->bytes());
  return encode(header, update.parameters->bytes(), update.parameters, chunk_bytes);
}

EncodedForms encode_published(const PublishedUpdate& published, std::size_t chunk_bytes) {
  const ModelUpdate& update = published.update;
  const bool has_payload = published.payload != nullptr;
  if (published.copy == 0 && !has_payload) return {encode_update(update, chunk_bytes), {}};
  UpdateHeader header = plain_header(update);
  header.copy = published.copy;
  if (published.copy == 0) {
    header.dtype = published.packing == Packing::kBfloat16 ? kDtypeBfloat16 : kDtypeFloat16;
    header.checksum = checksum(*published.payload);
    return {encode(header, *published.payload, published.payload, chunk_bytes), {}};
  }
  header.checksum = checksum(update.parameters->bytes());
  EncodedForms forms{encode(header, update.parameters->bytes(), update.parameters, chunk_bytes),
                     {}};
  if (!has_payload) return forms;
  header.difference =
      DifferenceHeader{published.packing, published.payload->size(), header.checksum};
  header.checksum = checksum(*published.payload);
  forms.difference = encode(header, *published.payload, published.payload, chunk_bytes);
  return forms;
}

std::string encode_frame(const Hello& hello) {
  v1::Frame frame;
  to_proto(hello, *frame.mutable_hello());
  return frame.SerializeAsString();
}

std::string encode_frame(const core::NodeState& state) {
  v1::Frame frame;
  to_proto(state, *frame.mutable_state());
  return frame.SerializeAsString();
}

std::string encode_frame(const Goodbye& goodbye) {
  v1::Frame frame;
  to_proto(goodbye, *frame.mutable_goodbye());
  return frame.SerializeAsString();
}

std::string encode_frame(const core::EdgeMessage& message) {
  v1::Frame frame;
  to_proto(message, *frame.mutable_edge());
  return frame.SerializeAsString();
}

std::string encode_frame(std::span<const core::Directive> directives) {
  SKIPTRAIN_CHECK(directives.size() <= kMaxDirectives, "a frame holds so many directives at most");
  v1::Frame frame;
  frame.mutable_directives();
  for (const core::Directive& directive : directives) {
    to_proto(directive, *frame.mutable_directives()->add_directives());
  }
  return frame.SerializeAsString();
}

std::string encode_gossip(std::string envelope) {
  v1::SealedGossip out;
  out.set_envelope(std::move(envelope));
  return out.SerializeAsString();
}

std::string encode_state_request(const StateRequest& request) {
  v1::StateRequest out;
  to_proto(request.hello, *out.mutable_hello());
  out.set_at_least_round(request.at_least.value());
  return out.SerializeAsString();
}

}  // namespace skiptrain::wire
