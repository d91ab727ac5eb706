#!/usr/bin/env bash
# The leading one of three authorities is killed in the middle of a stream of registrations: they go on after a pause, nothing
# that was acknowledged is lost, and no Sender-ID is given twice.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/scenario.sh"

authorities=3 frontends=2 broadcasters=2
count=32 killed_after=12

write_members() {
  local n
  for ((n = 1; n <= count; n++)); do write_member "$n" "gm$n.demo" psk "$ike" sender; done
}

leader() { items "items[0]['leader']" status; }
acknowledged() { cat "$run"/var/gm*.demo/sas.jsonl 2>/dev/null | grep -c '"kind":"rekey"' || true; }
at_least() { (($(acknowledged) >= $1)); }
new_leader() { local now; now=$(leader) && [[ "$now" == authority-* && "$now" != "$1" ]]; }

# What the members were told beside what the cluster lists: one "member id id ..." a line, sorted.
told() {
  python3 - "$run"/var/gm*.demo/sas.jsonl <<'END_OF_PYTHON'
import json, pathlib, sys
for path in sys.argv[1:]:
    given = [record["sender_ids"] for record in map(json.loads, open(path)) if record.get("sender_ids")]
    if given: print("fqdn:" + pathlib.Path(path).parent.name, *sorted(set(sum(given, []))))
END_OF_PYTHON
}
listed() { items "'\n'.join(' '.join(map(str, [i['identity'], *i['sender_ids']])) for i in items if i['state'] == 'member')" \
  member list market-data; }
given() { items "'\n'.join(f\"{i['member']} {i['sender_id']}\" for i in items)" sender list market-data; }
none_twice() { [[ -z "$(awk '{ for (i = 2; i <= NF; i++) print $i }' "$1" | sort | uniq -d)" ]]; }
same_lines() { diff <(sort "$1") <(sort "$2"); }
rekeyed() { (($(grep -l '"event":"rekey-received"' "$run"/log/gm*.demo.log | wc -l) == count)); }

prepare
first=$(leader)
check "somebody leads: $first" test -n "$first"
# Members a few at a time, so that registrations are under way all through the change of leaders.
killed=no
for ((n = 1; n <= count; n++)); do
  start_member "gm$n.demo"
  sleep 0.15
  if [[ "$killed" == no ]] && at_least "$killed_after"; then
    stop "$first" KILL
    killed=$(acknowledged)
  fi
done
check "the leader was killed in the middle, after $killed registrations" test "$killed" != no -a "$killed" -lt "$count"
check "another authority leads" until_ok 30 new_leader "$first"
check "all $count registrations are granted in the end" until_ok 60 at_least "$count"

told >"$run/told"
listed >"$run/listed"
given >"$run/given"
check "every member was told a Sender-ID" equal "$(wc -l <"$run/told")" "$count"
check "no Sender-ID was told twice" none_twice "$run/told"
check "no Sender-ID is listed twice" none_twice "$run/given"
check "who was acknowledged, with which Sender-IDs, is what is listed" same_lines "$run/told" "$run/listed"
check "the Sender-IDs given are those the members have" same_lines "$run/told" "$run/given"
check "the operator rekeys under the new leader" until_ok 20 ctl_quietly rekey now market-data --all
check "all $count members follow the rekey" until_ok 20 rekeyed
finish
