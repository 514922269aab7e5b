// How the process's allocator treats large blocks that live shortly: updates on their way, and the
// tensors of training without fast paths (those with have ops/step_memory.h).
#pragma once

#include <cstdint>

namespace skiptrain::learn {

// By default glibc maps each large tensor anew and hands it back to the kernel when it is freed;
// the page faults cost a fifth of a GN-LeNet step and a third of an evaluation. This keeps freed
// memory with the process instead. The price: up to 64 MiB at a heap's end that nobody uses.
//
// `workers`: how many threads compute at once. With one, all threads of the process share one heap
// (they keep small caches of their own). With more, each worker gets a heap, kept for the next
// thread when it ends; otherwise a worker would go on writing into memory that lies in another
// core's cache, which makes a step up to a quarter slower. Threads beyond their number share.
//
// Call once, first thing in main, before threads start. Does nothing with another libc; another
// allocator ignores it.
void keep_freed_memory(std::uint32_t workers = 1);

}  // namespace skiptrain::learn
