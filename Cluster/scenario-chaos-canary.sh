#!/usr/bin/env bash
# The checks of Tools/chaos find what is broken on purpose: a forged rekey on the wire, a change that was never made, a member
# that is deaf.
set -euo pipefail
for canary in forged-rekey lost-change deaf-member; do
  "$(dirname "${BASH_SOURCE[0]}")/../Tools/chaos" --minutes 0.2 --seed 3 --members 4 --settle 12 --faults leave,kill \
    --canary "$canary" || { echo "FAILED $canary"; exit 1; }
done
