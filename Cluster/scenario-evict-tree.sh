#!/usr/bin/env bash
# Six members of a group with a key tree, one is taken out: the others follow two rekeys, register no second time and have a data SA to
# send on at every moment; the excluded one cannot open what follows, as its own attempt shows, and is refused. One that leaves by
# itself is locked out with the next Rekey SA, and one that is let in again finds a path of its own.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/scenario.sh"

broadcasters=1
everybody="gm1.demo gm2.demo gm3.demo gm4.demo gm5.demo gm6.demo"
others="gm1.demo gm2.demo gm4.demo gm5.demo gm6.demo"
victim=gm3.demo

write_members() {
  local n=0 name
  for name in $everybody; do
    n=$((n + 1))
    write_member "$n" "$name" psk "$ike" "$([[ $n -le 2 ]] && echo sender || echo receiver)"
  done
  # The group of this scenario has a tree.
  sed -i 's/^member_limit: .*/&\nkey_tree: { degree: 2 }/' "$run/etc/market-data.yaml"
}

# All of these members hold the same SAs, and so many.
hold_the_same() { # count members...
  local count=$1 first=$2 name
  shift
  for name in "$@"; do
    [[ $(held_sas "$name" | wc -l) -eq $count ]] || return 1
    [[ "$(held_sas "$name")" == "$(held_sas "$first")" ]] || return 1
  done
}
holds_nothing() { [[ $(held_sas "$1" | wc -l) -eq 0 ]]; }
changed() { # before members...
  local before=$1
  shift
  [[ "$(held_sas "$1")" != "$before" ]] && hold_the_same 3 "$@"
}
ends_with() { # code command...
  local code=0 wanted=$1
  shift
  "$@" >"$run/log/gcksctl.out" 2>"$run/log/gcksctl.log" || code=$?
  equal "$code" "$wanted"
}
registrations() { grep -c '"event":"group-registered"' "$run/log/$1.log"; }
rekeys() { grep -c '"event":"rekey-received"' "$run/log/$1.log" || true; }
# From its first registration on, the member held a key for both data SAs at every moment.
without_gap() {
  python3 - "$run/var/$1/sas.jsonl" <<'END'
import json, sys
held, full = set(), False
for line in open(sys.argv[1]):
    record = json.loads(line)
    if record["kind"] != "data": continue
    if record["action"] == "install": held.add(record["spi"])
    if record["action"] == "remove": held.discard(record["spi"])
    full = full or len(held) >= 2
    if full and len(held) < 2: sys.exit(1)
sys.exit(not full)
END
}

prepare
for name in $everybody; do start_member "$name"; done
check "six members hold equal keys" until_ok 20 hold_the_same 3 $everybody
check "the group shows its tree" test "$(items 'items[0]["definition"]["key_tree"]["degree"]' group show market-data)" = 2
before=$(held_sas gm1.demo)

evict="ctl member evict fqdn:$victim --group market-data --reason drill"
check "the dry run tells the plan" ends_with 0 $evict --dry-run
check "by multicast" grep -q '5 members follow by multicast; no gap expected' "$run/log/gcksctl.out"
check "and its size" grep -qE 'about [0-9]+ octets in [0-9]+ datagrams' "$run/log/gcksctl.out"
check "nobody lost anything so far" equal "$(held_sas gm1.demo)" "$before"

check "the member is taken out" ends_with 0 $evict --yes --confirm=market-data
check "the others hold equal new keys" until_ok 20 changed "$before" $others
for name in $others; do
  check "$name took both rekeys" equal "$(rekeys "$name")" 2
  check "$name registered once" equal "$(registrations "$name")" 1
  check "$name had keys all the time" without_gap "$name"
done
check "the excluded one could not open the first" logged "$victim" '"event":"group-excluded"'
check "and took neither" equal "$(rekeys "$victim")" 0
check "it is refused" until_ok 20 logged "$victim" '"event":"registration-refused".*AUTHORIZATION_FAILED'
check "and holds nothing" until_ok 10 holds_nothing "$victim"

last=$(held_sas gm1.demo)
check "the operator rekeys" ctl_quietly rekey now market-data --all
check "the others follow by multicast" until_ok 20 changed "$last" $others
check "the excluded one still holds nothing" holds_nothing "$victim"

check "the bar is lifted" ends_with 0 ctl member allow "fqdn:$victim" --group market-data
stop "$victim"
start_member "$victim"
check "the member is in again" until_ok 20 hold_the_same 3 $everybody
check "nobody else registered for it" equal "$(registrations gm1.demo)" 1

check "an authority that starts anew" stop authority-1
start_authority 1
check "leads the group" until_ok 20 ctl_quietly group show market-data
last=$(held_sas gm1.demo)
check "and excludes again" until_ok 20 ctl_quietly member evict fqdn:gm6.demo --group market-data --reason drill --yes --confirm=market-data
check "with the same tree" until_ok 20 changed "$last" gm1.demo gm2.demo gm3.demo gm4.demo gm5.demo
check "nobody registered for it" equal "$(registrations gm1.demo)" 1
check "history tells the causes" equal \
  "$(items '[e["cause"] for e in items]' rekey history market-data)" \
  "['exclusion', 'exclusion', 'operator', 'exclusion', 'exclusion', 'exclusion', 'exclusion']"
check "the trail is whole" ctl_quietly audit verify
finish
