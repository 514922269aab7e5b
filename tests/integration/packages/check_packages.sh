#!/bin/bash
# check_packages.sh FOLDER [TARBALL]: lintian, the completions, the unit's sandbox, and then
# install_in_root.sh, which has the arguments and what is skipped in its head.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
readonly MAX_EXPOSURE=20  # tenths, of systemd-analyze security; 0 is best, 100 worst

[ $# -ge 1 ] || { sed -n '2,2p' "$0" >&2; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
dpkg-deb -x "$1"/skiptrain_*.deb "$work"

echo "==> lintian"
# Who answers for a package that is built for oneself need not be reachable.
lintian --allow-root --fail-on error,warning --suppress-tags \
  bogus-mail-host,bogus-mail-host-in-debian-changelog,root-in-contact,mail-address-loops-or-bounces \
  "$1"/*.deb

echo "==> completions"
completions=$work/usr/share/bash-completion/completions/skipctl
bash -n "$completions"
# complete WORD...: what a user's shell makes of these words and <TAB>.
# shellcheck disable=SC2016
complete_words() {
  bash -c '. "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _skipctl; printf "%s\n" "${COMPREPLY[@]}"' \
    "$completions" "$@"
}
commands=$("$work/usr/bin/skipctl" --help | sed -n '/^Subcommands:/,/^$/s/^  \([a-z-]*\) .*/\1/p')
[ -n "$commands" ] || { echo "skipctl --help lists no commands" >&2; exit 1; }
for command in $commands; do
  complete_words skipctl "${command:0:2}" | grep -x -- "$command" >/dev/null ||
    { echo "bash does not complete $command" >&2; exit 1; }
done
[ "$(complete_words skipctl schedule s | sort | xargs)" = "set show" ] ||
  { echo "bash does not complete schedule s" >&2; exit 1; }
if command -v zsh >/dev/null; then zsh -n "$work/usr/share/zsh/vendor-completions/_skipctl"; fi
if command -v fish >/dev/null; then fish -n "$work/usr/share/fish/vendor_completions.d/skipctl.fish"; fi

echo "==> the unit's sandbox"
systemd-analyze security --offline=true --no-pager --threshold="$MAX_EXPOSURE" \
  "$work/usr/lib/systemd/system/skiptraind.service" | tail -n 1

rc=0
"$here/install_in_root.sh" "$@" || rc=$?
# Skipping is said in words; a build target has no other way to skip.
[ "$rc" -eq 77 ] || exit "$rc"
