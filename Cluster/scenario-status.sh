#!/usr/bin/env bash
# The status answers within a second and says what is so: with everything well, with authorities gone, with one frozen, without a
# quorum, with nobody left, and while a flood of registrations is under way.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/scenario.sh"

authorities=3 frontends=1 broadcasters=1
write_members() {
  local n
  sed -i 's/^member_limit:.*/member_limit: 100000/' "$run/etc/market-data.yaml"
  for ((n = 0; n < 20100; n++)); do echo "fqdn:load-$n.demo bench psk"; done >"$run/pki/shared-keys"
}

# The status with how long it took and how it ended: code, milliseconds; the table in $run/status.
look() {
  local began=${EPOCHREALTIME/./} code=0
  ctl status "$@" >"$run/status" 2>"$run/status.err" || code=$?
  echo "$code $(((${EPOCHREALTIME/./} - began) / 1000))"
}
slowest=0
says() { # exit code, words in the table, arguments...
  local code took wanted=$1 words=$2
  shift 2
  read -r code took < <(look "$@")
  ((took > slowest)) && slowest=$took
  [[ "$code" == "$wanted" ]] && grep -qE -- "$words" "$run/status" && ((took <= 1000)) && return
  echo "   exit $code after $took ms:"
  cat "$run/status" "$run/status.err"
  return 1
}
comes_to_say() { says "$@" >/dev/null 2>&1; }
# An authority with its store.
freeze() { kill "-$2" "${pids[$1]}" $(pgrep -P "${pids[$1]}" -f gcks-store); }
leader() { items "items[0]['leader']" status; }
followers() { items "' '.join(a['name'] for a in items[0]['authorities'] if a['name'] != items[0]['leader'])" status; }

prepare
three() { [[ "$(items "len([a for a in items[0]['authorities'] if a['detail'] == 'voter'])" status)" == 3 ]]; }
check "three voters" until_ok 30 three
check "a whole cluster is healthy" until_ok 20 comes_to_say 0 "CLUSTER  healthy   quorum 3/3   tolerance 1   leader authority-[123] \(term [0-9]+, "
check "--check agrees" says 0 "healthy" --check

# The flood: as many registrations at once as these processes take.
frontend_connected() { [[ $(items 'len(items[0]["frontends"])' status) == 1 ]]; }
check "the frontend is connected" until_ok 20 frontend_connected
start loadgen gcks-loadgen register --frontend "127.0.7.11:$ike" --source 127.0.7.101 --group "keyid:market-data" \
  --sas 20000 --warm-up 100 --outstanding 256
flooded() { (($(items "items[0]['groups'][0]['members']" status) >= 50)); }
check "a flood of registrations is under way" until_ok 30 flooded
before=$(items "items[0]['groups'][0]['members']" status)
for _ in 1 2 3 4 5 6 7 8; do check "under the flood" says 0 "quorum 3/3"; sleep 0.2; done
check "members were registered meanwhile" test "$(items "items[0]['groups'][0]['members']" status)" -gt "$before"
check "the slowest answer so far took $slowest ms" test "$slowest" -le 1000
stop loadgen

read -r first second <<<"$(followers)"
freeze "$first" STOP
check "with $first frozen: degraded, tolerance 0, within a second" says 0 "degraded   quorum 2/3   tolerance 0"
check "it is named" grep -qE "$first +unreachable +no answer" "$run/status"
check "--check ends with 11" says 11 "degraded" --check
stop "$second" KILL
check "with $second killed too: no quorum, within a second" until_ok 15 comes_to_say 6 "no-leader   quorum 1/3"
check "without a quorum again" says 6 "no-leader   quorum 1/3"
check "and with --check" says 11 "no-leader" --check
freeze "$first" CONT
check "with $first back it heals" until_ok 30 comes_to_say 0 "quorum 2/3   tolerance 0   leader authority"
for name in "${!pids[@]}"; do [[ "$name" != authority-* ]] || freeze "$name" STOP; done
check "everybody frozen: no answer, within a second" says 6 "no-answer   quorum 0/3"
for name in "${!pids[@]}"; do [[ "$name" != authority-* ]] || freeze "$name" CONT; done
for name in "${!pids[@]}"; do [[ "$name" != authority-* ]] || stop "$name" KILL; done
check "everybody gone: no answer, within a second" says 6 "no-answer   quorum 0/3"
check "the slowest of them took $slowest ms" test "$slowest" -le 1000
finish
