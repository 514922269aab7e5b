#include "learn/ops/step_memory.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>
#include <vector>

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <torch/version.h>

namespace skiptrain::learn {
namespace {

constexpr std::size_t kPage = 4096;
// LibTorch's own; also the size of what stands before a block's data.
constexpr std::size_t kAlignment = 64;
// Far more than a step has tensors; keeps the search short if sizes never come again.
constexpr std::size_t kMaxBlocks = 256;

std::atomic<std::size_t> kept{0};
thread_local bool active = false;

// Sizes in steps of an eighth of a power of two: minibatches of nearly one size share blocks.
std::size_t capacity_for(std::size_t bytes) {
  if (bytes < kPage) return (bytes + kAlignment - 1) / kAlignment * kAlignment;
  const std::size_t step = std::max(kPage, std::bit_floor(bytes) / 8);
  return (bytes + step - 1) / step * step;
}

// A block's data; its capacity stands before it.
std::size_t& capacity_of(void* data) {
  return *reinterpret_cast<std::size_t*>(static_cast<std::byte*>(data) - kAlignment);
}

void* make_block(std::size_t capacity) {
  void* const memory = std::aligned_alloc(kAlignment, kAlignment + capacity);
  if (memory == nullptr) throw std::bad_alloc();
  void* const data = static_cast<std::byte*>(memory) + kAlignment;
  capacity_of(data) = capacity;
  return data;
}
void free_block(void* data) {
  std::free(static_cast<std::byte*>(data) - kAlignment);
}

// Set when the thread's blocks are gone, while objects that outlive them may still drop tensors.
thread_local bool ended = false;

// What this thread has dropped, the newest last.
class Kept {
 public:
  ~Kept() {
    while (!blocks_.empty()) drop_oldest();
    ended = true;
  }

  void* take(std::size_t capacity) {
    for (std::size_t i = blocks_.size(); i-- > 0;) {
      void* const data = blocks_[i];
      if (capacity_of(data) != capacity) continue;
      blocks_.erase(blocks_.begin() + static_cast<std::ptrdiff_t>(i));
      kept -= capacity;
      return data;
    }
    return nullptr;
  }

  void give(void* data) {
    blocks_.push_back(data);
    kept += capacity_of(data);
    while (!blocks_.empty() && (kept > kMaxKeptBytes || blocks_.size() > kMaxBlocks)) drop_oldest();
  }

 private:
  void drop_oldest() {
    void* const data = blocks_.front();
    blocks_.erase(blocks_.begin());
    kept -= capacity_of(data);
    free_block(data);
  }

  std::vector<void*> blocks_;
};

Kept& kept_by_thread() {
  thread_local Kept blocks;
  return blocks;
}

bool is_kept(std::size_t capacity) {
  return active && !ended && capacity >= kPage;
}

void release(void* data) {
  if (data == nullptr) return;
  if (is_kept(capacity_of(data))) {
    kept_by_thread().give(data);
  } else {
    free_block(data);
  }
}

// All memory has one form, inside of a StepMemory and outside: who frees it cannot know where it
// comes from. oneDNN frees by the address alone.
class StepAllocator final : public c10::Allocator {
 public:
#if TORCH_VERSION_MAJOR == 1
  c10::DataPtr allocate(std::size_t bytes) const override {
#else
  c10::DataPtr allocate(std::size_t bytes) override {
#endif
    void* data = nullptr;
    if (bytes > 0) {
      const std::size_t capacity = capacity_for(bytes);
      if (is_kept(capacity)) data = kept_by_thread().take(capacity);
      if (data == nullptr) data = make_block(capacity);
    }
    return {data, data, &release, c10::Device(c10::DeviceType::CPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override {
    return &release;
  }

#if TORCH_VERSION_MAJOR > 1
  void copy_data(void* to, const void* from, std::size_t bytes) const override {
    std::memcpy(to, from, bytes);
  }
#endif
};

// Stays for the rest of the process: tensors know how to free themselves.
void install() {
  static std::once_flag once;
  std::call_once(once, [] {
    static StepAllocator allocator;
    c10::SetCPUAllocator(&allocator);
  });
}

}  // namespace

StepMemory::StepMemory(bool on) : before_(active) {
  if (on) install();
  active = on;
}

StepMemory::~StepMemory() {
  active = before_;
}

std::size_t StepMemory::kept_bytes() {
  return kept;
}

}  // namespace skiptrain::learn
