// The bytes of a Frame, as the network cut them, to domain values.
//
// A frame arrives as slices that may end anywhere, also inside an integer. The framing that
// encode_update writes (a header and/or one chunk, fields in order) is read where it lies, and the
// chunk's data stay where they are: the result points into the slices. Any other valid encoding of
// a Frame is gathered and handed to protobuf, so a peer may be written in any language.
//
// One decoder per stream, used by one thread at a time. Checks sizes and fields of single frames;
// what a sequence of frames must look like is UpdateAssembler's business.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "core/directive.h"
#include "core/topology/edge_agreement.h"
#include "wire/messages.h"

namespace skiptrain::wire {

using Slice = std::span<const std::byte>;

// A piece of an update's payload, in slices, not copied.
struct ChunkView {
  std::uint64_t offset = 0;  // in bytes from the payload's start
  std::size_t size = 0;      // in bytes, the sum of the slices' sizes
  std::span<const Slice> data;
};

// One of hello, state, goodbye, edge and directives; or an update header, a chunk, or both.
struct FrameView {
  std::optional<Hello> hello;
  std::optional<core::NodeState> state;
  std::optional<Goodbye> goodbye;
  std::optional<core::EdgeMessage> edge;  // its peer is the stream's, and not set here
  std::optional<std::vector<core::Directive>> directives;
  std::optional<UpdateHeader> update;
  std::optional<ChunkView> chunk;
};

class FrameDecoder {
 public:
  FrameDecoder();
  ~FrameDecoder();
  FrameDecoder(const FrameDecoder&) = delete;
  FrameDecoder& operator=(const FrameDecoder&) = delete;

  // The view's chunk is valid until the slices' memory goes or `decode` is called again. Fails with
  // kResourceExhausted for what is above a named limit, else with kCorrupt.
  Result<FrameView> decode(std::span<const Slice> slices);

 private:
  struct Gathered;  // a frame that protobuf had to read, with the memory of its chunk

  std::optional<Result<FrameView>> decode_canonical(std::span<const Slice> slices);
  Result<FrameView> decode_general(std::span<const Slice> slices, std::size_t size);

  std::vector<Slice> chunk_slices_;
  std::unique_ptr<Gathered> gathered_;
};

// The argument of FetchState, with the same limits.
Result<StateRequest> decode_state_request(std::span<const Slice> slices);
// The envelope in the argument or the answer of Gossip. kResourceExhausted above kMaxGossipBytes,
// kCorrupt for bytes that are no such message.
Result<std::string> decode_gossip(std::span<const Slice> slices);

}  // namespace skiptrain::wire
