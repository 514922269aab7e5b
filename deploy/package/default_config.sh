#!/bin/sh
# default_config.sh EXAMPLE SKIPTRAIND OUTPUT: the packaged config, from the documented example. It
# differs in one key, and fails if that key is not there to be changed, or if it is then refused.
set -eu
example=$1 skiptraind=$2 output=$3

sed 's|^# socket = ""  *#|socket = "/run/skiptrain/control.sock" #|' "$example" >"$output.new"
if [ "$(grep -c '^socket = "/run/skiptrain/control.sock"' "$output.new")" -ne 1 ]; then
  echo "default_config.sh: $example has no line '# socket = \"\"' to change" >&2
  exit 1
fi
"$skiptraind" --check-config "$output.new" >/dev/null
mv "$output.new" "$output"
