#!/bin/bash
# Installs what is missing, builds SkipTrain and runs its tests. Safe to run again.
set -euo pipefail
# shellcheck source=deploy/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

usage() {
  cat <<'USAGE'
usage: deploy/test.sh [--quick | --all] [--preset NAME] [--no-install] [-- FLAGS OF ctest]

Installs the Debian packages that are missing, builds build/PRESET and runs every test in it.

  --quick        leave out the tests labelled integration or slow
  --all          then also the sanitizer presets (asan-ubsan, tsan) and clang-tidy; an hour or so
  --preset NAME  dev (default), release, asan-ubsan, tsan or core-only
  --no-install   do not look for packages
USAGE
}

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

failed=()
# check PRESET: builds it and runs its tests; ctest's own closing lines are the last that it prints.
check() {
  build "$1"
  show "testing build/$1" ctest --test-dir "build/$1" --output-on-failure --no-tests=error \
    -j "$(nproc)" ${extra[@]+"${extra[@]}"} || failed+=("tests of preset $1")
}

if [ "$install" = yes ]; then install_packages build run test; fi
check "$preset"
if [ "$all" = yes ]; then
  for other in asan-ubsan tsan; do
    if [ "$other" != "$preset" ]; then check "$other"; fi
  done
  if [ ! -f build/dev/build.ninja ]; then build dev; fi
  show "clang-tidy over lib, daemon and ctl" tests/tidy/run_clang_tidy.sh build/dev ||
    failed+=("clang-tidy")
fi

if [ ${#failed[@]} -gt 0 ]; then
  printf 'error: failed:' >&2
  printf ' %s;' "${failed[@]}" >&2
  printf '\n' >&2
  exit 1
fi
say "all passed"
