#!/usr/bin/env bash
# A backup taken under load is restored into a new cluster, while the old one had gone on: groups, exclusions and schedules are
# there, no key, SPI or pair of SPI and Message ID of the old cluster comes back, and the members register again.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/scenario.sh"

authorities=1 frontends=1 broadcasters=1

write_members() {
  local n
  for n in 1 2 3 4; do write_member "$n" "gm$n.demo" psk "$ike" sender; done
}

# Every SPI that a member was ever told, one a line.
spis() {
  python3 - "$run"/var/gm*.demo/sas.jsonl <<'END_OF_PYTHON'
import json, sys
seen = set()
for path in sys.argv[1:]:
    for line in open(path):
        record = json.loads(line)
        if record.get("action") == "install": seen.add((record["kind"], record["spi"]))
for kind, spi in sorted(seen): print(kind, spi)
END_OF_PYTHON
}
new_spis() { spis | comm -13 "$run/spis-before" -; }
# All of the life after the first: the high 12 bits of a data SA's SPI.
data_spis_are_of_life() { ! new_spis | awk '$1 == "data" { print $2 }' | grep -qv "^$(printf '%03x' "$1")"; }
refused() { # file, what stderr says
  ctl backup restore "$1" --key "$run/backup.key" --reason test --dry-run >"$run/log/refused" 2>&1 && return 1
  [[ $(grep -c '^error: ' "$run/log/refused") -eq 1 ]] && grep -q -- "$2" "$run/log/refused" || { cat "$run/log/refused"; return 1; }
}
rekeys_in_a_row() { while sleep 0.2; do ctl rekey now market-data --tek || true; done >>"$run/log/rekeys" 2>&1; }
# Opens the file with another implementation of X25519, HKDF and AES-GCM, by the layout its documentation gives.
opens_elsewhere() {
  python3 - "$1" "$run/backup.key" <<'END_OF_PYTHON'
import sys
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
sealed, key = open(sys.argv[1], "rb").read(), X25519PrivateKey.from_private_bytes(open(sys.argv[2], "rb").read())
magic, recipient, ephemeral = sealed[:8], sealed[8:40], sealed[40:72]
raw = serialization.Encoding.Raw, serialization.PublicFormat.Raw
assert magic == b"GCKSBAK1" and recipient == key.public_key().public_bytes(*raw)
shared = key.exchange(X25519PublicKey.from_public_bytes(ephemeral))
keys = HKDF(hashes.SHA256(), 44, ephemeral + recipient, magic).derive(shared)
plain = AESGCM(keys[:32]).decrypt(keys[32:], sealed[72:], sealed[:72])
assert b"market-data" in plain and b"gm4.demo" in plain
END_OF_PYTHON
}

prepare
for n in 1 2 3 4; do start_member "gm$n.demo"; done
for n in 1 2 3 4; do check "gm$n.demo registers" until_ok 20 holds_sas "gm$n.demo" 3; done
check "gm4.demo is taken out" ctl_quietly member evict fqdn:gm4.demo --group market-data --reason "lost" --yes --confirm=market-data
for n in 1 2 3; do check "gm$n.demo is back" until_ok 40 holds_sas "gm$n.demo" 3; done
check "a schedule is set" ctl_quietly rekey schedule set market-data --kek 70 --tek 60

check "a key pair is made" ctl_quietly backup key "$run/backup.key"
check "a key is not made over another" equal "$(ctl backup key "$run/backup.key" 2>&1 | grep -c '^error: .*File exists')" 1
rekeys_in_a_row &
pids[rekeys]=$!
sleep 1
check "a backup is made while keys roll" ctl_quietly backup create "$run/one.backup" --to "$run/backup.key.pub"
check "another implementation opens it" opens_elsewhere "$run/one.backup"
check "no name stands in the file in clear" equal "$(grep -c market-data "$run/one.backup" || true)" 0
sleep 1
stop rekeys
check "the old cluster goes on after it" ctl_quietly rekey now market-data --all
sleep 2
old_cluster=$(ctl backup verify "$run/one.backup" --key "$run/backup.key" -o json | python3 -c 'import json, sys; print(json.load(sys.stdin)["items"][0]["cluster"])')
spis >"$run/spis-before"

head -c 300 "$run/one.backup" >"$run/torn.backup"
python3 -c 'import sys; octets = bytearray(open(sys.argv[1], "rb").read()); octets[200] ^= 1; open(sys.argv[2], "wb").write(octets)' \
  "$run/one.backup" "$run/changed.backup"
head -c 4096 /dev/urandom >"$run/foreign.backup"
check "a torn file is refused" refused "$run/torn.backup" "changed or cut short"
check "a changed file is refused" refused "$run/changed.backup" "changed or cut short"
check "another kind of file is refused" refused "$run/foreign.backup" "no file of this kind"
check "a file that is not there is refused" refused "$run/none.backup" "No such file"
check "a cluster that has groups takes none" refused "$run/one.backup" "restored into a new cluster"

# The broadcaster lives on: it knows orders of before.
stop frontend-1
stop authority-1
rm -rf "$run/var/authority-1"
start_authority 1
check "a new cluster leads" until_ok 30 has_leader
check "a restore without a reason is refused" equal "$(ctl backup restore "$run/one.backup" --key "$run/backup.key" 2>&1 | grep -c 'say why with --reason')" 1
check "a life that has been is refused" equal \
  "$(ctl backup restore "$run/one.backup" --key "$run/backup.key" --life 1 --reason test --dry-run 2>&1 | grep -c '^error: life 1 has been')" 1
check "the dry run changes nothing" ctl_quietly backup restore "$run/one.backup" --key "$run/backup.key" --reason test --dry-run
check "no group yet" equal "$(items 'len(items)' group list)" 0
check "the backup is restored" ctl_quietly backup restore "$run/one.backup" --key "$run/backup.key" --reason "site lost" --yes "--confirm=$old_cluster"
check "the group is there" equal "$(items 'items[0]["name"]' group list)" market-data
check "the trail tells of it" equal "$(items 'len(items)' audit search --action backup-restored)" 1
start_frontend 1
registered_anew() { [[ $(items 'sum(i["state"] == "member" for i in items)' member list market-data) -eq 3 ]]; }
check "a rekey calls the members in" ctl_quietly rekey now market-data --all
for n in 1 2 3; do check "gm$n.demo hears of a Rekey SA it does not know" until_ok 10 logged "gm$n.demo" '"reregistration-planned".*unknown-spi'; done
# They come within three minutes; started again, they come at once.
for n in 1 2 3; do stop "gm$n.demo" KILL; start_member "gm$n.demo"; done
check "the three members register again" until_ok 60 registered_anew
check "they were told new SAs" until_ok 20 eval '[[ $(new_spis | wc -l) -ge 3 ]]'
check "every new data SA is of the second life" data_spis_are_of_life 2
check "gm4.demo stays out" equal "$(items '[i["identity"] for i in items if i["state"] == "member" and "gm4" in i["identity"]]' member list market-data)" "[]"
check "they are rekeyed again" ctl_quietly rekey now market-data --all
check "no SPI of the old cluster is in a new one's messages" equal "$(grep -h '"event":"rekey-committed"' "$run/log/authority-1.log" | tail -n 1 |
  python3 -c 'import json, sys; print(json.loads(sys.stdin.read())["spi"])' | grep -cf - "$run/spis-before" || true)" 0
finish
