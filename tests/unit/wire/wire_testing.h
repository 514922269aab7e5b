// What the tests of lib/wire share: small updates, and bytes cut in any way.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "model/model_update.h"
#include "skiptrain/v1/peer.pb.h"
#include "wire/frame_decoder.h"
#include "wire/frame_encoder.h"
#include "wire/update_assembler.h"

namespace skiptrain::wire::testing {

inline ModelUpdate make_update(std::uint64_t round, const std::vector<float>& values) {
  return {Round(round), 3, copy_parameters(values)};
}

inline std::vector<float> ramp(std::size_t count) {
  std::vector<float> values(count);
  for (std::size_t k = 0; k < count; ++k) values[k] = 0.5F * static_cast<float>(k) - 3.0F;
  return values;
}

// The message that a gRPC peer would see.
inline std::string message_bytes(const EncodedFrame& frame) {
  std::string bytes(reinterpret_cast<const char*>(frame.prefix().data()), frame.prefix().size());
  bytes.append(reinterpret_cast<const char*>(frame.payload().data()), frame.payload().size());
  return bytes;
}

inline std::vector<std::string> messages_of(const EncodedUpdate& update) {
  std::vector<std::string> messages;
  for (const EncodedFrame& frame : update.frames) messages.push_back(message_bytes(frame));
  return messages;
}

inline Slice slice_of(const std::string& bytes) {
  return std::as_bytes(std::span(bytes));
}

// `bytes` in pieces of at most `piece` bytes, the first of `first`; with an empty slice between.
inline std::vector<Slice> cut(const std::string& bytes, std::size_t first, std::size_t piece) {
  std::vector<Slice> slices;
  Slice rest = slice_of(bytes);
  for (std::size_t size = first; !rest.empty(); size = piece) {
    const std::size_t taken = std::min(size, rest.size());
    slices.push_back(rest.first(taken));
    slices.emplace_back();
    rest = rest.subspan(taken);
  }
  return slices;
}

// One stream's decoder and assembler.
class Receiver {
 public:
  explicit Receiver(std::size_t parameter_count) : pool_(parameter_count, 2), assembler_(pool_) {}

  Result<std::optional<ModelUpdate>> take(std::span<const Slice> slices) {
    auto frame = decoder_.decode(slices);
    if (!frame) return tl::unexpected(frame.error());
    return assembler_.accept(*frame);
  }
  Result<std::optional<ModelUpdate>> take(const std::string& message) {
    const Slice whole = slice_of(message);
    return take(std::span(&whole, 1));
  }
  Result<std::optional<ModelUpdate>> take(const v1::Frame& frame) {
    return take(frame.SerializeAsString());
  }
  bool in_progress() const { return assembler_.in_progress(); }

 private:
  ParametersPool pool_;
  FrameDecoder decoder_;
  UpdateAssembler assembler_;
};

}  // namespace skiptrain::wire::testing
