#!/usr/bin/env bash
# A frontend is drained: its members are sent to the other one by REDIRECT (RFC 5685) and keep their group SAs; who comes is
# sent there at once. The order outlives its authority. A frontend whose members cannot move is emptied by the deadline.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/scenario.sh"

authorities=1 frontends=2 broadcasters=1 relay=yes public_addresses=yes

write_members() { # odd numbers ask frontend-1 first
  write_member 1 gm1.demo psk "$ike" sender
  write_member 3 gm3.demo ecdsa "$gdoi" receiver
  write_member 5 gm5.demo psk "$ike" sender
  write_member 7 gm7.demo psk "$ike" receiver
}

old_members=(gm1.demo gm3.demo gm5.demo)
sas_at() { items "sum(i['counters']['ike-sas'] for i in items if i['name'] == '$1')" frontend list; }
has_sas() { equal "$(sas_at "$1")" "$2" >/dev/null; }
state() { items "[i['state'] for i in sorted(items, key=lambda i: i['name'])]" frontend list; }
has_state() { equal "$(state)" "$1" >/dev/null; }
registered() { until_ok 40 holds_sas "$1" 3; }
removed() { grep -c '"action":"remove"' "$run/var/$1/sas.jsonl" || true; }
knows_fleet() { logged "$1" '"event":"fleet-learned".*"others":"1"'; }

prepare
for n in 1 2; do check "frontend-$n knows the other" until_ok 15 knows_fleet "frontend-$n"; done
for member in "${old_members[@]}"; do start_member "$member"; done
for member in "${old_members[@]}"; do check "$member registers" registered "$member"; done
check "all three are at frontend-1" until_ok 10 has_sas frontend-1 3
declare -A held_before=()
for member in "${old_members[@]}"; do held_before[$member]=$(held_sas "$member"); done

check "a dry run says what would happen" ctl_quietly frontend drain frontend-1 --dry-run
check "and changes nothing" equal "$(state)" "['ready', 'ready']"
check "a frontend cannot send members to itself" equal "$(ctl frontend drain frontend-1 --redirect-to frontend-1 >/dev/null 2>&1; echo $?)" 5
check "an unknown frontend is not found" equal "$(ctl frontend drain frontend-9 >/dev/null 2>&1; echo $?)" 3
check "frontend-1 drains to frontend-2" ctl_quietly frontend drain frontend-1 --redirect-to frontend-2
check "the last frontend cannot be drained" equal "$(ctl frontend drain frontend-2 >/dev/null 2>&1; echo $?)" 5
for member in "${old_members[@]}"; do check "$member moves" until_ok 20 logged "$member" '"event":"ike-sa-moved"'; done
check "frontend-1 is drained" until_ok 30 has_state "['drained', 'ready']"
check "frontend-2 has them" until_ok 10 has_sas frontend-2 3
for member in "${old_members[@]}"; do
  check "$member holds the same SAs" equal "$(held_sas "$member")" "${held_before[$member]}"
  check "$member removed none" equal "$(removed "$member")" 0
done

start_member gm7.demo
check "who comes to frontend-1 is sent away" until_ok 15 logged gm7.demo '"event":"redirected"'
check "and registers" registered gm7.demo
check "at frontend-2" equal "$(items "[i['frontend'] for i in items if i['identity'] == 'fqdn:gm7.demo']" member list)" "['frontend-2']"

stop authority-1 KILL
start_authority 1
check "the authority leads again" until_ok 30 has_leader
check "the order outlived it" until_ok 20 has_state "['drained', 'ready']"
check "the operator rekeys" ctl_quietly rekey now market-data --all
for member in "${old_members[@]}" gm7.demo; do
  check "$member follows the rekey" until_ok 10 logged "$member" '"event":"rekey-received"'
done

check "frontend-1 takes members again" ctl_quietly frontend undrain frontend-1
check "both are ready" until_ok 10 has_state "['ready', 'ready']"
check "frontend-2 drains" ctl_quietly frontend drain frontend-2 --deadline 60s
check "its members go to frontend-1" until_ok 30 has_state "['ready', 'drained']"
check "which has them" until_ok 10 has_sas frontend-1 4
finish
