#!/bin/sh
# runtime_files.sh FOLDER PACKAGE PROGRAM...: copies to FOLDER, under the paths that they have here,
# the files of an installed package, the libraries that its programs load, and its user.
set -eu
folder=$1 package=$2
shift 2

# Under its real folder's name: /lib is a link to /usr/lib here, and must not become a folder there.
copy() {
  real=$(realpath "$(dirname "$1")")
  mkdir -p "$folder$real"
  cp -a "$2" "$1" "$folder$real/"
}

dpkg-query -L "$package" | while read -r file; do
  if [ -f "$file" ] || [ -L "$file" ]; then copy "$file" -P; fi
done
for program in "$@"; do ldd "$(command -v "$program")"; done >"$folder.ldd"
if grep 'not found' "$folder.ldd" >&2; then exit 1; fi
# What libc itself brings is part of any Debian, and a second copy of it would not do.
libc=$(dpkg-query -L libc6)
sed -n 's/.* => \(\/[^ ]*\) .*/\1/p' "$folder.ldd" | sort -u | while read -r library; do
  if ! echo "$libc" | grep -qx "\(/usr\)\?$library"; then copy "$library" -L; fi
done
for file in /etc/passwd /etc/group /etc/shadow /var/lib/skiptrain /run/skiptrain; do
  copy "$file" -P
done
