#include "transport/outgoing_update.h"

#include <array>

#include <grpcpp/support/slice.h>

namespace skiptrain::transport {
namespace {

// gRPC wants void*, and never writes through a slice that it sends.
grpc::Slice referring_slice(std::span<const std::byte> bytes,
                            const std::shared_ptr<const void>& owner) {
  auto* reference = new std::shared_ptr<const void>(owner);
  return {const_cast<std::byte*>(bytes.data()), bytes.size(),
          [](void* held) { delete static_cast<std::shared_ptr<const void>*>(held); }, reference};
}

std::vector<grpc::ByteBuffer> messages_of(const wire::EncodedUpdate& encoded) {
  std::vector<grpc::ByteBuffer> messages;
  messages.reserve(encoded.frames.size());
  for (const wire::EncodedFrame& frame : encoded.frames) {
    const auto prefix = frame.prefix();
    if (frame.payload().empty()) {
      const grpc::Slice only(prefix.data(), prefix.size());
      messages.emplace_back(&only, 1);
      continue;
    }
    const std::array<grpc::Slice, 2> slices = {grpc::Slice(prefix.data(), prefix.size()),
                                               referring_slice(frame.payload(), encoded.owner)};
    messages.emplace_back(slices.data(), slices.size());
  }
  return messages;
}

}  // namespace

OutgoingUpdatePtr make_outgoing(const wire::EncodedUpdate& whole) {
  auto outgoing = std::make_shared<OutgoingUpdate>();
  outgoing->messages = messages_of(whole);
  outgoing->plain_bytes = whole.size();
  return outgoing;
}

OutgoingUpdatePtr make_outgoing(const PublishedUpdate& update, std::size_t chunk_bytes) {
  const wire::EncodedForms forms = wire::encode_published(update, chunk_bytes);
  auto outgoing = std::make_shared<OutgoingUpdate>();
  outgoing->messages = messages_of(forms.whole);
  if (forms.difference) outgoing->difference = messages_of(*forms.difference);
  outgoing->copy = update.copy;
  const bool is_whole_packed = update.copy == 0 && update.payload != nullptr;
  outgoing->plain_bytes =
      is_whole_packed ? update.update.parameters->bytes().size() : forms.whole.size();
  return outgoing;
}

grpc::ByteBuffer make_message(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  return {&slice, 1};
}

}  // namespace skiptrain::transport
