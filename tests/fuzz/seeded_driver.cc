#include "tests/fuzz/seeded_driver.h"

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace skiptrain::fuzz {
namespace {

constexpr std::uint64_t kDefaultCount = 50'000;
constexpr std::uint64_t kMaxPieceBytes = 64;

const char* program = "";
std::uint64_t current_seed = 0;

// Not async-signal-safe in the letter; the process is lost anyway.
void say_seed(int signal) {
  std::fprintf(stderr, "crashed on: %s 1 %llu\n", program,
               static_cast<unsigned long long>(current_seed));
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

}  // namespace

void mutate(std::string& bytes, Rng& rng) {
  for (std::uint64_t edits = rng.below(6); edits > 0 && !bytes.empty(); --edits) {
    const std::size_t at = rng.below(bytes.size());
    switch (rng.below(6)) {
      case 0:
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << rng.below(8)));
        break;
      case 1:
        bytes[at] = static_cast<char>(rng.next());
        break;
      case 2:
        bytes.insert(at, 1, static_cast<char>(rng.next()));
        break;
      case 3:
        bytes.erase(at, 1);
        break;
      case 4:
        bytes.resize(at);
        break;
      case 5: {
        const std::string piece = bytes.substr(at, rng.below(kMaxPieceBytes + 1));
        bytes.insert(rng.below(bytes.size() + 1), piece);
        break;
      }
    }
  }
}

int drive(int argc, char** argv, const std::function<std::string(Rng&)>& make) {
  const auto number = [&](int index, std::uint64_t otherwise) {
    return argc > index ? std::strtoull(argv[index], nullptr, 10) : otherwise;
  };
  const std::uint64_t count = number(1, kDefaultCount);
  const std::uint64_t first_seed = number(2, 1);
  program = argv[0];
  for (const int signal : {SIGSEGV, SIGABRT, SIGBUS, SIGFPE}) std::signal(signal, say_seed);
  for (std::uint64_t i = 0; i < count; ++i) {
    current_seed = first_seed + i;
    Rng rng(current_seed);
    const std::string bytes = make(rng);
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  }
  std::printf("%llu inputs from seed %llu\n", static_cast<unsigned long long>(count),
              static_cast<unsigned long long>(first_seed));
  return 0;
}

}  // namespace skiptrain::fuzz
