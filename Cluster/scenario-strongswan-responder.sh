#!/usr/bin/env bash
# strongSwan, an independent IKEv2 responder, lets our initiator establish childless IKE SAs.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/scenario.sh"
source "$(dirname "${BASH_SOURCE[0]}")/scenario-strongswan.sh"

# At its second address charon fragments.
fragmenting_address=10.77.0.3
shared_key_members="psk cbc encapsulated asked asking aging cookie impostor"
signing_members="ecdsa fragmented cookie-fragmented stranger"

make_credentials() {
  local name
  "$root/Tools/dev-ca" init "$run/pki"
  "$root/Tools/dev-ca" init "$run/elsewhere"
  for name in $shared_key_members; do "$root/Tools/dev-ca" shared-key "$run/pki" "fqdn:$name.demo" >/dev/null; done
  for name in $signing_members; do "$root/Tools/dev-ca" member "$run/pki" "$name.demo" ecdsa; done
  "$root/Tools/dev-ca" member "$run/pki" ed25519.demo ed25519
  give_charon charon.peer ecdsa
  give_charon charon-ed25519.peer ed25519
}

secret_of() { awk -v identity="fqdn:$1.demo" '$1 == identity { print $2 }' "$run/pki/shared-keys"; }

# A member's settings: without a group it makes an IKE SA and holds it.
member() { # name, way, charon's address, lines of its ike section...
  local name=$1 way=$2 address=$3 gcks=charon.peer trusted=$run/pki/ca.pem
  shift 3
  [[ "$name" != ed25519 ]] || gcks=charon-ed25519.peer
  [[ "$name" != stranger ]] || trusted=$run/elsewhere/ca.pem
  {
    printf 'identity: "fqdn:%s.demo"\ngcks: "fqdn:%s"\nlocal_address: 10.77.0.1\n' "$name" "$gcks"
    printf 'frontends:\n  - { address: "%s:500" }\ncredentials:\n' "$address"
    if [[ "$way" == psk ]]; then
      echo "fqdn:$gcks $(secret_of "$name")" >"$run/pki/$name.psk"
      echo "  shared_keys: $run/pki/$name.psk"
    else
      printf '  certificate: %s\n  key: %s\n  trust_anchors: [%s]\n' \
        "$run/pki/$name.demo.pem" "$run/pki/$name.demo.key" "$trusted"
    fi
    printf 'ike:\n  childless: true\n'
    (($# == 0)) || printf '  %s\n' "$@"
  } >"$run/etc/$name.yaml"
}

members() {
  member psk psk "$charon_address"
  member ecdsa ecdsa "$charon_address"
  member ed25519 ed25519 "$charon_address"
  member cbc psk "$charon_address" "proposals: { encryption: [aes-cbc-256-hmac-sha256] }"
  member encapsulated psk "$charon_address" "force_nat_traversal: true"
  member fragmented ecdsa "$fragmenting_address" "fragment: 400"
  member asked psk "$charon_address"
  member asking psk "$charon_address" "liveness: 1s"
  member aging psk "$charon_address" "sa_lifetime: 10s"
  member impostor psk "$charon_address"
  member stranger ecdsa "$charon_address"
  member cookie psk "$charon_address"
  member cookie-fragmented ecdsa "$fragmenting_address" "fragment: 400"
}

connection() { # name, way, charon's address, further settings of charon...
  local name=$1 way=$2 address=$3 identity=charon.peer
  shift 3
  [[ "$name" != ed25519 ]] || identity=charon-ed25519.peer
  cat <<END
  $name : defaults {
    local_addrs = $address
    local {
      auth = $way
      id = $identity
$([[ "$way" == psk ]] || printf '      certs = %s.pem' "$identity")
    }
    remote {
      auth = $way
      id = $name.demo
    }
$(printf '    %s\n' "$@")
  }
END
}

swanctl_settings() {
  local name secret
  cat <<END
defaults {
  version = 2
  remote_addrs = 10.77.0.1
  proposals = aes256gcm16-prfsha256-x25519, aes256-sha256-ecp256
  childless = allow
  fragmentation = no
  unique = never
}
connections {
END
  for name in psk cbc encapsulated asking aging cookie impostor; do connection "$name" psk "$charon_address"; done
  connection asked psk "$charon_address" "dpd_delay = 1s"
  connection ecdsa ecdsa-sha256 "$charon_address"
  connection stranger ecdsa-sha256 "$charon_address"
  connection ed25519 pubkey "$charon_address"
  for name in fragmented cookie-fragmented; do
    connection "$name" ecdsa-sha256 "$fragmenting_address" "fragmentation = force"
  done
  printf '}\nsecrets {\n'
  for name in $shared_key_members; do
    secret=$(secret_of "$name")
    [[ "$name" != impostor ]] || secret='"a guess"'
    printf '  ike-%s {\n    id = %s.demo\n    secret = %s\n  }\n' "$name" "$name" "$secret"
  done
  echo "}"
}

# An IKE_SA_INIT that nobody follows up: with its threshold of one, charon asks the next initiators for a cookie.
leave_half_open() {
  python3 - "$charon_address" <<'END'
import os, socket, struct, sys

def payload(following, body): return struct.pack("!BBH", following, 0, 4 + len(body)) + body
def transform(more, kind, number, attributes=b""):
    return struct.pack("!BBHBBH", more, 0, 8 + len(attributes), kind, 0, number) + attributes

transforms = transform(3, 1, 20, struct.pack("!HH", 0x800e, 256)) + transform(3, 2, 5) + transform(0, 4, 31)
proposal = struct.pack("!BBHBBBB", 0, 0, 8 + len(transforms), 1, 1, 0, 3) + transforms
body = payload(34, proposal) + payload(40, struct.pack("!HH", 31, 0) + os.urandom(32)) + payload(0, os.urandom(32))
header = os.urandom(8) + bytes(8) + struct.pack("!BBBBII", 33, 0x20, 34, 0x08, 0, 28 + len(body))
peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
peer.settimeout(5)
peer.sendto(header + body, (sys.argv[1], 500))
sys.exit(peer.recv(4096)[16] != 33)
END
}

probe() { # name
  "$bin/gcks-member" probe --config "$run/etc/$1.yaml" --timeout 10 >"$run/log/probe.log" 2>&1
}
probe_rekeying() { # name
  "$bin/gcks-member" probe --config "$run/etc/$1.yaml" --rekey --timeout 10 >"$run/log/probe.log" 2>&1
}
probe_said() { grep -qE -- "$1" "$run/log/probe.log" || { cat "$run/log/probe.log"; return 1; }; }

# Both ends say that the IKE SA stood, and that it was deleted.
establishes() { # name, charon's identity, charon's address
  listen_to_charon
  check "$1: our initiator succeeds" probe "$1"
  check "$1: it says with whom" probe_said "^IKE SA with fqdn:$2 established and deleted$"
  check_said "$1: charon has the IKE SA" "IKE_SA $1\[[0-9]+\] established between $3\[$2\]...10.77.0.1\[$1.demo\]"
  check_said "$1: no Child SA was asked for" 'parsed IKE_AUTH request 1 \[ IDi (CERT )?(CERTREQ )?IDr AUTH \]'
  check_said "$1: charon sees the Delete" "IKE_SA deleted"
  check "$1: charon has it no more" charon_lacks "$1"
}

# Our initiator asks for new keys by CREATE_CHILD_SA; the new IKE SA carries the Delete that ends it.
rekeys() { # name, charon's identity, charon's address
  listen_to_charon
  check "$1: our initiator rekeys" probe_rekeying "$1"
  check "$1: it says so" probe_said "^IKE SA with fqdn:$2 established, rekeyed and deleted$"
  check_said "$1: charon is asked" 'parsed CREATE_CHILD_SA request 2 \[ SA No KE \]'
  check_said "$1: charon has the new IKE SA" "IKE_SA $1\[[0-9]+\] rekeyed between $3\[$2\]...10.77.0.1\[$1.demo\]"
  check_said "$1: its first request is the Delete" 'parsed INFORMATIONAL request 0 \[ D \]'
  check "$1: charon has it no more" charon_lacks "$1"
}

mkdir -p "$run/etc" "$run/log" "$run/var"
make_link 10.77.0.1
in_far ip address add "$fragmenting_address/24" dev far
make_credentials
members
start_charon 1 < <(swanctl_settings)

establishes psk charon.peer "$charon_address"
check_never_said "psk: nobody had to bring a cookie" 'N\(COOKIE\)'
check_never_said "psk: nothing went in fragments" '\[ EF\('

establishes ecdsa charon.peer "$charon_address"
check_said "ecdsa: so we sign" "authentication of 'ecdsa.demo' with ECDSA_WITH_SHA256_DER successful"
check_said "ecdsa: so charon signs" "authentication of 'charon.peer' \(myself\) with ECDSA_WITH_SHA256_DER successful"

establishes ed25519 charon-ed25519.peer "$charon_address"
check_said "ed25519: so we sign" "authentication of 'ed25519.demo' with ED25519 successful"
check_said "ed25519: so charon signs" "authentication of 'charon-ed25519.peer' \(myself\) with ED25519 successful"

establishes cbc charon.peer "$charon_address"
check_said "cbc: encryption and integrity are two transforms" \
  'selected proposal: IKE:AES_CBC_256/HMAC_SHA2_256_128/PRF_HMAC_SHA2_256/ECP_256'
check_said "cbc: charon asks for another key exchange method" 'generating IKE_SA_INIT response 0 \[ N\(INVAL_KE\) \]'

establishes encapsulated charon.peer "$charon_address"
check_said "encapsulated: it moved to port 4500" "received packet: from 10.77.0.1\[[0-9]+\] to $charon_address\[4500\]"

establishes fragmented charon.peer "$fragmenting_address"
check_said "fragmented: the request" 'parsed IKE_AUTH request 1 \[ EF\(2/[2-9]\) \]'
check_said "fragmented: the response" 'generating IKE_AUTH response 1 \[ EF\(2/[2-9]\) \]'

rekeys psk charon.peer "$charon_address"
rekeys ecdsa charon.peer "$charon_address"
rekeys cbc charon.peer "$charon_address"
rekeys encapsulated charon.peer "$charon_address"

listen_to_charon
start_member asked
check "asked: charon has an IKE SA" until_ok 10 charon_has asked
check_said "asked: we answer when charon asks whether we live" 'parsed INFORMATIONAL response [0-9]+ \[ \]'
listen_to_charon
check "asked: charon rekeys it" swan_quietly --rekey --ike asked
check_said "asked: it asks for that" 'generating CREATE_CHILD_SA request [0-9]+ \[ SA No KE \]'
check_said "asked: charon has the new IKE SA" 'IKE_SA asked\[[0-9]+\] rekeyed between'
check "asked: so have we" until_ok 5 logged asked '"event":"ike-sa-rekeyed"'
check_said "asked: we answer the Delete of the old one" 'IKE_SA deleted'
check_said "asked: and over the new one when charon asks whether we live" 'parsed INFORMATIONAL response [0-9]+ \[ \]'
listen_to_charon
check "asked: charon deletes it" swan_quietly --terminate --ike asked --timeout 10
check_said "asked: we answer the Delete" "IKE_SA deleted"
check "asked: we take it as gone" until_ok 5 logged asked '"event":"ike-sa-closed".*deleted by the other end'
stop asked

listen_to_charon
start_member asking
check "asking: charon has an IKE SA" until_ok 10 charon_has asking
check_said "asking: charon answers when we ask whether it lives" 'generating INFORMATIONAL response [0-9]+ \[ \]'
stop asking
check_said "asking: charon sees our Delete" 'received DELETE for IKE_SA asking'
check "asking: charon has it no more" charon_lacks asking
check "asking: we wait for its answer" logged asking '"event":"ike-sa-closed".*finished'

listen_to_charon
start_member aging
check "aging: charon has an IKE SA" until_ok 10 charon_has aging
check "aging: we rekey in time" until_ok 15 logged aging '"event":"ike-sa-rekeyed"'
check_said "aging: charon has the new IKE SA" 'IKE_SA aging\[[0-9]+\] rekeyed between'
check_said "aging: charon sees our Delete of the old one" 'received DELETE for IKE_SA aging'
stop aging
check "aging: charon has it no more" charon_lacks aging

listen_to_charon
check "impostor: our initiator gets no IKE SA" fails probe impostor
check "impostor: it says why" probe_said "the GCKS does not accept us"
check_said "impostor: charon says why" "tried 1 shared key for 'charon.peer' - 'impostor.demo', but MAC mismatched"

listen_to_charon
check "stranger: our initiator does not believe charon" fails probe stranger
check "stranger: it says why" probe_said "AUTHENTICATION_FAILED: .*certificate of fqdn:charon.peer"
check_said "stranger: charon is told" 'parsed INFORMATIONAL request 2 \[ N\(AUTH_FAILED\) \]'

check "somebody leaves an IKE SA half open" leave_half_open
for name in cookie cookie-fragmented; do
  address=$charon_address
  [[ "$name" == cookie ]] || address=$fragmenting_address
  establishes "$name" charon.peer "$address"
  check_said "$name: charon asks for a cookie" 'generating IKE_SA_INIT response 0 \[ N\(COOKIE\) \]'
  check_said "$name: we bring it" 'parsed IKE_SA_INIT request 0 \[ N\(COOKIE\) SA KE '
  check_said "$name: charon takes it" 'generating IKE_SA_INIT response 0 \[ SA KE '
done
check_said "cookie-fragmented: the request" 'parsed IKE_AUTH request 1 \[ EF\(2/[2-9]\) \]'
check_said "cookie-fragmented: the response" 'generating IKE_AUTH response 1 \[ EF\(2/[2-9]\) \]'
finish
