#!/usr/bin/env bash
# Six members, one is taken out: it holds nothing and cannot come back, the others hold equal new keys, the audit trail tells of it,
# and the wire shows no message under the old key but the one that ends it.
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
changed() { [[ "$(held_sas "$1")" != "$2" ]] && hold_the_same 3 $others; }
ends_with() { # code command...
  local code=0 wanted=$1
  shift
  "$@" >"$run/log/gcksctl.out" 2>"$run/log/gcksctl.log" || code=$?
  equal "$code" "$wanted"
}
refusals() { grep -c '"event":"registration-refused".*AUTHORIZATION_FAILED' "$run/log/$victim.log" || true; }
# The frontend's Delete comes within a second of the exclusion.
dismissed() {
  python3 - "$victim" "$run"/log/authority-*.log -- "$run"/log/frontend-*.log <<'END'
import datetime, json, sys
victim, files = sys.argv[1], sys.argv[2:]
place = files.index("--")
def events(paths, name):
    for path in paths:
        for line in open(path):
            if f'"event":"{name}"' in line: yield json.loads(line)
def at(event): return datetime.datetime.fromisoformat(event["time"].replace("Z", "+00:00")).timestamp()
committed = [at(e) for e in events(files[:place], "rekey-committed") if e["cause"] == "exclusion"]
ended = [at(e) for e in events(files[place + 1:], "ike-dismissed") if e["member"] == "fqdn:" + victim]
sys.exit(not (committed and ended and abs(ended[0] - committed[0]) < 1))
END
}
refused_again() { [[ $(refusals) -gt $1 ]]; }

# The Rekey SAs that GSA_REKEY datagrams travelled over, in the order they first appear.
spis_on_the_wire() {
  python3 - "$run/rekey.pcap" <<'END'
import struct, sys
data = open(sys.argv[1], "rb").read()
place, seen = 24, []
while place + 16 <= len(data):
    size = struct.unpack("<I", data[place + 8:place + 12])[0]
    frame = data[place + 16:place + 16 + size]
    place += 16 + size
    udp = frame[14 + (frame[14] & 15) * 4:]
    spi = udp[8:24].hex()
    if spi not in seen: seen.append(spi)
print(*seen)
END
}
rekey_spi() { items 'items[0]["rekey_sa"]["spi"]' group show market-data; }

prepare
tcpdump -i lo --immediate-mode -U -Z root -w "$run/rekey.pcap" "udp and dst port 10848" 2>"$run/log/tcpdump.log" &
pids[tcpdump]=$!
for name in $everybody; do start_member "$name"; done
check "six members hold equal keys" until_ok 20 hold_the_same 3 $everybody
before=$(held_sas gm1.demo) old_spi=$(rekey_spi)

evict="ctl member evict fqdn:$victim --group market-data"
check "without a reason it is refused" ends_with 2 $evict --yes --confirm=market-data
check "without confirmation it is refused" ends_with 2 $evict --reason drill
check "and the plan is shown" grep -q '^plan: market-data: 1 of 6 members taken out' "$run/log/gcksctl.log"
check "the dry run tells the plan" ends_with 0 $evict --reason drill --dry-run
check "and names the gap" grep -q 'expected gap' "$run/log/gcksctl.out"
check "nobody lost anything so far" equal "$(held_sas gm1.demo)" "$before"

check "the member is taken out" ends_with 0 $evict --reason "drill 4711" --yes --confirm=market-data
new_spi=$(rekey_spi)
check "the group has another Rekey SA" test "$new_spi" != "$old_spi"
check "the others hold equal new keys" until_ok 20 changed gm1.demo "$before"
check "the excluded one is refused" until_ok 20 logged "$victim" '"event":"registration-refused".*AUTHORIZATION_FAILED'
check "and holds nothing" until_ok 10 holds_nothing "$victim"
check "its IKE SA was ended by its frontend at once" dismissed
check "it is listed as excluded" equal "$(items '[m["state"] for m in items if m["state"] != "refused"]' member show "fqdn:$victim")" "['excluded']"
check "it is no longer a member" equal "$(items 'len([m for m in items if m["state"] == "member"])' member list market-data)" 5
check "the rules are explained" ends_with 4 ctl policy test --identity "fqdn:$victim" --group market-data

count=$(refusals)
stop "$victim"
start_member "$victim"
check "started anew it is refused again" until_ok 20 refused_again "$count"
middle=$(held_sas gm1.demo)
check "the operator rekeys" ctl_quietly rekey now market-data --all
check "the others follow by multicast" until_ok 20 changed gm1.demo "$middle"
check "the excluded one still holds nothing" holds_nothing "$victim"
sleep 0.5
stop tcpdump INT
check "on the wire: the old key once, then the new one" equal "$(spis_on_the_wire)" "$old_spi $new_spi"

check "history tells the causes" equal "$(items '[e["cause"] for e in items]' rekey history market-data)" "['exclusion', 'operator']"
check "the audit trail tells of it" equal \
  "$(items '[(e["actor"], e["object"], e["reason"]) for e in items]' audit search --action member-excluded)" \
  "[('alice', 'group/market-data/member/fqdn:$victim', 'drill 4711')]"
check "and of what was only tried" equal \
  "$(items '[e["result"].split(":")[0] for e in items]' audit search --action member-evict)" "['dry-run', 'dry-run']"
check "the head is signed" ctl_quietly audit anchor
check "the trail is whole" ctl_quietly audit verify
ctl audit export >"$run/trail.ndjson" 2>>"$run/log/gcksctl.log"
key=$(ctl audit key 2>>"$run/log/gcksctl.log")
check "an export is whole" ends_with 0 ctl audit verify "$run/trail.ndjson" --public-key "$key"
seq=$(items 'items[0]["seq"]' audit search --action member-excluded)
sed "/\"seq\":$seq,/s/drill 4711/drill 4712/" "$run/trail.ndjson" >"$run/changed.ndjson"
check "a changed record is found" ends_with 1 ctl audit verify "$run/changed.ndjson" --public-key "$key"
check "by its number" grep -q "record $seq: its hash" "$run/log/gcksctl.log"
sed "/\"kind\":\"AuditRecord\",\"seq\":$seq,/d" "$run/trail.ndjson" >"$run/shorter.ndjson"
check "a removed record is found" ends_with 1 ctl audit verify "$run/shorter.ndjson" --public-key "$key"
check "by its number too" grep -q "record $seq is expected" "$run/log/gcksctl.log"

check "the bar is lifted" ends_with 0 ctl member allow "fqdn:$victim"
stop "$victim"
start_member "$victim"
check "the member is in again" until_ok 20 hold_the_same 3 $everybody

last=$(held_sas gm1.demo)
check "a pause says how long it is safe" ends_with 0 ctl rekey pause market-data
check "in seconds" grep -q 'safe for [0-9]* s' "$run/log/gcksctl.out"
check "an emergency renews everything" ends_with 0 ctl rekey emergency market-data --reason leak --yes --confirm=market-data
renewed() { [[ "$(held_sas gm1.demo)" != "$last" ]] && hold_the_same 3 $everybody; }
check "and everybody comes back" until_ok 20 renewed
finish
