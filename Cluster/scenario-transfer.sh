#!/usr/bin/env bash
# Leadership goes where operators want it, under a stream of registrations: transfer, step-down, drain and undrain. Nobody who was
# registered is lost, no Sender-ID is given twice, and every command ends in a clear answer, with quorum and without.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/scenario.sh"

authorities=3 frontends=1 broadcasters=1
count=18

write_members() {
  local n
  for ((n = 1; n <= count; n++)); do write_member "$n" "gm$n.demo" psk "$ike" sender; done
}

leader() { items "items[0]['leader']" leader show; }
leads() { [[ "$(leader)" == "$1" ]]; }
other_leads() { local now; now=$(leader) && [[ "$now" == authority-* && "$now" != "$1" ]]; }
acknowledged() { cat "$run"/var/gm*.demo/sas.jsonl 2>/dev/null | grep -c '"kind":"rekey"' || true; }
at_least() { (($(acknowledged) >= $1)); }
ids_twice() { items "len([i['sender_id'] for i in items]) - len({i['sender_id'] for i in items})" sender list market-data; }
given() { items "len(items)" sender list market-data; }
code() { local code=0; ctl "$@" >>"$run/log/gcksctl.log" 2>&1 || code=$?; echo "$code"; }
says() { local text=$1; shift; { ctl "$@" 2>&1 || true; } | grep -q -- "$text"; }
in_time() { # milliseconds, gcksctl arguments...
  local limit=$1 begin end
  shift
  begin=$(date +%s%N)
  ctl "$@" >>"$run/log/gcksctl.log" 2>&1 || true
  end=$(date +%s%N)
  (((end - begin) / 1000000 <= limit)) || { echo "   took $(((end - begin) / 1000000)) ms"; return 1; }
}
streaming() { # starts the members one by one in the background of what follows
  local n
  for ((n = 1; n <= count; n++)); do start_member "gm$n.demo"; sleep 0.25; done
}

prepare
first=$(leader)
check "somebody leads: $first" test -n "$first"
second=$([[ "$first" == authority-1 ]] && echo authority-2 || echo authority-1)

for ((n = 1; n <= 6; n++)); do start_member "gm$n.demo"; done
check "the leadership goes to $second while members register" ctl_quietly leader transfer "$second" --wait --request-id 0011223344556677
check "$second leads" until_ok 10 leads "$second"
check "the same request again tells the first result" says "is given away to $second" leader transfer "$second" --request-id 0011223344556677
check "and changes nothing" leads "$second"
check "the request can be asked about" says "leader-transfer" request show 0011223344556677
check "a request that never was is not done" equal "$(code request show 99aabbccddeeff00)" 3
check "an unknown node is not found" equal "$(code leader transfer authority-9)" 3

for ((n = 7; n <= 12; n++)); do start_member "gm$n.demo"; done
check "the leader steps down" ctl_quietly leader step-down
check "another leads" until_ok 10 other_leads "$second"

third=$(leader)
check "a drain can be tried dry" says "dry run" node drain "$third" --dry-run
check "the leader is drained" ctl_quietly node drain "$third"
check "another leads" until_ok 10 other_leads "$third"
for ((n = 13; n <= count; n++)); do start_member "gm$n.demo"; done
check "node list says who is drained" equal "$(items "[i['name'] for i in items if i['drained']]" node list)" "['$third']"
fourth=$(leader)
rest=$(for n in 1 2 3; do echo "authority-$n"; done | grep -v -e "$third" -e "$fourth")
check "one more may be drained" ctl_quietly node drain "$rest"
check "the last one may not" equal "$(code node drain "$fourth")" 5
check "and it gives the leadership to no drained one" equal "$(code leader transfer)" 5
check "they are let back" ctl_quietly node undrain "$third"
check "both" ctl_quietly node undrain "$rest"
check "all $count members are registered in the end" until_ok 40 at_least "$count"
check "no Sender-ID is given twice" equal "$(ids_twice)" 0
check "there are as many as members need" test "$(given)" -ge "$count"
check "cluster peers shows three voters" equal "$(items "[i['role'] for i in items]" cluster peers)" "['voter', 'voter', 'voter']"

# Without quorum: answers within a second, marked stale, and no silence for what would change something.
leading=$(leader)
for n in 1 2 3; do [[ "authority-$n" == "$leading" ]] || stop "authority-$n" KILL; done
sleep 1
check "leader show answers in time" in_time 1300 leader show
check "node list answers in time" in_time 1300 node list
check "cluster peers answers in time" in_time 1300 cluster peers
check "two are unreachable" equal "$(items "len([i for i in items if i['state'] == 'unreachable'])" node list)" 2
check "a change ends in a clear answer" test "$(code rekey now market-data --timeout 3)" -ge 6
finish
