#!/usr/bin/env bash
# The demo, as a newcomer runs it.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/scenario.sh"

check "the demo ends with exit code 0" env TMPDIR="$run" timeout 150 "$root/Tools/demo"
finish
