#!/usr/bin/env bash
# IKE SAs between our own members and frontends get new keys while they stand: asked for by a member and by a frontend, with and
# without SA payload. The groups are not touched, and new group keys come under the GSK_w of the IKE SA that follows.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/scenario.sh"

authorities=1 frontends=3 broadcasters=1
# Each at a frontend of its own: `aging` asks itself, without SA payload; `plain` asks in the regular form; `asked` is asked.
members="aging.demo plain.demo asked.demo"
victim=gone.demo

write_members() {
  write_member 1 aging.demo psk "$ike" sender
  write_member 2 plain.demo psk "$ike" receiver
  write_member 3 asked.demo psk "$ike" receiver
  write_member 4 "$victim" psk "$ike" receiver
  echo 'ike: { optimized_rekey: [50400, 50401] }' >>"$run/etc/frontend-1.yaml"
  echo 'ike: { sa_lifetime: 12s, optimized_rekey: [50400, 50401] }' >>"$run/etc/frontend-3.yaml"
  echo 'ike: { sa_lifetime: 10s, optimized_rekey: [50400, 50401] }' >>"$run/etc/aging.demo.yaml"
  echo 'ike: { sa_lifetime: 10s }' >>"$run/etc/plain.demo.yaml"
}

rekeys() { grep -c '"event":"ike-sa-rekeyed"' "$run/log/$1.log" || true; }
has_rekeyed() { [[ $(rekeys "$1") -ge $2 ]]; }
rekeyed_by() { # number of the frontend, member, by whom
  logged "frontend-$1" "\"event\":\"ike-rekeyed\".*\"member\":\"fqdn:$2\".*\"by\":\"$3\""
}
connections() { grep -c '"event":"ike-sa-established"' "$run/log/$1.log" || true; }
never_logged() { ! logged "$@"; }
hold_the_same() { # count members...
  local count=$1 first=$2 name
  shift
  for name in "$@"; do
    [[ $(held_sas "$name" | wc -l) -eq $count && "$(held_sas "$name")" == "$(held_sas "$first")" ]] || return 1
  done
}
changed() { [[ "$(held_sas aging.demo)" != "$1" ]] && hold_the_same 3 $members; }

prepare
for name in $members "$victim"; do start_member "$name"; done
check "the members hold equal keys" until_ok 20 hold_the_same 3 $members "$victim"
before=$(held_sas aging.demo)

for name in $members; do check "$name: two rekeys of its IKE SA" until_ok 40 has_rekeyed "$name" 2; done
check "aging: by the member" rekeyed_by 1 aging.demo member
check "plain: by the member" rekeyed_by 2 plain.demo member
check "asked: by the frontend" rekeyed_by 3 asked.demo frontend
check "no group SA changed by that" equal "$(held_sas aging.demo)" "$before"
for name in $members; do
  check "$name: nothing was refused" never_logged "$name" '"event":"ike-sa-not-rekeyed"'
  check "$name: no IKE SA ended" never_logged "$name" '"event":"ike-sa-closed"'
done

# An exclusion makes everybody register again: over the IKE SAs that stand.
check "a member is taken out" ctl_quietly member evict "fqdn:$victim" --group market-data --reason drill --yes \
  --confirm=market-data
check "the others get equal new keys" until_ok 20 changed "$before"
for name in $members; do check "$name: over the IKE SA it had" equal "$(connections "$name")" 1; done
middle=$(held_sas aging.demo)
check "the operator rekeys" ctl_quietly rekey now market-data --all
check "the members follow by multicast" until_ok 20 changed "$middle"

for name in $members; do stop "$name"; done
check "nobody is a member any more" until_ok 10 equal "$(items 'len([m for m in items if m["state"] == "member"])' member list market-data)" 0
finish
