#!/bin/sh
# usage: tests/tidy/run_clang_tidy.sh BUILD_DIR
# Runs clang-tidy with the repository's .clang-tidy over lib, daemon and ctl, using the compile
# commands of a configured and built BUILD_DIR (generated headers must exist).
set -eu

if [ $# -ne 1 ] || [ ! -f "$1/compile_commands.json" ]; then
  echo "usage: $0 BUILD_DIR: must hold compile_commands.json; try: cmake --preset dev" >&2
  exit 2
fi
build=$(cd "$1" && pwd)
cd "$(dirname "$0")/../.."

if ! command -v clang-tidy >/dev/null; then
  echo "$0: clang-tidy is not installed: apt-get install clang-tidy" >&2
  exit 77
fi

# Only files that this build compiles: a preset may leave rooms out. Without those that include
# LibTorch: Debian 12's clang 14 cannot parse LibTorch 1.13 as C++20, nor g++'s precompiled header.
git ls-files 'lib/*.cc' 'daemon/*.cc' 'ctl/*.cc' | xargs grep -L '^#include <torch/' |
  while read -r file; do
  if grep -qF "\"file\": \"$PWD/$file\"" "$build/compile_commands.json"; then echo "$file"; fi
done | xargs -P "$(nproc)" -n 1 clang-tidy -p "$build" --quiet
