# shellcheck shell=bash
# Shared by quickstart.sh and test.sh; sourced, not run. Expects `set -euo pipefail`.
#
# Says what it does in one line per step, keeps the noise of apt, cmake and ninja to itself unless a
# step fails, and ends what it started when it is interrupted.

REPOSITORY=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly REPOSITORY
readonly MEMORY_PER_JOB_KB=$((1500 * 1024))  # a translation unit that includes LibTorch

CHILD=""  # the step in progress

say() { printf '==> %s\n' "$*"; }

# die MESSAGE...: the last word, then exit 1.
die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

on_interrupt() {
  if [ -n "$CHILD" ]; then
    kill -TERM "$CHILD" 2>/dev/null || true
    wait "$CHILD" 2>/dev/null || true
  fi
  printf '\ninterrupted\n' >&2
  exit 130
}
trap on_interrupt INT TERM HUP

# step WORDS COMMAND...: runs the command with its output in a log; on failure shows the log's end
# and stops with WORDS. In the background, so that an interrupt is not kept waiting for it.
step() {
  local words=$1 log rc=0
  shift
  say "$words"
  log=$(mktemp)
  "$@" >"$log" 2>&1 &
  CHILD=$!
  wait "$CHILD" || rc=$?
  CHILD=""
  if [ "$rc" -ne 0 ]; then
    printf '%s\n' "--- the last lines of: $*" >&2
    tail -n 40 "$log" >&2
    rm -f "$log"
    die "failed: $words (exit code $rc)"
  fi
  rm -f "$log"
}

# show WORDS COMMAND...: like step, but the output is what the user wants to see. In the foreground,
# so that Ctrl-C reaches the command as it would without this script. Returns its exit code.
show() {
  say "$1"
  shift
  "$@"
}

packages_of() {
  local set
  for set in "$@"; do awk -v set="$set" '$1 == set { print $2 }' "$REPOSITORY/deploy/packages.txt"; done
}

missing_packages() {
  local name state
  for name in "$@"; do
    state=$(dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null || true)
    [ "$state" = installed ] || printf '%s\n' "$name"
  done
}

# as_root COMMAND...: directly if we are root, else by sudo, which may ask for a password.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  else
    sudo "$@"
  fi
}

# install_packages SET...: installs what is missing of deploy/packages.txt; needs neither root nor
# the network if nothing is.
install_packages() {
  local names missing count
  command -v dpkg-query >/dev/null ||
    die "this needs Debian 12 or later (dpkg-query was not found); on another system install what" \
      "deploy/packages.txt names, then run this with --no-install"
  mapfile -t names < <(packages_of "$@")
  mapfile -t missing < <(missing_packages "${names[@]}")
  count=${#missing[@]}
  if [ "$count" -eq 0 ]; then
    say "all ${#names[@]} packages are installed"
    return
  fi
  if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
    die "these packages are missing, and installing them needs root (there is no sudo): ${missing[*]}"
  fi
  say "$count packages are missing: ${missing[*]}"
  # In the foreground: sudo may ask, and dpkg must not be cut off halfway.
  local log
  log=$(mktemp)
  say "apt-get update"
  as_root apt-get -o DPkg::Lock::Timeout=120 update -q >"$log" 2>&1 || {
    tail -n 20 "$log" >&2
    die "apt-get update failed; is there a network, and is /etc/apt/sources.list right?"
  }
  say "apt-get install (LibTorch alone is about 100 MB to download)"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 install -y -q \
    --no-install-recommends "${missing[@]}" >"$log" 2>&1 || {
    tail -n 20 "$log" >&2
    die "apt-get install failed; Debian 12 and 13 have all of these packages, others may not"
  }
  rm -f "$log"
  # Only its programs are wanted; Debian starts it as a service of this machine, too.
  if [ -d /run/systemd/system ] && [[ " ${missing[*]} " == *" prometheus "* ]]; then
    as_root systemctl disable --quiet --now prometheus || true
  fi
}

# As many compilers at once as there are cores and memory for.
jobs_that_fit() {
  local cores by_memory
  cores=$(nproc)
  by_memory=$(awk -v per="$MEMORY_PER_JOB_KB" '/^MemAvailable:/ { print int($2 / per) }' /proc/meminfo)
  if [ "$by_memory" -lt 1 ]; then by_memory=1; fi
  if [ "$by_memory" -lt "$cores" ]; then echo "$by_memory"; else echo "$cores"; fi
}

# If there is a ccache, one clone's objects serve another: paths below the clone count as relative.
export CCACHE_BASEDIR=$REPOSITORY CCACHE_NOHASHDIR=1

# build PRESET TARGET...: configures and builds build/PRESET; all targets if none is named.
build() {
  local preset=$1
  shift
  cd "$REPOSITORY" || die "cannot enter $REPOSITORY"
  step "configuring build/$preset" cmake --preset "$preset"
  # ninja itself, not `cmake --build`: it ends its compilers when it is interrupted.
  step "building ${*:-everything} in build/$preset (minutes the first time)" \
    ninja -C "build/$preset" -j "$(jobs_that_fit)" "$@"
}
