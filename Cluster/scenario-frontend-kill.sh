#!/usr/bin/env bash
# One of two frontends is killed: who registers next, and would have asked it first, uses the other.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/scenario.sh"

authorities=1 frontends=2 broadcasters=1

write_members() { # odd numbers ask frontend-1 first, even numbers frontend-2
  write_member 1 gm1.demo psk "$ike" sender
  write_member 2 gm2.demo psk "$ike" receiver
  write_member 3 gm3.demo psk "$ike" sender
  write_member 5 gm5.demo ecdsa "$ike" receiver
}

frontend_of() { items "[i['frontend'] for i in items if i['identity'] == 'fqdn:$1' and i['state'] == 'member']" member list; }
connected() { items "[f['name'] for f in items[0]['frontends'] if f['connected']]" status; }
sees() { equal "$(connected)" "$1" >/dev/null; }
registered() { until_ok 40 holds_sas "$1" 3; }

prepare
for member in gm1.demo gm2.demo; do start_member "$member"; done
for member in gm1.demo gm2.demo; do check "$member registers" registered "$member"; done
check "gm1.demo is at its first frontend" equal "$(frontend_of gm1.demo)" "['frontend-1']"
check "gm2.demo is at its first frontend" equal "$(frontend_of gm2.demo)" "['frontend-2']"

stop frontend-1 KILL
check "the status says which frontend is left" until_ok 15 sees "['frontend-2']"
for member in gm3.demo gm5.demo; do start_member "$member"; done
for member in gm3.demo gm5.demo; do
  check "$member registers after the kill" registered "$member"
  check "$member is at the other frontend" equal "$(frontend_of "$member")" "['frontend-2']"
done
check "who registered before is still a member" equal "$(frontend_of gm1.demo)" "['frontend-1']"

check "the operator rekeys" ctl_quietly rekey now market-data --all
for member in gm1.demo gm2.demo gm3.demo gm5.demo; do
  check "$member follows the rekey" until_ok 10 logged "$member" '"event":"rekey-received"'
done
finish
