#!/bin/bash
# Installs what is missing, builds SkipTrain, and runs eight daemons that learn one model together.
# Safe to run again; interrupting it leaves no process behind.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

usage() {
  cat <<'USAGE'
usage: deploy/quickstart.sh [--nodes N] [--rounds N] [--policy P] [--seed N] [--no-install]
                            [--build-only] [-- FLAGS OF skipctl testbed run]

Installs the Debian packages that are missing, builds build/release, and runs a testbed of separate
skiptraind processes on loopback: Fashion-MNIST, two label shards per node, a 3-regular graph,
GN-LeNet, policy skiptrain 4/4, four phones' energy profiles. Ends with a summary per node.

  --nodes N      daemons (8; even, at least 4)
  --rounds N     rounds (80)
  --policy P     dpsgd, skiptrain, skiptrain-constrained, greedy, skiptrain-adaptive (skiptrain)
  --seed N       (1)
  --no-install   do not look for packages
  --build-only   stop after the build
USAGE
}

nodes=8 rounds=80 policy=skiptrain seed=1 install=yes run=yes extra=()
while [ $# -gt 0 ]; do
  case $1 in
    --nodes | --rounds | --policy | --seed)
      [ $# -ge 2 ] || { usage >&2; exit 2; }
      declare "${1#--}=$2"
      shift ;;
    --no-install) install=no ;;
    --build-only) run=no ;;
    -h | --help) usage; exit 0 ;;
    --) shift; extra=("$@"); break ;;
    *) printf 'error: unknown argument: %s\n' "$1" >&2; usage >&2; exit 2 ;;
  esac
  shift
done

if [ "$install" = yes ]; then install_packages build run; fi
build release skiptraind skipctl
if [ "$run" = no ]; then exit 0; fi

say "$nodes daemons learn together for $rounds rounds, policy $policy"
cd "$REPOSITORY"
# exec: signals to this script reach skipctl, which ends its daemons.
exec build/release/bin/skipctl testbed run --nodes "$nodes" --rounds "$rounds" \
  --policy "$policy" --train 4 --sync 4 --topology regular:3 --model gn-lenet \
  --partition shards:2 --local-steps 10 --batch-size 32 --lr 0.1 --seed "$seed" \
  --eval-every 8 --eval-samples 500 ${extra[@]+"${extra[@]}"}
