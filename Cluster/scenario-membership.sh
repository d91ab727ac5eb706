#!/usr/bin/env bash
# One authority grows to three by join tokens; one is taken out, its emptied host comes back under a new id; registrations go on.
# Every false token, certificate and cluster is refused and changes nothing. The commands are those of runbooks/replace-node.md.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/scenario.sh"

authorities=3 frontends=1 broadcasters=1

write_members() {
  local n
  for n in 1 2 3 4; do write_member "$n" "gm$n.demo" psk "$ike" sender; done
}

# Settings of a host that knows nothing of the others yet.
alone() { # number
  sed -i -e '/^nodes:/,/^[a-z]/{/^nodes:/d;/^  - {/d}' -e "s/^id: .*/id: 1/" "$run/etc/authority-$1.yaml"
}
voters() { items "sorted(n['name'] for n in items[0]['authorities'] if n['detail'] == 'voter')" status; }
are_voters() { [[ "$(voters)" == "$1" ]]; }
registers() { start_member "$1" && until_ok 40 holds_sas "$1" 3; }
has_id() { ctl upgrade status -o json 2>/dev/null | grep -qE '"cluster": "[0-9a-f]{32}"'; }
token() { ctl cluster token create --node "$@" 2>>"$run/log/gcksctl.log"; }
join() { ctl cluster join "$1" --settings "$run/etc/$2.yaml" "${@:3}" 2>&1; }
# refused TEXT COMMAND...: it fails, and its one line says TEXT.
refused() {
  local text=$1 said
  shift
  if said=$("$@" 2>&1); then echo "   not refused: $said"; return 1; fi
  [[ "$said" == *"$text"* && $(grep -c '^error: ' <<<"$said") -eq 1 ]] || { echo "   said: $said"; return 1; }
}

choose_ports
make_pki
write_settings
write_group
write_members
for n in 1 2 3; do alone "$n"; done

start_authority 1
until_ok 30 has_leader || die "authority-1 does not lead"
start_frontend 1
start_broadcaster 1
check "the group is applied" until_ok 10 ctl_quietly group apply -f "$run/etc/market-data.yaml"
check "gm1.demo registers with one authority" registers gm1.demo
check "the cluster has an id" until_ok 5 has_id

# The second and third.
second=$(token authority-2 --valid 5m)
check "authority-2 joins" join "$second" authority-2 --in-place
start_authority 2
check "authority-2 votes when it has caught up" until_ok 20 are_voters "['authority-1', 'authority-2']"
third=$(token authority-3)
check "a used token is refused" refused "used already" join "$second" authority-2 --store 127.0.7.9:7702
check "the token of another node is refused" refused "the token is for authority-3" join "$third" authority-1
check "half a token is refused" refused "no whole join token" join "${third:0:60}" authority-3
check "authority-3 joins" join "$third" authority-3 --in-place
start_authority 3
check "three vote" until_ok 20 are_voters "['authority-1', 'authority-2', 'authority-3']"
check "gm2.demo registers with three" registers gm2.demo

# A second cluster, with a CA and a store of its own.
other=$run/other
"$root/Tools/dev-ca" init "$other"
for role in authority store; do "$root/Tools/dev-ca" service "$other" "$role" authority-4; done
sed -e 's/authority-1/authority-4/g' -e 's/127\.0\.7\.1:/127.0.7.4:/g' -e "s#$run/pki/\(store\|ca\)#$other/\1#" \
  "$run/etc/authority-1.yaml" >"$run/etc/authority-4.yaml"
sed -i "s#$run/pki/authority-authority-4#$other/authority-authority-4#" "$run/etc/authority-4.yaml"
fourth=$(token authority-4)
check "a store with another CA is refused" refused "not the CA of the cluster" join "$fourth" authority-4
"$root/Tools/dev-ca" service "$run/pki" store authority-5
sed -e "s#$other/ca.pem#$run/pki/ca.pem#" -e "s#$other/store-authority-4#$run/pki/store-authority-5#" \
  "$run/etc/authority-4.yaml" >"$run/etc/wrong-name.yaml"
check "a certificate of another name is refused" refused "its one URI must be" join "$fourth" wrong-name
cp "$other/store-authority-4.pem" "$run/other.pem"
sed -e "s#$other/ca.pem#$run/pki/ca.pem#" "$run/etc/authority-4.yaml" >"$run/etc/wrong-issuer.yaml"
check "a certificate of another CA is refused" refused "not issued by the CA" join "$fourth" wrong-issuer
openssl req -new -key "$run/pki/store-authority-5.key" -subj /CN=old -out "$run/old.csr" 2>/dev/null
openssl x509 -req -in "$run/old.csr" -CA "$run/pki/ca.pem" -CAkey "$run/pki/ca.key" -set_serial 77 -sha256 \
  -days -1 -out "$run/old.pem" 2>/dev/null \
  -extfile <(echo "subjectAltName=URI:spiffe://gcks.dev/gcks/store/authority-4")
sed -e "s#$other/ca.pem#$run/pki/ca.pem#" -e "s#$other/store-authority-4.pem#$run/old.pem#" \
  -e "s#$other/store-authority-4.key#$run/pki/store-authority-5.key#" "$run/etc/authority-4.yaml" >"$run/etc/old.yaml"
check "an expired certificate is refused" refused "have a new one issued" join "$fourth" old
check "nothing of that changed the cluster" equal "$(voters)" "['authority-1', 'authority-2', 'authority-3']"

# The disk of authority-2 is lost: runbooks/replace-node.md.
stop authority-2 KILL
rm -rf "$run/var/authority-2"
check "no token for a name that is in use" refused "cluster remove authority-2" \
  ctl cluster token create --node authority-2
check "taking out a second one would lose the quorum" refused "no majority" \
  ctl cluster remove authority-3 --reason "by mistake" --yes --confirm authority-3
check "authority-2 is taken out" ctl_quietly cluster remove authority-2 --reason "disk lost" --yes --confirm authority-2
check "two vote" until_ok 10 are_voters "['authority-1', 'authority-3']"
check "gm3.demo registers with two" registers gm3.demo
check "the emptied host gets a new id" join "$(token authority-2)" authority-2 --in-place
check "its id was never used before" grep -qE '^id: [4-9]$' "$run/etc/authority-2.yaml"
start_authority 2
check "three vote again" until_ok 20 are_voters "['authority-1', 'authority-2', 'authority-3']"

# The founder goes, whatever the files of the others say.
check "the leader itself can be taken out" ctl_quietly cluster remove authority-1 --reason "old host" --yes \
  --confirm authority-1
check "the other two go on without it" until_ok 20 are_voters "['authority-2', 'authority-3']"
stop authority-1
check "gm4.demo registers" registers gm4.demo
for n in 2 3; do stop "authority-$n"; done
for n in 2 3; do start_authority "$n"; done
check "they start again without the founder" until_ok 30 has_leader
check "the group can be rekeyed" until_ok 20 ctl_quietly rekey now market-data --all
check "gm1.demo, the first, follows the rekey" until_ok 20 logged gm1.demo '"event":"rekey-received"'
check "nobody was given the Sender-ID of another" equal \
  "$(items "len({i['sender_id'] for i in items}) == len(items) >= 4" sender list market-data)" True
finish
