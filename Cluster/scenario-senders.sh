#!/usr/bin/env bash
# One sender of a single-sender group: killed and started again it gets an SA of new keys, the receiver too; its positions reach the
# authority, and before its 32-bit numbers end the SA is rolled over.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/scenario.sh"

broadcasters=1

write_members() {
  write_member 1 gm1.demo psk "$ike" sender
  write_member 2 gm2.demo psk "$ike" receiver
  sed -i "s|rekey: \"239.77.0.1:10848\" }|rekey: \"239.77.0.1:10848\", sequence_file: $run/var/positions }|" \
    "$run/etc/gm1.demo.yaml"
}

eval "plain_$(declare -f write_group)"
write_group() {
  plain_write_group
  sed -i -e 's/senders: shared/senders: single/' -e '/name: snapshots/d' "$run/etc/market-data.yaml"
}

# SPI and key check value of the member's newest data SA.
newest() {
  python3 - "$run/var/$1/sas.jsonl" <<'END'
import json, sys
records = [json.loads(line) for line in open(sys.argv[1])]
print(*[f"{r['spi']} {r['key_check_value']}" for r in records if r["action"] == "install" and r["kind"] == "data"][-1:])
END
}
has_another() { [[ -n "$(newest "$1")" && "$(newest "$1")" != "$2" ]]; }
agree() { [[ -n "$(newest gm1.demo)" && "$(newest gm1.demo)" == "$(newest gm2.demo)" ]]; }
reported() { equal "$(items 'items[0]["next"]' sender seq market-data)" "$1"; }
last_cause() { equal "$(items 'items[-1]["cause"]' rekey history market-data)" "$1"; }
position() { printf '%s %s\n' "$(newest gm1.demo | cut -d' ' -f1)" "$1" >"$run/var/positions"; }

prepare
start_member gm1.demo
start_member gm2.demo
check "both hold the SA" until_ok 20 agree
before=$(newest gm1.demo)
check "nothing was replaced for the first sender" equal "$(items 'len(items)' rekey history market-data)" 0

stop gm1.demo KILL
start_member gm1.demo
check "the sender that began anew has another SA" until_ok 20 has_another gm1.demo "$before"
check "and the receiver got it by GSA_REKEY" until_ok 20 agree
check "the history says why" last_cause sender

position 2
check "the first use is reported" until_ok 20 reported 2
before=$(newest gm1.demo)
position 4200000000
check "near the end of its numbers the SA is rolled over" until_ok 30 has_another gm1.demo "$before"
check "for the receiver too" until_ok 20 agree
check "the history says why" last_cause sequence
position 2
check "the new SA begins at the start" until_ok 20 reported 2
check "the table shows the sender" grep -q 'fqdn:gm1.demo' <(ctl sender seq market-data)
check "the use of the Sender-ID space is shown" grep -q 'of 65536 Sender-IDs given' <(ctl sender list market-data)
finish
