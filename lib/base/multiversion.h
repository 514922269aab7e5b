// One binary runs on old and new processors: a function marked SKIPTRAIN_MULTIVERSION is compiled
// for several instruction sets and picked at load time. Sanitizers do not bear the early selection.
#pragma once

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
#define SKIPTRAIN_MULTIVERSION __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define SKIPTRAIN_MULTIVERSION
#endif
