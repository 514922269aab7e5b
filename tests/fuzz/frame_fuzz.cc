// Whatever bytes a peer sends, in whatever pieces: the frame decoder and the update assembler
// must neither crash, nor read out of bounds, nor let through an update that breaks a promise.
//
// The input is a list of messages, each cut into slices: a byte for the size of the slices, two for
// the message's length, then the message.
#include "tests/fuzz/frame_fuzz.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <vector>

#include "base/check.h"
#include "wire/checksum.h"
#include "wire/frame_decoder.h"
#include "wire/update_assembler.h"

namespace skiptrain::wire {
namespace {

// Each slice is memory of its own, so that a sanitizer sees a read past its end.
class CutMessage {
 public:
  CutMessage(std::span<const std::byte> message, std::size_t piece) {
    for (std::size_t at = 0; at < message.size(); at += piece) {
      const auto part = message.subspan(at, std::min(piece, message.size() - at));
      owned_.emplace_back(part.begin(), part.end());
    }
    for (const auto& part : owned_) slices_.emplace_back(part);
  }
  std::span<const Slice> slices() const { return slices_; }

 private:
  std::vector<std::vector<std::byte>> owned_;
  std::vector<Slice> slices_;
};

void check_promises(const ModelUpdate& update) {
  SKIPTRAIN_CHECK(update.parameters->size() == kFuzzParameters, "an update has the run's size");
  SKIPTRAIN_CHECK(all_finite(update.parameters->values()), "an update is finite");
}

void check_promises(const FrameView& frame) {
  if (frame.edge) {
    SKIPTRAIN_CHECK(frame.edge->claim.from < Round(kMaxNamedRound), "a claim names a sane round");
    SKIPTRAIN_CHECK(!frame.update && !frame.chunk, "an edge frame carries nothing else");
  }
  if (!frame.directives) return;
  SKIPTRAIN_CHECK(!frame.update && !frame.chunk, "a directives frame carries nothing else");
  SKIPTRAIN_CHECK(frame.directives->size() <= kMaxDirectives, "directives are few");
  for (const core::Directive& directive : *frame.directives) {
    const auto* rate = std::get_if<core::LearningRate>(&directive.order);
    SKIPTRAIN_CHECK(rate == nullptr || (std::isfinite(rate->value) && rate->value > 0),
                    "a learning rate is finite and above 0");
    const auto* schedule = std::get_if<core::Schedule>(&directive.order);
    SKIPTRAIN_CHECK(schedule == nullptr || schedule->validate(), "a schedule is valid");
  }
}

void run(std::span<const std::byte> input) {
  ParametersPool pool(kFuzzParameters, 1);
  FrameDecoder decoder;
  std::deque<UpdateAssembler> assemblers;  // of runs with each compression
  for (const char* compression : kFuzzCompressions) {
    assemblers.emplace_back(pool, parse_compression(compression).value());
  }
  while (input.size() >= kFuzzMessageHeaderBytes) {
    const std::size_t piece = std::to_integer<std::size_t>(input[0]) + 1;
    const std::size_t declared =
        std::to_integer<std::size_t>(input[1]) | std::to_integer<std::size_t>(input[2]) << 8;
    input = input.subspan(kFuzzMessageHeaderBytes);
    const std::size_t size = std::min(declared, input.size());
    const CutMessage message(input.first(size), piece);
    input = input.subspan(size);
    (void)decode_state_request(message.slices());
    (void)decode_gossip(message.slices());
    const auto frame = decoder.decode(message.slices());
    if (!frame) continue;
    check_promises(*frame);
    for (UpdateAssembler& assembler : assemblers) {
      const auto assembled = assembler.accept(*frame);
      if (assembled && *assembled) check_promises(**assembled);
    }
  }
}

}  // namespace
}  // namespace skiptrain::wire

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  skiptrain::wire::run(std::as_bytes(std::span(data, size)));
  return 0;
}
