#!/usr/bin/env bash
# A bounded chaos run: every kind of fault once; all promises hold.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
exec "$here/../Tools/chaos" --minutes 1 --plan "$here/plans/bounded.plan" --settle 60
