// Flat float32 parameters of one model, and a pool that lends such buffers out.
//
// A buffer is written by one owner (`Parameters`, from a pool), then frozen into a
// `ParametersPtr` and shared without a copy: by the core, by d outgoing streams, by a mix. When
// the last reference goes, the memory returns to its pool, so that a node in steady state
// allocates nothing and touches no fresh page.
//
// Thread-safe: the pool and reference counts. A `Parameters` belongs to one thread until frozen.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace skiptrain {

class PooledBlocks;

// Cache-line aligned, contiguous, little-endian float32; fixed in size. Contents start undefined.
class Parameters {
 public:
  static constexpr std::size_t kAlignment = 64;

  explicit Parameters(std::size_t count);
  Parameters(const Parameters&) = delete;
  Parameters& operator=(const Parameters&) = delete;

  std::size_t size() const { return count_; }
  std::span<float> values() { return {data_.get(), count_}; }
  std::span<const float> values() const { return {data_.get(), count_}; }
  std::span<std::byte> bytes() { return std::as_writable_bytes(values()); }
  std::span<const std::byte> bytes() const { return std::as_bytes(values()); }

 private:
  friend class PooledBlocks;  // whose blocks hold this object and its data side by side
  Parameters(std::size_t count, float* data) : count_(count), data_(data, Free(false)) {}

  struct Free {
    Free() : owned(true) {}
    explicit Free(bool is_owned) : owned(is_owned) {}
    bool owned;
    void operator()(float* data) const;
  };
  std::size_t count_;
  std::unique_ptr<float[], Free> data_;
};

// Immutable from here on.
using ParametersPtr = std::shared_ptr<const Parameters>;
using MutableParametersPtr = std::shared_ptr<Parameters>;

// Lends buffers of one size. Keeps at most `keep` idle ones; more are freed. Buffers may outlive
// the pool.
class ParametersPool {
 public:
  ParametersPool(std::size_t parameter_count, std::size_t keep);

  std::size_t parameter_count() const;
  // How many idle buffers are kept from now on.
  void keep(std::size_t keep);
  // Contents undefined. Never null; throws std::bad_alloc as `new` does.
  MutableParametersPtr acquire();

 private:
  std::shared_ptr<PooledBlocks> blocks_;
};

// A copy in a buffer of its own, outside any pool.
ParametersPtr copy_parameters(std::span<const float> values);

// True if no element is NaN or infinite.
bool all_finite(std::span<const float> values);

}  // namespace skiptrain
