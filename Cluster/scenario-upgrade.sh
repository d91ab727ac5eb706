#!/usr/bin/env bash
# A cluster whose store was made by the first release: the new programs work in its schema, change leaders in it, and take the
# new schema when an operator says so; nothing is lost. A store of a newer schema is refused and left as it is.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/scenario.sh"

authorities=3 frontends=1 broadcasters=1
released=$root/Cluster/released

write_members() {
  local n
  for n in 1 2 3 4; do write_member "$n" "gm$n.demo" psk "$ike" sender; done
}

registers() { start_member "$1" && until_ok 40 holds_sas "$1" 3; }
leader() { items "items[0]['leader']" status; }
schema() { items "items[0]['schema']" upgrade status; }
in_schema() { [[ "$(schema)" == "$1" ]]; }
newest() { items "max(a['schema_known'] or 0 for a in items[0]['authorities'])" upgrade status; }
listed() { items "sorted(i['identity'][5:] for i in items if i['state'] == 'member')" member list; }
refused() {
  local text=$1 said
  shift
  if said=$("$@" 2>&1); then echo "   not refused: $said"; return 1; fi
  [[ "$said" == *"$text"* ]] || { echo "   said: $said"; return 1; }
}
sql() { "$released/store-sql" "$run/var/$1/store.sock" "$2"; }
some_authority_logged() { grep -qE -- "$1" "$run"/log/authority-*.log; }
# Whichever node leads the log, also when its authority does not.
sql_at_leader() { local n; for n in 1 2 3; do sql "authority-$n" - <<<"$1" 2>/dev/null && return 0; done; return 1; }
finalize() { ctl_quietly upgrade finalize --reason "new version everywhere" --yes --confirm "schema-$(newest)"; }

numbered() { equal "$(items "[(i['name'], i['number'], i['state']) for i in items]" frontend list)" "[('frontend-1', 1, 'ready')]" >/dev/null; }
finalizing_recorded() {
  equal "$(items "[(i['result'], i['reason']) for i in items]" audit search --action upgrade-finalize)" \
    "[('done', 'new version everywhere')]" >/dev/null
}

# The store of node 1, as the first release made it.
release_store() {
  mkdir -p "$run/var/authority-1"
  mkfifo "$run/hold"
  # It ends when its input does, and this one does not.
  exec 9<>"$run/hold"
  "$bin/gcks-store" --name authority-1 --id 1 --data "$run/var/authority-1/store" \
    --socket "$run/var/authority-1/store.sock" --latency 20 <&9 2>>"$run/log/store.log" &
  pids[store]=$!
  until_ok 20 sql authority-1 "$released/schema-1.sql" || return 1
  stop store
}

choose_ports
make_pki
write_settings
write_group
write_members
check "a store of the first release" release_store
start_cluster
check "the new programs lead in schema 1" until_ok 20 in_schema 1
check "a group is applied in schema 1" until_ok 20 ctl_quietly group apply -f "$run/etc/market-data.yaml"
check "gm1.demo registers in schema 1" registers gm1.demo
check "what needs the new schema is refused and says why" refused "gcksctl upgrade finalize" \
  ctl cluster token create --node authority-4
check "so is a drain of a frontend, which this schema would lose" refused "gcksctl upgrade finalize" \
  ctl frontend drain frontend-1 --reason test --yes
first=$(leader)
stop "$first" KILL
check "another leads in schema 1" until_ok 30 in_schema 1
check "an upgrade without one authority is not finalized" refused "does not answer" ctl upgrade plan
check "nor by force" refused "$first did not say" ctl upgrade finalize --reason now --yes \
  --confirm "schema-$(newest)"
check "gm2.demo registers there" registers gm2.demo
start_authority "${first##*-}"
check "the plan has no obstacle now" until_ok 20 ctl_quietly upgrade plan
check "finalize needs a reason" refused "--reason" ctl upgrade finalize
start_member gm3.demo
check "the new schema is taken" until_ok 10 finalize
check "the store is in the newest schema" until_ok 20 in_schema "$(newest)"
check "the frontend, which stayed connected, is listed with its number" until_ok 10 numbered
check "the audit trail begins with who took the new schema" until_ok 10 finalizing_recorded
check "gm3.demo, who registered meanwhile, holds its SAs" until_ok 40 holds_sas gm3.demo 3
check "all members are still there" until_ok 10 equal "$(listed)" "['gm1.demo', 'gm2.demo', 'gm3.demo']"
check "finalize again changes nothing" ctl_quietly upgrade finalize
check "what needs the new schema works" until_ok 10 ctl_quietly cluster token create --node authority-4
check "the group can be rekeyed" until_ok 20 ctl_quietly rekey now market-data --all

# As if a newer version had been here.
known=$(newest)
check "the store goes to a schema of the future" sql_at_leader "UPDATE schema_version SET version = 99"
last=$(leader)
stop "$last" KILL
check "nobody leads a store that it does not know" until_ok 20 some_authority_logged \
  'the store is in schema 99 and this program knows'
start_authority "${last##*-}"
check "the store was left as it is" until_ok 20 sql_at_leader "UPDATE schema_version SET version = $known WHERE version = 99"
check "the authorities lead again by themselves" until_ok 40 in_schema "$known"
check "gm4.demo registers" registers gm4.demo
check "all are members" until_ok 10 equal "$(listed)" "['gm1.demo', 'gm2.demo', 'gm3.demo', 'gm4.demo']"
finish
