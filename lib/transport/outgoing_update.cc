#include "transport/outgoing_update.h"

#include <array>

#include <grpcpp/support/slice.h>

namespace skiptrain::transport {
namespace {

// gRPC wants void*, and never writes through a slice that it sends.
grpc::Slice referring_slice(std::span<const std::byte> bytes, const ParametersPtr& owner) {
  auto* reference = new ParametersPtr(owner);
  return {const_cast<std::byte*>(bytes.data()), bytes.size(),
          [](void* held) { delete static_cast<ParametersPtr*>(held); }, reference};
}

}  // namespace

OutgoingUpdatePtr make_outgoing(const wire::EncodedUpdate& encoded) {
  auto outgoing = std::make_shared<OutgoingUpdate>();
  outgoing->messages.reserve(encoded.frames.size());
  for (const wire::EncodedFrame& frame : encoded.frames) {
    const auto prefix = frame.prefix();
    if (frame.payload().empty()) {
      const grpc::Slice only(prefix.data(), prefix.size());
      outgoing->messages.emplace_back(&only, 1);
      continue;
    }
    const std::array<grpc::Slice, 2> slices = {
        grpc::Slice(prefix.data(), prefix.size()),
        referring_slice(frame.payload(), encoded.update.parameters)};
    outgoing->messages.emplace_back(slices.data(), slices.size());
  }
  return outgoing;
}

grpc::ByteBuffer make_message(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  return {&slice, 1};
}

}  // namespace skiptrain::transport
