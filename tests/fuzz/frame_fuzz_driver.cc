// Feeds frame_fuzz with random mutations of valid streams.
//
//   frame_fuzz_driver [COUNT [SEED]]
//
// With clang, frame_fuzz.cc alone and -fsanitize=fuzzer make a proper fuzzer.
#include <iterator>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/rng.h"
#include "model/publisher.h"
#include "tests/fuzz/frame_fuzz.h"
#include "tests/fuzz/seeded_driver.h"
#include "wire/frame_decoder.h"
#include "wire/frame_encoder.h"
#include "wire/update_assembler.h"

namespace skiptrain::wire {
namespace {

void append_message(std::string& input, Rng& rng, const std::string& bytes) {
  input.push_back(static_cast<char>(rng.below(256)));
  input.push_back(static_cast<char>(bytes.size()));
  input.push_back(static_cast<char>(bytes.size() >> 8));
  input += bytes;
}

std::string whole(const EncodedFrame& frame) {
  std::string bytes(reinterpret_cast<const char*>(frame.prefix().data()), frame.prefix().size());
  return bytes.append(reinterpret_cast<const char*>(frame.payload().data()),
                      frame.payload().size());
}

core::EdgeMessage make_edge(Rng& rng) {
  return {NodeId(), {true, Round(rng.below(100))}, {rng.below(2) == 0, Round(rng.below(100))}};
}

std::vector<core::Directive> make_directives(Rng& rng) {
  std::vector<core::Directive> directives;
  const core::DirectiveStamp stamp{rng.below(1000), NodeId(rng.below(10))};
  if (rng.below(2) == 0) directives.push_back({stamp, Round(7), core::RunOrder::kPause});
  if (rng.below(2) == 0) directives.push_back({stamp, Round(8), core::LearningRate{0.05}});
  if (rng.below(2) == 0) {
    directives.push_back({stamp, Round(9), core::Schedule{core::Policy::kSkipTrain, 4, 4}});
  }
  return directives;
}

// The frames of an update; in a run that sends differences, of a whole one and some of these.
std::vector<std::string> make_updates(Rng& rng, const Compression& compression) {
  const std::size_t chunk_bytes = 1 + rng.below(300);
  Publisher publisher(compression, ParametersPool(kFuzzParameters, 2));
  std::vector<float> values(kFuzzParameters);
  Round round(rng.next() >> 1);
  std::vector<std::string> messages;
  for (std::uint64_t left = compression.keeps_copies() ? 1 + rng.below(4) : 1; left > 0; --left) {
    for (float& value : values) value += static_cast<float>(rng.normal());
    const auto forms =
        encode_published(publisher.publish({round, 3, copy_parameters(values)}), chunk_bytes);
    for (const EncodedFrame& frame : (forms.difference ? *forms.difference : forms.whole).frames) {
      messages.push_back(whole(frame));
    }
    round = round.next();
  }
  return messages;
}

// A valid stream: updates in a random cut, and now and then a control frame.
std::string make_stream(Rng& rng, const Compression& compression) {
  std::string input;
  Hello hello;
  hello.cluster_id = "fuzz";
  if (rng.below(4) == 0) append_message(input, rng, encode_frame(hello));
  if (rng.below(4) == 0) append_message(input, rng, encode_state_request({hello, Round(1)}));
  if (rng.below(4) == 0) append_message(input, rng, encode_gossip("sealed"));
  for (const std::string& message : make_updates(rng, compression)) {
    // Between an update's frames too: what a decoder takes, an assembler may refuse.
    if (rng.below(4) == 0) append_message(input, rng, encode_frame(make_edge(rng)));
    if (rng.below(4) == 0) append_message(input, rng, encode_frame(make_directives(rng)));
    append_message(input, rng, message);
    if (rng.below(8) == 0) append_message(input, rng, encode_frame(core::NodeState{}));
  }
  if (rng.below(4) == 0) {
    append_message(input, rng, encode_frame(Goodbye{GoodbyeReason::kLeaving, "bye"}));
  }
  return input;
}

// The seeds are worth mutating only if, unspoilt, they give updates.
bool gives_updates(const std::string& input, const Compression& compression) {
  ParametersPool pool(kFuzzParameters, 1);
  FrameDecoder decoder;
  UpdateAssembler assembler(pool, compression);
  std::size_t given = 0;
  for (std::size_t at = 0; at + kFuzzMessageHeaderBytes <= input.size();) {
    const std::size_t size = static_cast<std::uint8_t>(input[at + 1]) |
                             static_cast<std::size_t>(static_cast<std::uint8_t>(input[at + 2]))
                                 << 8;
    const Slice slice = std::as_bytes(std::span(input)).subspan(at + kFuzzMessageHeaderBytes, size);
    at += kFuzzMessageHeaderBytes + size;
    const auto frame = decoder.decode(std::span(&slice, 1));
    if (!frame) continue;
    if (!frame->update && !frame->chunk) continue;
    const auto assembled = assembler.accept(*frame);
    if (!assembled) return false;
    given += *assembled ? 1 : 0;
  }
  return given > 0 && !assembler.in_progress();
}

std::string make_input(Rng& rng) {
  const auto compression =
      parse_compression(kFuzzCompressions[rng.below(std::size(kFuzzCompressions))]).value();
  std::string input = make_stream(rng, compression);
  SKIPTRAIN_CHECK(gives_updates(input, compression), "the seed of a stream is valid");
  fuzz::mutate(input, rng);
  return input;
}

}  // namespace
}  // namespace skiptrain::wire

int main(int argc, char** argv) {
  return skiptrain::fuzz::drive(argc, argv, skiptrain::wire::make_input);
}
