// How the process's allocator treats the large, short-lived tensors of a training step.
#pragma once

namespace skiptrain::learn {

// By default glibc maps each large tensor anew and hands it back to the kernel when it is freed;
// the page faults cost about a third of a GN-LeNet step. This keeps freed memory in the heap
// instead. The price: the process's resident size stays at the peak of a step, and blocks pinned by
// a later small allocation are not returned. Call once, first thing in main, before threads start.
// Does nothing with another libc or allocator.
void keep_freed_memory();

}  // namespace skiptrain::learn
