// Feeds frame_fuzz with random mutations of valid streams.
//
//   frame_fuzz_driver [COUNT [SEED]]
//
// With clang, frame_fuzz.cc alone and -fsanitize=fuzzer make a proper fuzzer.
#include <string>
#include <vector>

#include "base/check.h"
#include "base/rng.h"
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

// A valid stream: an update in a random cut, and now and then a control frame.
std::string make_stream(Rng& rng) {
  std::vector<float> values(kFuzzParameters);
  for (float& value : values) value = static_cast<float>(rng.normal());
  const std::size_t chunk_bytes = 1 + rng.below(300);
  const auto encoded = encode_update({Round(rng.next()), 3, copy_parameters(values)}, chunk_bytes);
  std::string input;
  Hello hello;
  hello.cluster_id = "fuzz";
  if (rng.below(4) == 0) append_message(input, rng, encode_frame(hello));
  if (rng.below(4) == 0) append_message(input, rng, encode_state_request({hello, Round(1)}));
  if (rng.below(4) == 0) append_message(input, rng, encode_gossip("sealed"));
  for (const EncodedFrame& frame : encoded.frames) {
    // Between an update's frames too: what a decoder takes, an assembler may refuse.
    if (rng.below(4) == 0) append_message(input, rng, encode_frame(make_edge(rng)));
    if (rng.below(4) == 0) append_message(input, rng, encode_frame(make_directives(rng)));
    append_message(input, rng, whole(frame));
    if (rng.below(8) == 0) append_message(input, rng, encode_frame(core::NodeState{}));
  }
  if (rng.below(4) == 0) {
    append_message(input, rng, encode_frame(Goodbye{GoodbyeReason::kLeaving, "bye"}));
  }
  return input;
}

// The seeds are worth mutating only if, unspoilt, they give an update.
bool gives_an_update(const std::string& input) {
  ParametersPool pool(kFuzzParameters, 1);
  FrameDecoder decoder;
  UpdateAssembler assembler(pool);
  for (std::size_t at = 0; at + kFuzzMessageHeaderBytes <= input.size();) {
    const std::size_t size = static_cast<std::uint8_t>(input[at + 1]) |
                             static_cast<std::size_t>(static_cast<std::uint8_t>(input[at + 2]))
                                 << 8;
    const Slice slice = std::as_bytes(std::span(input)).subspan(at + kFuzzMessageHeaderBytes, size);
    at += kFuzzMessageHeaderBytes + size;
    const auto frame = decoder.decode(std::span(&slice, 1));
    if (!frame) continue;
    const auto assembled = assembler.accept(*frame);
    if (assembled && *assembled) return true;
  }
  return false;
}

std::string make_input(Rng& rng) {
  std::string input = make_stream(rng);
  SKIPTRAIN_CHECK(gives_an_update(input), "the seed of a stream is valid");
  fuzz::mutate(input, rng);
  return input;
}

}  // namespace
}  // namespace skiptrain::wire

int main(int argc, char** argv) {
  return skiptrain::fuzz::drive(argc, argv, skiptrain::wire::make_input);
}
