#!/bin/bash
# Installs what is missing, builds SkipTrain and runs its tests. Safe to run again.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

usage() {
  cat <<'USAGE'
usage: deploy/test.sh [--quick | --all] [--preset NAME] [--no-install] [-- FLAGS OF ctest]

Installs the Debian packages that are missing, builds build/PRESET and runs every test in it.

  --quick        leave out the tests labelled integration or slow
  --all          also clang-tidy and the sanitizer presets (asan-ubsan, tsan); an hour or so
  --preset NAME  dev (default), release, asan-ubsan, tsan, core-only or
                 learn-only
  --no-install   do not look for packages
USAGE
}

arguments=("$@")
quick=no all=no preset=dev install=yes extra=()
while [ $# -gt 0 ]; do
  case $1 in
    --quick) quick=yes ;;
    --all) all=yes ;;
    --preset)
      [ $# -ge 2 ] || { usage >&2; exit 2; }
      preset=$2
      shift ;;
    --no-install) install=no ;;
    -h | --help) usage; exit 0 ;;
    --) shift; extra=("$@"); break ;;
    *) printf 'error: unknown argument: %s\n' "$1" >&2; usage >&2; exit 2 ;;
  esac
  shift
done
if [ "$quick" = yes ] && [ "$all" = yes ]; then die "--quick and --all exclude each other"; fi
if [ "$quick" = yes ]; then extra+=(-LE 'integration|slow'); fi

# LibTorch, gRPC and protobuf come from Debian without instrumentation: what the sanitizers would
# say about memory that crosses into them, or about locks inside them, is not about our code.
export ASAN_OPTIONS="detect_leaks=0:detect_container_overflow=0:detect_odr_violation=0${ASAN_OPTIONS:+:$ASAN_OPTIONS}"
export UBSAN_OPTIONS="print_stacktrace=1${UBSAN_OPTIONS:+:$UBSAN_OPTIONS}"
export TSAN_OPTIONS="ignore_noninstrumented_modules=1${TSAN_OPTIONS:+:$TSAN_OPTIONS}"

# g++ 12's ThreadSanitizer finds no place for its shadow memory under kernels that randomize addresses
# by more than 28 bits, so its programs run without that.
randomized_bits=$(cat /proc/sys/vm/mmap_rnd_bits 2>/dev/null || echo 0)
if [ "$preset" = tsan ] || [ "$all" = yes ]; then
  if [ "$randomized_bits" -gt 28 ] && [ -z "${SKIPTRAIN_FIXED_ADDRESSES:-}" ] &&
    setarch -R true 2>/dev/null; then
    SKIPTRAIN_FIXED_ADDRESSES=1 exec setarch -R "$REPOSITORY/deploy/test.sh" "${arguments[@]}"
  fi
fi

# check PRESET: builds it and runs its tests. tsan has no LibTorch, and hence no tests that need it.
check() {
  build "$1"
  show "testing build/$1" ctest --test-dir "build/$1" --output-on-failure --no-tests=error \
    -j "$(nproc)" ${extra[@]+"${extra[@]}"}
}

if [ "$install" = yes ]; then install_packages build run test; fi
# Nothing comes after ctest's own closing lines, and the exit code is its too.
if [ "$all" = no ]; then
  check "$preset"
  exit
fi

failed=()
# Its compile commands are those of dev, and the generated headers must be there.
build dev
show "clang-tidy over lib, daemon and ctl" tests/tidy/run_clang_tidy.sh build/dev ||
  failed+=("clang-tidy")
presets=("$preset")
for other in asan-ubsan tsan; do
  if [ "$other" != "$preset" ]; then presets+=("$other"); fi
done
for each in "${presets[@]}"; do check "$each" || failed+=("tests of preset $each"); done

if [ ${#failed[@]} -gt 0 ]; then
  printf 'error: failed:' >&2
  printf ' %s;' "${failed[@]}" >&2
  printf '\n' >&2
  exit 1
fi
