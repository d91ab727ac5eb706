#!/usr/bin/env bash
# The root key is changed while members register: every stored key is sealed anew under the new one, the authorities start
# again with the new one alone, and the group goes on.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/scenario.sh"

authorities=3 frontends=1 broadcasters=1
count=8

write_members() {
  local n
  for ((n = 1; n <= count; n++)); do write_member "$n" "gm$n.demo" psk "$ike" sender; done
}

registers() { start_member "$1" && until_ok 40 holds_sas "$1" 3; }
left_under_old() { items "sum(i['sealed_keys'] for i in items if not i['seals'])" key root status; }
all_new() { [[ "$(left_under_old)" == 0 && "$(items "items[0]['percent']" key root status)" == 100 ]]; }
sealing() { items "[i['root_key'] for i in items if i['seals']][0]" key root status; }
# One after another, so that there is always a majority.
restart_all() {
  local n
  for n in 1 2 3; do
    stop "authority-$n"
    start_authority "$n"
    until_ok 30 answers "$n" || die "authority-$n does not come back"
  done
  until_ok 30 leads
}
some_authority_logged() { grep -qE -- "$1" "$run"/log/authority-*.log; }
leads() { ctl key root status >/dev/null 2>&1; }
refused_rotation() { ! ctl key root rotate --reason yearly --yes --confirm root-key >"$run/log/gcksctl.log" 2>&1 &&
  grep -q 'add the new one to root_key' "$run/log/gcksctl.log"; }
not_ctl() { ! ctl "$@" </dev/null >"$run/log/gcksctl.log" 2>&1; }
answers() { ctl upgrade status -o json 2>/dev/null | python3 -c '
import json, sys
found = {a["name"]: a for a in json.load(sys.stdin)["items"][0]["authorities"]}
sys.exit(found[sys.argv[1]]["error"] is not None)' "authority-$1"; }

prepare
check "gm1.demo registers" registers gm1.demo
old=$(sealing)

check "with one root key there is nothing to rotate to" refused_rotation
cp "$run/pki/root.key" "$run/old.key"
openssl rand -hex 32 >"$run/new.key"
cat "$run/old.key" "$run/new.key" >"$run/pki/root.key"
check "all authorities start again with both root keys" restart_all
check "the old one still seals" equal "$(sealing)" "$old"
for ((n = 2; n <= count; n++)); do start_member "gm$n.demo"; done
check "rotation needs a reason and a confirmation" not_ctl key root rotate
check "the root key is rotated while members register" until_ok 20 ctl_quietly key root rotate --reason yearly --yes \
  --confirm root-key
check "all stored keys are sealed anew" until_ok 30 all_new
check "another root key seals" test "$(sealing)" != "$old"
for ((n = 2; n <= count; n++)); do check "gm$n.demo holds its SAs" until_ok 40 holds_sas "gm$n.demo" 3; done

cp "$run/new.key" "$run/pki/root.key"
check "all authorities start again with the new root key alone" restart_all
check "the group can be rekeyed" until_ok 20 ctl_quietly rekey now market-data --all
check "gm1.demo follows the rekey" until_ok 20 logged gm1.demo '"event":"rekey-received"'
# The old root key alone opens nothing any more.
for n in 1 2 3; do stop "authority-$n"; done
cp "$run/old.key" "$run/pki/root.key"
for n in 1 2 3; do start_authority "$n"; done
check "with the old root key alone nobody leads, and the reason is said" until_ok 40 some_authority_logged \
  'is in force and this authority does not hold it'
for n in 1 2 3; do stop "authority-$n"; done
cp "$run/new.key" "$run/pki/root.key"
for n in 1 2 3; do start_authority "$n"; done
check "with the new one they lead again" until_ok 40 leads
check "the group can be rekeyed again" until_ok 20 ctl_quietly rekey now market-data --all
finish
