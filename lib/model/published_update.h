// An update as a node publishes it: what its neighbours mix with, and the bytes that tell them.
//
// Immutable and cheap to copy.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "model/compression.h"
#include "model/model_update.h"

namespace skiptrain {

using Payload = std::vector<std::byte>;
using PayloadPtr = std::shared_ptr<const Payload>;

struct PublishedUpdate {
  PublishedUpdate() = default;
  // As it is, in float32.
  PublishedUpdate(ModelUpdate whole) : update(std::move(whole)) {}
  PublishedUpdate(ModelUpdate of, Packing packed, PayloadPtr bytes, std::uint64_t number)
      : update(std::move(of)), packing(packed), payload(std::move(bytes)), copy(number) {}

  // Its parameters are the public copy: the same bits for the node and for all who receive it.
  ModelUpdate update;
  // What `payload` holds. kNone: there is none, and the parameters go as they are.
  Packing packing = Packing::kNone;
  PayloadPtr payload;
  // Numbers the node's public copies from 1 on; 0: nobody keeps any. A payload of int8 or top-k is
  // the difference from copy - 1; whoever lacks that is sent the parameters as they are.
  std::uint64_t copy = 0;

  bool has_difference() const { return copy != 0 && payload != nullptr; }
};

}  // namespace skiptrain
