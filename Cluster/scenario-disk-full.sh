#!/usr/bin/env bash
# The disk of the leader's store fills up. The engine does not notice: its followers have disks. The authority does, gives the
# leadership away, says why it serves nothing, and comes back by itself when there is room again.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/scenario.sh"

authorities=3 frontends=1 broadcasters=1

write_members() {
  local n
  for n in 1 2 3; do write_member "$n" "gm$n.demo" psk "$ike" sender; done
}

leader() { items "items[0]['leader']" leader show; }
other_leads() { local now; now=$(leader) && [[ "$now" == authority-* && "$now" != "$1" ]]; }
field() { items "[i['$2'] for i in items if i['name'] == '$1'][0]" node list; }
fails() { [[ "$(field "$1" disk_fault)" != None ]]; }
is_good() { [[ "$(field "$1" disk_fault)" == None && "$(field "$1" state)" == following ]]; }
registers() { start_member "$1" && until_ok 40 holds_sas "$1" 3; }
sender_ids() { items "sorted(i['sender_id'] for i in items)" sender list market-data; }
compared() { [[ "$(items "sorted(str(i['digest']) for i in items)" cluster peers)" == "['equal', 'equal', 'leader']" ]]; }
fresh() { [[ "$(items "all(i['lag_milliseconds'] is not None and i['lag_milliseconds'] < 4000 for i in items)" cluster peers)" == True ]]; }

# A small disk for each authority: a tmpfs where this may be mounted.
mkdir -p "$run/var"
for n in 1 2 3; do
  mkdir -p "$run/var/authority-$n"
  mount -t tmpfs -o size=192m,mode=0700 tmpfs "$run/var/authority-$n" 2>/dev/null || { echo "no tmpfs may be mounted here: skipped"; exit 0; }
done
unmount() { for n in 1 2 3; do umount -l "$run/var/authority-$n" 2>/dev/null || true; done; }
leave_disks() {
  local code=$?
  stop_all
  unmount
  set +e
  (exit "$code")
  leave
}
trap leave_disks EXIT

prepare
first=$(leader)
check "somebody leads: $first" test -n "$first"
check "gm1.demo registers" registers gm1.demo

check "the copies are compared and equal" until_ok 15 compared
check "none is behind" until_ok 5 fresh

fill=$run/var/$first/ballast
dd if=/dev/zero of="$fill" bs=1M 2>/dev/null || true
check "the disk is full" test "$(df --output=avail -k "$run/var/$first" | tail -1)" -lt 1024
check "another leads" until_ok 15 other_leads "$first"
check "$first says why it does not" fails "$first"
check "it is in its log" logged "$first" '"event":"disk-failing"'
check "gm2.demo registers meanwhile" registers gm2.demo
second=$(leader)
check "the full node does not lead again" test "$second" != "$first"

rm -f "$fill"
check "with room again $first is good" until_ok 20 is_good "$first"
check "its store was started afresh" logged "$first" '"event":"store-restarted"'
check "the leadership can go back to it" until_ok 20 ctl_quietly leader transfer "$first" --wait
check "gm3.demo registers there" registers gm3.demo
check "three Sender-IDs are given, none twice" equal "$(sender_ids)" "[0, 1, 2]"
finish
