#!/bin/bash
# The packages in a Debian 12 of their own: installed, run, upgraded, removed, purged.
#
#   install_in_root.sh FOLDER [TARBALL]
#
# FOLDER has the two .deb; TARBALL, if it is given, keeps the bare Debian for the next time. As root,
# with debootstrap and a Debian mirror to install from; exits with 77 where it cannot run. It takes
# some minutes, most of them to download LibTorch. The daemon runs in a network namespace of its own,
# and everything lies in one temporary folder that goes at the end.
set -euo pipefail

readonly SUITE=bookworm SKIPPED=77
readonly CONFIG=etc/skiptrain/skiptraind.toml STATE=var/lib/skiptrain
DAEMON="" ROOT="" WORK=""

say() { printf '==> %s\n' "$*"; }
fail() {
  printf 'FAILED: %s\n' "$*" >&2
  if [ -s "$WORK/daemon.log" ]; then tail -n 20 "$WORK/daemon.log" >&2; fi
  exit 1
}
skip() {
  printf 'skipped: %s\n' "$*"
  exit "$SKIPPED"
}
quietly() { "$@" >"$WORK/log" 2>&1 || { tail -n 30 "$WORK/log" >&2; fail "$*"; }; }
inside() { chroot "$ROOT" "$@"; }

stop_daemon() {
  [ -n "$DAEMON" ] || return 0
  kill -TERM "$DAEMON" 2>/dev/null || true
  local status=0
  wait "$DAEMON" || status=$?
  DAEMON=""
  return "$status"
}
cleanup() {
  stop_daemon || true
  if [ -n "$ROOT" ] && mountpoint -q "$ROOT/proc"; then umount "$ROOT/proc"; fi
  # Never through a mount that is still there.
  if [ -n "$WORK" ]; then rm -rf --one-file-system "$WORK"; fi
}

# until_within SECONDS COMMAND...: waits until it succeeds.
until_within() {
  local limit=$((SECONDS + $1))
  shift
  until "$@"; do
    if [ "$SECONDS" -ge "$limit" ]; then return 1; fi
    sleep 0.2
  done
}

# What `skipctl status -o json` says of one key; fails if nobody answers.
status_of() {
  local status
  status=$(inside skipctl -o json status 2>/dev/null) || return 1
  python3 -c "import json,sys; print(json.loads(sys.argv[1])['$1'])" "$status"
}
# Up, with data and model loaded.
is_running() {
  local phase
  kill -0 "$DAEMON" && phase=$(status_of phase) && [ "$phase" != warming-up ]
}

# As the unit does it, without systemd; `exec` all the way, so that the id is the daemon's.
start_daemon() {
  unshare -n sh -c 'ip link set lo up && exec chroot --userspec=skiptrain:skiptrain "$0" \
    /usr/bin/skiptraind --config "/$1"' "$ROOT" "$CONFIG" >"$WORK/daemon.log" 2>&1 &
  DAEMON=$!
  until_within 120 is_running || fail "no daemon answers skipctl status"
}

make_root() {
  local mirror
  mirror=$({ cat /etc/apt/sources.list /etc/apt/sources.list.d/*.{list,sources} 2>/dev/null || true; } |
    sed -n 's/^URIs: *//p; s/^deb \(\[[^]]*\] \)\?\([^ ]*\) bookworm .*/\2/p' | head -n 1)
  mkdir "$ROOT"
  if [ -n "$TARBALL" ] && [ -e "$TARBALL" ]; then
    tar -C "$ROOT" -xpf "$TARBALL"
  else
    say "a bare Debian ($SUITE) from ${mirror:-http://deb.debian.org/debian}"
    quietly debootstrap --variant=minbase "$SUITE" "$ROOT" "${mirror:-http://deb.debian.org/debian}"
    if [ -n "$TARBALL" ]; then tar -C "$ROOT" -cf "$TARBALL" .; fi
  fi
  cp /etc/resolv.conf "$ROOT/etc/resolv.conf"
  cp "$DEB" "$SIM_DEB" "$ROOT/tmp/"
  mount -t proc proc "$ROOT/proc"
}

apt_inside() { quietly inside env DEBIAN_FRONTEND=noninteractive apt-get -y -q --no-install-recommends "$@"; }

# A package like the one tested, of a later version.
make_upgrade() {
  local tree=$WORK/upgrade
  dpkg-deb -R "$DEB" "$tree"
  sed -i "s/^Version: .*/&+upgrade/" "$tree/DEBIAN/control"
  printf '# Of the later version.\n' >>"$tree/$CONFIG"
  (cd "$tree" && find . -type f -not -path './DEBIAN/*' -printf '%P\0' | xargs -0 md5sum >DEBIAN/md5sums)
  quietly dpkg-deb --root-owner-group -b "$tree" "$ROOT/tmp/upgrade.deb"
}

# Everything with the project's name in it, but what the operator and the tests brought.
leftovers() {
  find "$ROOT" -xdev -name '*skip*' -path '*skip[tc]*' -not -path "$ROOT/tmp/*" -not -path "$ROOT/proc/*" \
    -printf '/%P\n' | sort
}

[ $# -ge 1 ] || { sed -n '4,4p' "$0" >&2; exit 2; }
DEB=$(find "$1" -maxdepth 1 -name 'skiptrain_*.deb' 2>/dev/null || true)
SIM_DEB=$(find "$1" -maxdepth 1 -name 'skiptrain-sim_*.deb' 2>/dev/null || true)
TARBALL=${2:-}
[ "$(id -u)" -eq 0 ] || skip "needs root, for chroot"
for tool in debootstrap dpkg-deb ip unshare python3; do
  command -v "$tool" >/dev/null || skip "needs $tool"
done
unshare -n true 2>/dev/null || skip "may not make network namespaces"
[ -e "$DEB" ] && [ -e "$SIM_DEB" ] || fail "$1 has not one skiptrain_*.deb and one skiptrain-sim_*.deb"
trap cleanup EXIT
trap 'exit 130' INT TERM HUP
WORK=$(mktemp -d)
ROOT=$WORK/root

make_root
say "installing both packages and what they depend on"
apt_inside update
apt_inside install "/tmp/${DEB##*/}" "/tmp/${SIM_DEB##*/}" dataset-fashion-mnist

say "what is there"
[ "$(inside stat -c '%U %a' "/$STATE")" = "skiptrain 700" ] || fail "/$STATE: wrong owner or mode"
[ "$(inside stat -c %U /run/skiptrain)" = skiptrain ] || fail "/run/skiptrain: wrong owner"
inside dpkg-query -W -f '${Conffiles}' skiptrain | grep "/$CONFIG" >/dev/null || fail "/$CONFIG is no conffile"
[ -z "$(find "$ROOT/etc/systemd/system" -name 'skiptraind*')" ] || fail "the unit is enabled"
inside dpkg -V skiptrain skiptrain-sim || fail "files differ from the packages'"
for page in man8/skiptraind.8 man1/skipctl.1; do
  # minbase leaves manuals out of no package; an image that does is not what this tests.
  [ -e "$ROOT/usr/share/man/$page.gz" ] || fail "no manual $page"
done
quietly inside systemd-analyze verify --man=no /usr/lib/systemd/system/skiptraind.service
inside skiptrain-sim --trainer quadratic --lr 0.05 --nodes 8 --rounds 4 -o json >"$WORK/sim.json" ||
  fail "the simulator does not run"

say "a node with the packaged config"
start_daemon
[ "$(status_of incarnation)" -ge 1 ] || fail "no incarnation"
first=$(status_of incarnation)
quietly inside skipctl checkpoint
stop_daemon || fail "SIGTERM: exit code $?"

say "an upgrade keeps what the operator wrote, and the state"
make_upgrade
printf '# The operator was here.\n' >>"$ROOT/$CONFIG"
quietly inside env DEBIAN_FRONTEND=noninteractive dpkg --force-confdef --force-confold -i /tmp/upgrade.deb
inside dpkg-query -W -f '${Version}' skiptrain | grep '+upgrade' >/dev/null || fail "not upgraded"
grep -q 'The operator was here' "$ROOT/$CONFIG" || fail "the operator's config is gone"
start_daemon
[ "$(status_of incarnation)" -gt "$first" ] || fail "the state is not that of before the upgrade"
stop_daemon || fail "SIGTERM: exit code $?"

say "removed: config and state stay"
quietly inside dpkg -r skiptrain
[ -e "$ROOT/$CONFIG" ] && [ -e "$ROOT/$STATE/node.db" ] || fail "removing took config or state"
[ ! -e "$ROOT/usr/bin/skiptraind" ] || fail "removing left the program"

say "purged with a file KEEP: the state stays"
touch "$ROOT/$STATE/KEEP"
quietly inside dpkg -P skiptrain skiptrain-sim
[ -e "$ROOT/$STATE/node.db" ] || fail "purging took a state that was to be kept"
[ ! -e "$ROOT/etc/skiptrain" ] || fail "purging left /etc/skiptrain"

say "installed again over that state, and purged: nothing stays but the user"
quietly inside dpkg -i "/tmp/${DEB##*/}"
start_daemon
[ "$(status_of incarnation)" -gt "$first" ] || fail "the kept state is not used"
stop_daemon || fail "SIGTERM: exit code $?"
rm "$ROOT/$STATE/KEEP"
quietly inside dpkg -P skiptrain
left=$(leftovers)
[ -z "$left" ] || fail "purging left: $left"
inside getent passwd skiptrain >/dev/null || fail "the user is gone"
say "ok"
