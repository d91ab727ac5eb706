#!/usr/bin/env bash
# The store process crashes under its authority: the authority goes on, starts it again and loses nothing.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/scenario.sh"

authorities=1 frontends=1 broadcasters=1

write_members() {
  local n
  for n in 1 2 3; do write_member "$n" "gm$n.demo" psk "$ike" sender; done
}

store() { pgrep -P "${pids[authority-1]}" gcks-store; }
restarted() { local now; now=$(store) && [[ "$now" != "$1" ]]; }
listed() { items "sorted(i['identity'][5:] for i in items if i['state'] == 'member')" member list; }
sender_ids() { items "sorted(i['sender_id'] for i in items)" sender list market-data; }
registers() { start_member "$1" && until_ok 40 holds_sas "$1" 3; }

prepare
check "gm1.demo registers" registers gm1.demo
check "gm2.demo registers" registers gm2.demo

authority=${pids[authority-1]} first=$(store)
kill -KILL "$first"
check "gm3.demo registers after the crash" registers gm3.demo
check "the authority is the same process" equal "$authority" "$(pgrep -P $$ gcks-authority)"
check "a new store process runs" restarted "$first"
check "all three are members" equal "$(listed)" "['gm1.demo', 'gm2.demo', 'gm3.demo']"
check "three Sender-IDs are given, none twice" equal "$(sender_ids)" "[0, 1, 2]"

second=$(store)
kill -KILL "$second"
check "a second crash is answered as well" until_ok 20 restarted "$second"
check "the group can be rekeyed" until_ok 30 ctl_quietly rekey now market-data --all
check "gm1.demo follows the rekey" until_ok 10 logged gm1.demo '"event":"rekey-received"'
finish
