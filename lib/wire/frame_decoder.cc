#include "wire/frame_decoder.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>

#include <google/protobuf/stubs/logging.h>

#include "wire/convert.h"
#include "wire/tags.h"

namespace skiptrain::wire {
namespace {

// protobuf writes a line to standard error for each string that is not UTF-8, which a peer could
// make it do without end. What is wrong with a frame is in our own errors.
void silence_protobuf() {
#if GOOGLE_PROTOBUF_VERSION < 4022000  // later versions log through Abseil, and not this
  static const bool silent = [] {
    google::protobuf::SetLogHandler(nullptr);
    return true;
  }();
  (void)silent;
#endif
}

std::size_t total_size(std::span<const Slice> slices) {
  std::size_t size = 0;
  for (const Slice& slice : slices) size += slice.size();
  return size;
}

Status check_frame_size(std::size_t size) {
  if (size <= kMaxFrameBytes) return {};
  return fail(ErrorCode::kResourceExhausted, "a frame of " + std::to_string(size) +
                                                 " bytes, at most " +
                                                 std::to_string(kMaxFrameBytes) + " are allowed");
}

Status check_chunk_size(std::size_t size) {
  if (size <= kMaxChunkBytes) return {};
  return fail(ErrorCode::kResourceExhausted, "a chunk of " + std::to_string(size) +
                                                 " bytes, at most " +
                                                 std::to_string(kMaxChunkBytes) + " are allowed");
}

std::string gather(std::span<const Slice> slices, std::size_t size) {
  std::string bytes;
  bytes.reserve(size);
  for (const Slice& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.data()), slice.size());
  }
  return bytes;
}

// A place in a sequence of slices. Every read fails (nullopt, false) rather than pass the end.
class Cursor {
 public:
  explicit Cursor(std::span<const Slice> slices) : slices_(slices), left_(total_size(slices)) {}

  std::size_t left() const { return left_; }

  std::optional<std::uint8_t> byte() {
    while (!slices_.empty() && at_ == slices_.front().size()) next_slice();
    if (slices_.empty()) return std::nullopt;
    --left_;
    return static_cast<std::uint8_t>(slices_.front()[at_++]);
  }

  std::optional<std::uint64_t> varint() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const auto next = byte();
      if (!next) return std::nullopt;
      value |= std::uint64_t{*next & 0x7fu} << shift;
      if (*next < 0x80) return value;
    }
    return std::nullopt;
  }

  bool copy(std::span<std::byte> out) {
    if (out.size() > left_) return false;
    while (!out.empty()) {
      const Slice piece = take(out.size());
      std::memcpy(out.data(), piece.data(), piece.size());
      out = out.subspan(piece.size());
    }
    return true;
  }

  // The slices of all that is left.
  void rest(std::vector<Slice>& out) {
    out.clear();
    while (left_ > 0) out.push_back(take(left_));
  }

 private:
  void next_slice() {
    slices_ = slices_.subspan(1);
    at_ = 0;
  }
  // At most `limit` bytes that lie together; not empty while bytes are left.
  Slice take(std::size_t limit) {
    while (at_ == slices_.front().size()) next_slice();
    const Slice piece = slices_.front().subspan(at_, std::min(limit, slices_.front().size() - at_));
    at_ += piece.size();
    left_ -= piece.size();
    return piece;
  }

  std::span<const Slice> slices_;
  std::size_t at_ = 0;  // in the first of slices_
  std::size_t left_;
};

// The bytes of a chunk message up to its data, which must be all that is left.
std::optional<ChunkView> read_chunk_prefix(Cursor& cursor) {
  const auto message_size = cursor.varint();
  if (!message_size || *message_size != cursor.left()) return std::nullopt;
  ChunkView chunk;
  auto tag = cursor.byte();
  if (tag == kChunkOffsetTag) {
    const auto offset = cursor.varint();
    if (!offset) return std::nullopt;
    chunk.offset = *offset;
    tag = cursor.byte();
  }
  if (tag != kChunkDataTag) return std::nullopt;
  const auto data_size = cursor.varint();
  if (!data_size || *data_size != cursor.left()) return std::nullopt;
  chunk.size = cursor.left();
  return chunk;
}

}  // namespace

struct FrameDecoder::Gathered {
  v1::Frame frame;
  Slice chunk;
};

FrameDecoder::FrameDecoder() {
  silence_protobuf();
}
FrameDecoder::~FrameDecoder() = default;

Result<FrameView> FrameDecoder::decode(std::span<const Slice> slices) {
  gathered_.reset();
  const std::size_t size = total_size(slices);
  if (const Status ok = check_frame_size(size); !ok) return tl::unexpected(ok.error());
  if (auto view = decode_canonical(slices)) return *std::move(view);
  return decode_general(slices, size);
}

// nullopt: some other encoding, or none; decode_general knows.
std::optional<Result<FrameView>> FrameDecoder::decode_canonical(std::span<const Slice> slices) {
  Cursor cursor(slices);
  FrameView view;
  auto tag = cursor.byte();
  if (tag == kFrameUpdateTag) {
    std::array<std::byte, kMaxUpdateHeaderBytes> bytes;
    const auto size = cursor.varint();
    if (!size || *size > bytes.size() || !cursor.copy({bytes.data(), *size})) return std::nullopt;
    v1::UpdateHeader proto;
    if (!proto.ParseFromArray(bytes.data(), static_cast<int>(*size))) return std::nullopt;
    auto header = from_proto(proto);
    if (!header) return Result<FrameView>(tl::unexpected(header.error()));
    view.update = *std::move(header);
    if (cursor.left() == 0) return Result<FrameView>(std::move(view));
    tag = cursor.byte();
  }
  if (tag != kFrameChunkTag) return std::nullopt;
  view.chunk = read_chunk_prefix(cursor);
  if (!view.chunk) return std::nullopt;
  if (const Status ok = check_chunk_size(view.chunk->size); !ok) {
    return Result<FrameView>(tl::unexpected(ok.error()));
  }
  cursor.rest(chunk_slices_);
  view.chunk->data = chunk_slices_;
  return Result<FrameView>(std::move(view));
}

Result<FrameView> FrameDecoder::decode_general(std::span<const Slice> slices, std::size_t size) {
  gathered_ = std::make_unique<Gathered>();
  v1::Frame& frame = gathered_->frame;
  if (!frame.ParseFromString(gather(slices, size))) {
    return fail(ErrorCode::kCorrupt,
                std::to_string(size) + " bytes that are no skiptrain.v1.Frame");
  }
  const int parts = (frame.has_hello() ? 1 : 0) + (frame.has_state() ? 1 : 0) +
                    (frame.has_goodbye() ? 1 : 0) + (frame.has_edge() ? 1 : 0) +
                    (frame.has_directives() ? 1 : 0) +
                    (frame.has_update() || frame.has_chunk() ? 1 : 0);
  if (parts != 1) {
    return fail(ErrorCode::kCorrupt, "a frame with " + std::to_string(parts) +
                                         " of hello, state, goodbye, edge, directives and "
                                         "update, expected one");
  }
  FrameView view;
  if (frame.has_goodbye()) view.goodbye = from_proto(frame.goodbye());
  if (frame.has_hello()) {
    auto hello = from_proto(frame.hello());
    if (!hello) return tl::unexpected(hello.error());
    view.hello = *std::move(hello);
  }
  if (frame.has_state()) {
    auto state = from_proto(frame.state());
    if (!state) return tl::unexpected(state.error());
    view.state = *state;
  }
  if (frame.has_edge()) {
    auto edge = from_proto(frame.edge());
    if (!edge) return tl::unexpected(edge.error());
    view.edge = *edge;
  }
  if (frame.has_directives()) {
    auto directives = from_proto(frame.directives());
    if (!directives) return tl::unexpected(directives.error());
    view.directives = *std::move(directives);
  }
  if (frame.has_update()) {
    auto header = from_proto(frame.update());
    if (!header) return tl::unexpected(header.error());
    view.update = *std::move(header);
  }
  if (frame.has_chunk()) {
    const std::string& data = frame.chunk().data();
    if (const Status ok = check_chunk_size(data.size()); !ok) return tl::unexpected(ok.error());
    gathered_->chunk = std::as_bytes(std::span(data));
    view.chunk = ChunkView{frame.chunk().offset(), data.size(), {&gathered_->chunk, 1}};
  }
  return view;
}

Result<std::string> decode_gossip(std::span<const Slice> slices) {
  const std::size_t size = total_size(slices);
  if (size > kMaxGossipBytes + kGossipSlackBytes) {
    return fail(ErrorCode::kResourceExhausted,
                "a gossip message of " + std::to_string(size) + " bytes, at most " +
                    std::to_string(kMaxGossipBytes) + " are allowed");
  }
  v1::SealedGossip message;
  if (!message.ParseFromString(gather(slices, size))) {
    return fail(ErrorCode::kCorrupt,
                std::to_string(size) + " bytes that are no skiptrain.v1.SealedGossip");
  }
  return std::move(*message.mutable_envelope());
}

Result<StateRequest> decode_state_request(std::span<const Slice> slices) {
  const std::size_t size = total_size(slices);
  if (const Status ok = check_frame_size(size); !ok) return tl::unexpected(ok.error());
  v1::StateRequest request;
  if (!request.ParseFromString(gather(slices, size))) {
    return fail(ErrorCode::kCorrupt,
                std::to_string(size) + " bytes that are no skiptrain.v1.StateRequest");
  }
  auto hello = from_proto(request.hello());
  if (!hello) return tl::unexpected(hello.error());
  return StateRequest{*std::move(hello), Round(request.at_least_round())};
}

}  // namespace skiptrain::wire
