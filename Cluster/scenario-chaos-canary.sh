#!/usr/bin/env bash
# The checks of Tools/chaos find what is broken on purpose: a rekey that is forged on the wire, and keys that leak to a member
# that was excluded.
set -euo pipefail
for canary in forged-rekey leaked-key; do
  "$(dirname "${BASH_SOURCE[0]}")/../Tools/chaos" --minutes 0.25 --seed 3 --members 4 --settle 40 --faults leave,kill \
    --canary "$canary" || { echo "FAILED $canary"; exit 1; }
done
