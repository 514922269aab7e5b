#!/bin/bash
# in_debian_root.sh SUITE ROOT COMMAND...: runs a command of the repository in a bare Debian:
#
#   sudo tests/in_debian_root.sh trixie /var/tmp/trixie ./deploy/test.sh
#
# ROOT is made by debootstrap if it is not there, and stays, with all that was installed and built in
# it, for the next time (rm -r removes it: nothing is mounted there afterwards). The tree is that of
# HEAD, cloned into ROOT/src. As root, with debootstrap and a Debian mirror; processes of the command
# see the network and processes of this machine.
set -euo pipefail
readonly MIRROR=${MIRROR:-http://deb.debian.org/debian}
repository=$(cd "$(dirname "$0")/.." && pwd)

[ $# -ge 3 ] || { sed -n '2,4p' "$0" >&2; exit 2; }
suite=$1 root=$(realpath -m "$2")
shift 2
[ "$(id -u)" -eq 0 ] || { echo "error: needs root, for chroot" >&2; exit 1; }

# All that is mounted below ROOT, also by the command itself (ip netns); at once, though a process
# that is just ending may hold it.
unmount() {
  awk -v below="$root/" 'index($5, below) == 1 { print $5 }' /proc/self/mountinfo | sort -r |
    xargs -r -n 1 umount --lazy
}

if [ ! -e "$root/usr/bin/apt-get" ]; then
  echo "==> a bare Debian ($suite) in $root"
  debootstrap --variant=minbase "$suite" "$root" "$MIRROR" >"$root.log" 2>&1 ||
    { tail -n 20 "$root.log" >&2; exit 1; }
  rm -f "$root.log"
fi
trap unmount EXIT
trap 'exit 130' INT TERM HUP
for place in proc sys; do mountpoint -q "$root/$place" || mount -t "${place/sys/sysfs}" "$place" "$root/$place"; done
for place in dev dev/pts dev/shm; do mountpoint -q "$root/$place" || mount --bind "/$place" "$root/$place"; done
cp /etc/resolv.conf "$root/etc/resolv.conf"
# What was built there before stays.
mkdir -p "$root/src"
find "$root/src" -mindepth 1 -maxdepth 1 -not -name build -exec rm -rf {} +
git -C "$repository" archive HEAD | tar -x -C "$root/src" --no-same-owner
chroot "$root" /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
  CI="${CI:-}" bash -c 'cd /src && exec "$@"' bash "$@"
