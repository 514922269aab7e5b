// Builds one update from the header and chunks of a stream, and lets nothing malformed through.
//
// The header is judged before anything is allocated: the number of parameters must be the run's,
// the form one of its compression. A chunk of float32 is then copied to its place in a buffer from
// the pool, and summed and searched for NaN and infinity block by block while it is in the
// processor's cache, so the payload is read from memory once. What is packed otherwise is gathered
// and unpacked when it is whole. At most one update is in assembly per assembler.
//
// In a run that sends differences the assembler keeps the sender's newest public copy, which is the
// last update that it gave, and takes a difference to that one alone: the sender knows what it has
// sent on a stream, so another one is an error like a wrong checksum. What the core makes of an
// update, and when, is nothing to the copy. It goes with the assembler, and that with its stream.
//
// One assembler per stream, used by one thread at a time; the pool may be shared.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "model/compression.h"
#include "model/model_update.h"
#include "model/parameters.h"
#include "wire/checksum.h"
#include "wire/frame_decoder.h"

namespace skiptrain::wire {

class UpdateAssembler {
 public:
  // `pool` lends buffers of the run's number of parameters, and outlives the assembler.
  explicit UpdateAssembler(ParametersPool& pool, Compression compression = {});

  // Takes the update header and/or chunk of a frame. An update if this completed one; nullopt if
  // more is to come. On an error (kCorrupt, kMismatch for another size, form or copy,
  // kNumeric for NaN and infinity) the update in assembly is dropped and its buffer returned; the
  // message says what was found and what was expected.
  Result<std::optional<ModelUpdate>> accept(const FrameView& frame);

  bool in_progress() const { return buffer_ != nullptr; }
  // The sender's newest public copy; null before the first, and where none are kept.
  const ParametersPtr& copy() const { return copy_; }

 private:
  Status begin(const UpdateHeader& header);
  Status check_form(const UpdateHeader& header) const;
  Status check_difference(const UpdateHeader& header) const;
  std::size_t payload_bytes() const;
  Status append(const ChunkView& chunk);
  void copy_and_check(Slice bytes);
  void gather(Slice bytes);
  Status unpack();
  Result<ModelUpdate> finish();
  Result<std::optional<ModelUpdate>> reject(Error error);
  std::string subject() const;

  ParametersPool& pool_;
  const Compression compression_;
  ParametersPtr copy_;
  std::uint64_t copy_number_ = 0;
  UpdateHeader header_;
  MutableParametersPtr buffer_;  // null: no update in assembly
  bool packed_ = false;          // the payload is not the buffer's own bytes, and gathered here:
  std::vector<std::byte> payload_;
  std::size_t filled_ = 0;    // bytes of the payload
  std::size_t searched_ = 0;  // whole elements searched for NaN and infinity
  bool finite_ = true;
  StreamingChecksum checksum_;
};

}  // namespace skiptrain::wire
