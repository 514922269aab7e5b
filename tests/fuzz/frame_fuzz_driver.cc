// Feeds frame_fuzz with random mutations of valid streams, a bounded number of times, where no
// libFuzzer is at hand. The seed of each input is printed when it crashes, and can be given again.
//
//   frame_fuzz_driver [COUNT [SEED]]
//
// With clang, frame_fuzz.cc alone and -fsanitize=fuzzer make a proper fuzzer.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "base/rng.h"
#include "tests/fuzz/frame_fuzz.h"
#include "wire/frame_decoder.h"
#include "wire/frame_encoder.h"
#include "wire/update_assembler.h"

namespace skiptrain::wire {
namespace {

using Input = std::vector<std::uint8_t>;

std::uint64_t current_seed = 0;

// Not async-signal-safe in the letter; the process is lost anyway.
void say_seed(int signal) {
  std::fprintf(stderr, "crashed on: frame_fuzz_driver 1 %llu\n",
               static_cast<unsigned long long>(current_seed));
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

void append_message(Input& input, Rng& rng, const std::string& bytes) {
  input.push_back(static_cast<std::uint8_t>(rng.below(256)));
  input.push_back(static_cast<std::uint8_t>(bytes.size()));
  input.push_back(static_cast<std::uint8_t>(bytes.size() >> 8));
  input.insert(input.end(), bytes.begin(), bytes.end());
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
Input make_stream(Rng& rng) {
  std::vector<float> values(kFuzzParameters);
  for (float& value : values) value = static_cast<float>(rng.normal());
  const std::size_t chunk_bytes = 1 + rng.below(300);
  const auto encoded = encode_update({Round(rng.next()), 3, copy_parameters(values)}, chunk_bytes);
  Input input;
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

void mutate(Input& input, Rng& rng) {
  for (std::uint64_t edits = rng.below(6); edits > 0 && !input.empty(); --edits) {
    const std::size_t at = rng.below(input.size());
    const auto place = input.begin() + static_cast<std::ptrdiff_t>(at);
    switch (rng.below(6)) {
      case 0:
        *place ^= static_cast<std::uint8_t>(1u << rng.below(8));
        break;
      case 1:
        *place = static_cast<std::uint8_t>(rng.next());
        break;
      case 2:
        input.insert(place, static_cast<std::uint8_t>(rng.next()));
        break;
      case 3:
        input.erase(place);
        break;
      case 4:
        input.resize(at);
        break;
      case 5: {  // a piece of itself, elsewhere
        const std::size_t size = rng.below(std::min<std::size_t>(input.size() - at, 64) + 1);
        const Input piece(place, place + static_cast<std::ptrdiff_t>(size));
        const auto target = static_cast<std::ptrdiff_t>(rng.below(input.size() + 1));
        input.insert(input.begin() + target, piece.begin(), piece.end());
        break;
      }
    }
  }
}

// The seeds are worth mutating only if, unspoilt, they give an update.
bool gives_an_update(const Input& input) {
  ParametersPool pool(kFuzzParameters, 1);
  FrameDecoder decoder;
  UpdateAssembler assembler(pool);
  for (std::size_t at = 0; at + kFuzzMessageHeaderBytes <= input.size();) {
    const std::size_t size = input[at + 1] | static_cast<std::size_t>(input[at + 2]) << 8;
    const Slice slice = std::as_bytes(std::span(input)).subspan(at + kFuzzMessageHeaderBytes, size);
    at += kFuzzMessageHeaderBytes + size;
    const auto frame = decoder.decode(std::span(&slice, 1));
    if (!frame) continue;
    const auto assembled = assembler.accept(*frame);
    if (assembled && *assembled) return true;
  }
  return false;
}

int drive(std::uint64_t count, std::uint64_t first_seed) {
  for (const int signal : {SIGSEGV, SIGABRT, SIGBUS, SIGFPE}) std::signal(signal, say_seed);
  for (std::uint64_t i = 0; i < count; ++i) {
    current_seed = first_seed + i;
    Rng rng(current_seed);
    Input input = make_stream(rng);
    if (!gives_an_update(input)) {
      std::fprintf(stderr, "seed %llu: the valid stream gives no update\n",
                   static_cast<unsigned long long>(current_seed));
      return 1;
    }
    mutate(input, rng);
    LLVMFuzzerTestOneInput(input.data(), input.size());
  }
  std::printf("%llu inputs from seed %llu\n", static_cast<unsigned long long>(count),
              static_cast<unsigned long long>(first_seed));
  return 0;
}

}  // namespace
}  // namespace skiptrain::wire

int main(int argc, char** argv) {
  const std::uint64_t count = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 50'000;
  const std::uint64_t seed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1;
  return skiptrain::wire::drive(count, seed);
}
