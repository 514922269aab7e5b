#include "sim/memory_estimate.h"

#include "core/node.h"
#include "sim/engine.h"

namespace skiptrain::sim {
namespace {

// A heap block's own header and rounding, and what a shared buffer carries beside its floats: its
// object, control block and deleter.
constexpr Bytes kBlockBytes = 16;
constexpr Bytes kBufferBytes = sizeof(Parameters) + 96 + 3 * kBlockBytes;
// Per neighbour: an entry of each table of the core, two directions, an entry of the agenda.
constexpr Bytes kNeighbourBytes = 512 + 2 * sizeof(Direction) + 2 * sizeof(Entry);
// Windows of learnt deadlines, mix inputs, effects, the trainer's handle and index list's header.
constexpr Bytes kNodeExtraBytes = 3072;
// Stack pages that are touched, and blocks of a mix.
constexpr Bytes kWorkerBytes = 1024 * 1024;

}  // namespace

MemoryEstimate estimate_memory(const SimulationSize& size) {
  // x(t), x(t+1/2) and x(t+1) while a train round's mixes are written.
  std::uint64_t buffers = 3;
  if (size.evaluates_every_round) ++buffers;
  if (size.takes_snapshots) ++buffers;
  if (size.compresses) buffers += 2;
  MemoryEstimate estimate;
  estimate.parameters =
      size.nodes * buffers * (size.parameter_count * sizeof(float) + kBufferBytes);
  estimate.nodes =
      size.nodes * (sizeof(VirtualNode) + kNodeExtraBytes + size.degree * kNeighbourBytes);
  estimate.workers = size.workers * kWorkerBytes;
  return estimate;
}

}  // namespace skiptrain::sim
