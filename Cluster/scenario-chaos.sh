#!/usr/bin/env bash
# A bounded chaos run: fixed seed, every kind of fault that is quick to heal; all promises hold.
set -euo pipefail
exec "$(dirname "${BASH_SOURCE[0]}")/../Tools/chaos" --minutes 1 --seed 20 --settle 60 \
  --faults kill,store-kill,stop,isolate,mute,split-frontends,majority,answer-loss,leave
