// How the process's allocator treats the large, short-lived tensors of a training step.
#pragma once

namespace skiptrain::learn {

// By default glibc maps each large tensor anew and hands it back to the kernel when it is freed;
// the page faults cost a fifth of a GN-LeNet step and a third of an evaluation. This keeps freed
// memory in one heap for all threads instead. The price: the process's resident size stays at its
// peak, and threads that allocate at the same time wait for each other (they keep small caches of
// their own). Call once, first thing in main, before threads start. Does nothing with another libc;
// another allocator ignores it.
void keep_freed_memory();

}  // namespace skiptrain::learn
