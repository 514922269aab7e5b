// An update as gRPC messages, shared by all streams that send it.
//
// The slices of the messages refer to the memory of the parameters, or of what they were packed
// into, and own a reference to it, so that it stays alive, and its pool does not lend it again,
// until gRPC has let go of the last byte. gRPC may hold a slice beyond OnWriteDone.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <grpcpp/support/byte_buffer.h>

#include "base/units.h"
#include "wire/frame_encoder.h"

namespace skiptrain::transport {

// Immutable. Copying a ByteBuffer copies references.
struct OutgoingUpdate {
  std::vector<grpc::ByteBuffer> messages;  // whole
  // The difference to the public copy before, where there is one; see model/published_update.h.
  std::vector<grpc::ByteBuffer> difference;
  std::uint64_t copy = 0;
  Bytes plain_bytes = 0;  // what it takes in float32
};
using OutgoingUpdatePtr = std::shared_ptr<const OutgoingUpdate>;

OutgoingUpdatePtr make_outgoing(const wire::EncodedUpdate& whole);
OutgoingUpdatePtr make_outgoing(const PublishedUpdate& update, std::size_t chunk_bytes);

// A message of its own memory, for small frames.
grpc::ByteBuffer make_message(const std::string& bytes);

}  // namespace skiptrain::transport
