// Domain values to the bytes of a Frame.
//
// An update's payload is never copied: its frames are a few bytes of protobuf written by hand, and
// a span of the parameters themselves. Placed one after the other they are the bytes the generated
// class would write (Arrow Flight does the same), so any protobuf program reads them. The checksum
// is taken once per update, not per neighbour.
//
// Pure functions; the result of encode_update holds a reference to the parameters.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/directive.h"
#include "core/topology/edge_agreement.h"
#include "model/published_update.h"
#include "wire/limits.h"
#include "wire/messages.h"

namespace skiptrain::wire {

// One message: `prefix`, then `payload`.
class EncodedFrame {
 public:
  // Room for an update header and the tags and lengths around a chunk's data.
  static constexpr std::size_t kMaxPrefixBytes = 128;

  EncodedFrame(std::span<const std::byte> prefix, std::span<const std::byte> payload);

  std::span<const std::byte> prefix() const { return {prefix_.data(), prefix_size_}; }
  std::span<const std::byte> payload() const { return payload_; }
  std::size_t size() const { return prefix_size_ + payload_.size(); }

 private:
  std::array<std::byte, kMaxPrefixBytes> prefix_;
  std::size_t prefix_size_;
  std::span<const std::byte> payload_;
};

struct EncodedUpdate {
  std::shared_ptr<const void> owner;  // keeps the payload alive
  std::vector<EncodedFrame> frames;

  std::size_t size() const;  // of all frames, in bytes
};

// In float32: the header with the first chunk in one frame, then a frame per further chunk.
// `update.parameters` is not null; they need not be finite (the receiver checks). `chunk_bytes` of
// payload per frame: kMinChunkBytes to kMaxChunkBytes in a daemon; tests take less.
EncodedUpdate encode_update(const ModelUpdate& update,
                            std::size_t chunk_bytes = kDefaultChunkBytes);

// A published update, in each form in which it may have to be sent; chunks as above.
struct EncodedForms {
  EncodedUpdate whole;
  std::optional<EncodedUpdate> difference;  // for those who have the copy before it
};
EncodedForms encode_published(const PublishedUpdate& update,
                              std::size_t chunk_bytes = kDefaultChunkBytes);

std::string encode_frame(const Hello& hello);
std::string encode_frame(const core::NodeState& state);
std::string encode_frame(const Goodbye& goodbye);
// `message.peer` does not travel: it is the stream's other end.
std::string encode_frame(const core::EdgeMessage& message);
// At most kMaxDirectives of them.
std::string encode_frame(std::span<const core::Directive> directives);
// Not a Frame but the argument of FetchState.
std::string encode_state_request(const StateRequest& request);
// The argument and the answer of Gossip.
std::string encode_gossip(std::string envelope);

}  // namespace skiptrain::wire
