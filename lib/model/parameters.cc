#include "model/parameters.h"

#include <bit>
#include <cstring>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

#include "base/multiversion.h"

namespace skiptrain {

static_assert(std::endian::native == std::endian::little,
              "the wire and the files hold little-endian float32, and no copy swaps bytes");

// Idle blocks of memory, each for one Parameters with its reference count before it and its data
// behind it: whoever comes for the one finds the others in the next cache lines.
class PooledBlocks {
 public:
  PooledBlocks(std::size_t parameter_count, std::size_t keep)
      : parameter_count_(parameter_count), keep_(keep) {
    idle_.reserve(keep);
  }
  ~PooledBlocks() {
    for (std::byte* block : idle_) release(block);
  }
  PooledBlocks(const PooledBlocks&) = delete;
  PooledBlocks& operator=(const PooledBlocks&) = delete;

  std::size_t parameter_count() const { return parameter_count_; }

  // `head_bytes` for what stands before the data; the same in all calls.
  std::byte* take(std::size_t head_bytes) {
    {
      const std::lock_guard lock(mutex_);
      if (!idle_.empty()) {
        std::byte* block = idle_.back();
        idle_.pop_back();
        // Written to soon; of many small models, not all are in the cache.
        if (idle_.size() >= kSoonUsed) __builtin_prefetch(idle_[idle_.size() - kSoonUsed], 1);
        return block;
      }
    }
    // The data begin within an alignment's length of the head's end.
    const std::size_t bytes =
        head_bytes + Parameters::kAlignment + parameter_count_ * sizeof(float);
    return static_cast<std::byte*>(::operator new(bytes, std::align_val_t(Parameters::kAlignment)));
  }
  void give_back(std::byte* block) {
    {
      const std::lock_guard lock(mutex_);
      if (idle_.size() < keep_) {
        idle_.push_back(block);
        return;
      }
    }
    release(block);
  }

  void keep(std::size_t keep);

  // Makes the object at `place`, in a block, with its data behind it.
  void construct(Parameters* place) const {
    const auto end = reinterpret_cast<std::uintptr_t>(place + 1);
    const std::uintptr_t data =
        (end + Parameters::kAlignment - 1) / Parameters::kAlignment * Parameters::kAlignment;
    ::new (place) Parameters(parameter_count_, reinterpret_cast<float*>(data));
  }

 private:
  static void release(std::byte* block) {
    ::operator delete(block, std::align_val_t(Parameters::kAlignment));
  }

  static constexpr std::size_t kSoonUsed = 4;

  std::size_t parameter_count_;
  std::size_t keep_;
  std::mutex mutex_;
  std::vector<std::byte*> idle_;
};

void Parameters::Free::operator()(float* data) const {
  if (owned) ::operator delete[](data, std::align_val_t(kAlignment));
}

void PooledBlocks::keep(std::size_t keep) {
  std::vector<std::byte*> surplus;
  {
    const std::lock_guard lock(mutex_);
    keep_ = keep;
    idle_.reserve(keep);  // so that give_back(), called by a destructor, need not allocate
    while (idle_.size() > keep) {
      surplus.push_back(idle_.back());
      idle_.pop_back();
    }
  }
  for (std::byte* block : surplus) release(block);
}

Parameters::Parameters(std::size_t count)
    : count_(count),
      data_(static_cast<float*>(
          ::operator new[](count * sizeof(float), std::align_val_t(kAlignment)))) {}

namespace {

// What std::allocate_shared takes its one piece of memory from.
template <typename T>
struct BlockAllocator {
  using value_type = T;
  std::shared_ptr<PooledBlocks> blocks;

  explicit BlockAllocator(std::shared_ptr<PooledBlocks> pooled) : blocks(std::move(pooled)) {}
  template <typename U>
  explicit BlockAllocator(const BlockAllocator<U>& other) : blocks(other.blocks) {}

  T* allocate(std::size_t) { return reinterpret_cast<T*>(blocks->take(sizeof(T))); }
  void deallocate(T* place, std::size_t) { blocks->give_back(reinterpret_cast<std::byte*>(place)); }
  void construct(Parameters* place) { blocks->construct(place); }

  template <typename U>
  bool operator==(const BlockAllocator<U>& other) const {
    return blocks == other.blocks;
  }
};

}  // namespace

ParametersPool::ParametersPool(std::size_t parameter_count, std::size_t keep)
    : blocks_(std::make_shared<PooledBlocks>(parameter_count, keep)) {}

void ParametersPool::keep(std::size_t keep) {
  blocks_->keep(keep);
}

std::size_t ParametersPool::parameter_count() const {
  return blocks_->parameter_count();
}

MutableParametersPtr ParametersPool::acquire() {
  return std::allocate_shared<Parameters>(BlockAllocator<Parameters>(blocks_));
}

ParametersPtr copy_parameters(std::span<const float> values) {
  auto copy = std::make_shared<Parameters>(values.size());
  if (!values.empty()) std::memcpy(copy->values().data(), values.data(), values.size_bytes());
  return copy;
}

SKIPTRAIN_MULTIVERSION bool all_finite(std::span<const float> values) {
  // An exponent of all ones means NaN or infinity. OR-ing a flag instead of leaving early lets
  // the compiler vectorize the loop.
  constexpr std::uint32_t kExponent = 0x7f800000u;
  std::uint32_t bad = 0;
  for (const float value : values) {
    bad |=
        static_cast<std::uint32_t>((std::bit_cast<std::uint32_t>(value) & kExponent) == kExponent);
  }
  return bad == 0;
}

}  // namespace skiptrain
