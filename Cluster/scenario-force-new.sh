#!/usr/bin/env bash
# Two of three authorities are lost for good, and the third had missed what they committed last. By the runbook
# (Cluster/runbooks/lost-quorum.md) the survivor becomes the cluster, begins a new life and serves the members, who register again.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/scenario.sh"

authorities=3 frontends=1 broadcasters=1

write_members() {
  local n
  for n in 1 2 3; do write_member "$n" "gm$n.demo" psk "$ike" sender; done
}

force_new() { "$bin/gcks-authority" --config "$run/etc/authority-1.yaml" --force-new "$@" >"$run/log/force-new" 2>&1; }
says() { grep -q -- "$1" "$run/log/force-new" || { cat "$run/log/force-new"; return 1; }; }
spi_of() { items "items[0]['$1']" group show market-data; }
installed() {
  python3 - "$run"/var/gm*.demo/sas.jsonl <<'END_OF_PYTHON'
import json, sys
seen = {(r["kind"], r["spi"]) for path in sys.argv[1:] for r in map(json.loads, open(path)) if r.get("action") == "install"}
for kind, spi in sorted(seen): print(kind, spi)
END_OF_PYTHON
}
signal() { # name signal: the authority and its store
  local pid
  for pid in ${pids[$1]} $(ps -o pid= --ppid "${pids[$1]}"); do kill "-$2" "$pid" 2>/dev/null || true; done
}
other_leads() { local now; now=$(items "items[0]['leader']" status) && [[ "$now" == authority-[23] ]]; }
members_are() { [[ $(items 'sum(i["state"] == "member" for i in items)' member list market-data) -eq $1 ]]; }
same_at_all() { [[ $(for n in 1 2 3; do held_sas "gm$n.demo" | md5sum; done | sort -u | wc -l) -eq 1 ]] && holds_sas gm1.demo 3; }

prepare
for n in 1 2; do start_member "gm$n.demo"; done
for n in 1 2; do check "gm$n.demo registers" until_ok 20 holds_sas "gm$n.demo" 3; done

signal authority-1 STOP
check "another authority leads while the first is frozen" until_ok 20 other_leads
check "keys roll without the first" until_ok 10 ctl_quietly rekey now market-data --all
start_member gm3.demo
check "gm3.demo registers without the first" until_ok 20 holds_sas gm3.demo 3
sleep 2
installed >"$run/before"
signal authority-2 KILL
signal authority-3 KILL
stop authority-2 KILL
stop authority-3 KILL
rm -rf "$run/var/authority-2" "$run/var/authority-3"
signal authority-1 CONT
sleep 1

force_new --confirm=authority-1 && code=0 || code=$?
check "a store that runs is not taken over" equal "$code" 1
check "and it says why" says "used by another process"
stop authority-1
force_new && code=0 || code=$?
check "nothing is done without the name" equal "$code" 2
check "and it says what it would do" says "Nothing was changed"
check "the survivor becomes the cluster" force_new --confirm=authority-1
authorities=1
write_settings
start_authority 1
check "it leads" until_ok 30 has_leader
check "a new life has begun" equal "$(items 'len(items)' audit search --action life-begun)" 1
stop frontend-1
start_frontend 1
check "a rekey calls the members in" ctl_quietly rekey now market-data --all
for n in 1 2 3; do check "gm$n.demo hears of a Rekey SA it does not know" until_ok 10 logged "gm$n.demo" '"reregistration-planned".*unknown-spi'; done
# They come within three minutes; started again, they come at once.
for n in 1 2 3; do stop "gm$n.demo" KILL; start_member "gm$n.demo"; done
check "three members register again" until_ok 60 members_are 3
check "they hold the same keys" until_ok 20 same_at_all
installed | comm -13 "$run/before" - >"$run/after"
check "all data SAs are of the second life" equal "$(awk '$1 == "data" && $2 !~ /^002/' "$run/after" | wc -l)" 0
check "they are rekeyed again" ctl_quietly rekey now market-data --all
check "and follow" until_ok 20 same_at_all
stop authority-1
start_authority 1
check "it leads again after a restart" until_ok 30 has_leader
check "and no other life begins" equal "$(items 'len(items)' audit search --action life-begun)" 1
finish
