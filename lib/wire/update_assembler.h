// Builds one update from the header and chunks of a stream, and lets nothing malformed through.
//
// The header is judged before anything is allocated: the number of parameters must be the run's,
// the dtype float32. Each chunk is then copied to its place in a buffer from the pool, and summed
// and searched for NaN and infinity block by block while it is in the processor's cache, so the
// payload is read from memory once. At most one update is in assembly per assembler.
//
// One assembler per stream, used by one thread at a time; the pool may be shared.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "base/error.h"
#include "model/model_update.h"
#include "model/parameters.h"
#include "wire/checksum.h"
#include "wire/frame_decoder.h"

namespace skiptrain::wire {

class UpdateAssembler {
 public:
  // `pool` lends buffers of the run's number of parameters, and outlives the assembler.
  explicit UpdateAssembler(ParametersPool& pool);

  // Takes the update header and/or chunk of a frame. An update if this completed one; nullopt if
  // more is to come. On an error (kCorrupt, kMismatch for another size or dtype,
  // kNumeric for NaN and infinity) the update in assembly is dropped and its buffer returned; the
  // message says what was found and what was expected.
  Result<std::optional<ModelUpdate>> accept(const FrameView& frame);

  bool in_progress() const { return buffer_ != nullptr; }

 private:
  Status begin(const UpdateHeader& header);
  Status append(const ChunkView& chunk);
  void copy_and_check(Slice bytes);
  Result<ModelUpdate> finish();
  Result<std::optional<ModelUpdate>> reject(Error error);
  std::string subject() const;

  ParametersPool& pool_;
  UpdateHeader header_;
  MutableParametersPtr buffer_;  // null: no update in assembly
  std::size_t filled_ = 0;       // bytes of it
  std::size_t searched_ = 0;     // whole elements searched for NaN and infinity
  bool finite_ = true;
  StreamingChecksum checksum_;
};

}  // namespace skiptrain::wire
