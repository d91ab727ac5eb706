#!/usr/bin/env bash
# strongSwan, an independent IKEv2 initiator, establishes childless IKE SAs with our frontends.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/scenario.sh"
source "$(dirname "${BASH_SOURCE[0]}")/scenario-strongswan.sh"

# frontend-1 proves itself with ECDSA; frontend-2 with Ed25519, and it asks early whether a member lives; frontend-3 asks everybody
# for a cookie; frontend-4 rekeys IKE SAs after some ten seconds.
authorities=1 frontends=4 broadcasters=0
shared_key_peers="psk cbc child negotiated encapsulated cookie impostor aging"

write_members() {
  local n peer
  "$root/Tools/dev-ca" gcks "$run/pki" gcks-ed25519.demo ed25519
  for ((n = 1; n <= frontends; n++)); do sed -i "s/127\.0\.7\.1$n/10.77.0.1$n/" "$run/etc/frontend-$n.yaml"; done
  sed -i "s/gcks\.demo/gcks-ed25519.demo/" "$run/etc/frontend-2.yaml"
  echo 'ike: { fragment: 400 }' >>"$run/etc/frontend-1.yaml"
  echo 'ike: { idle_limit: 1s }' >>"$run/etc/frontend-2.yaml"
  echo 'ike: { fragment: 400, cookie_threshold: 0 }' >>"$run/etc/frontend-3.yaml"
  echo 'ike: { sa_lifetime: 12s }' >>"$run/etc/frontend-4.yaml"
  for peer in $shared_key_peers; do "$root/Tools/dev-ca" shared-key "$run/pki" "fqdn:$peer.peer" >/dev/null; done
  for peer in ecdsa fragmented cookie-fragmented; do give_charon "$peer.peer" ecdsa; done
  give_charon ed25519.peer ed25519
}

secret_of() { awk -v identity="fqdn:$1.peer" '$1 == identity { print $2 }' "$run/pki/shared-keys"; }

connection() { # name, number of the frontend, way of authentication, further settings of charon...
  local name=$1 frontend=$2 way=$3 certificate="" gcks=gcks.demo
  shift 3
  [[ "$way" == psk ]] || certificate="certs = $name.peer.pem"
  ((frontend != 2)) || gcks=gcks-ed25519.demo
  cat <<END
  $name : defaults {
    remote_addrs = 10.77.0.1$frontend
    local {
      auth = $way
      id = $name.peer
      $certificate
    }
    remote {
      auth = $way
      id = $gcks
    }
$(printf '    %s\n' "$@")
  }
END
}

# The long default proposal makes a request that is longer than the answer: then nobody has to prove his address by a cookie.
swanctl_settings() {
  local peer
  cat <<END
defaults {
  version = 2
  local_addrs = $charon_address
  proposals = aes256gcm16-aes192gcm16-aes128gcm16-prfsha256-prfsha384-prfsha512-x25519-ecp256-ecp384-ecp521
  childless = force
  fragmentation = no
  mobike = no
}
connections {
END
  connection psk 1 psk "dpd_delay = 1s"
  connection ecdsa 1 ecdsa-sha256
  connection ed25519 2 pubkey
  connection cbc 1 psk "proposals = aes256-sha256-ecp256"
  connection negotiated 1 psk "proposals = aes256gcm16-prfsha256-modp4096-x25519"
  connection encapsulated 1 psk "encap = yes"
  connection child 1 psk "childless = never" "children { unwanted { esp_proposals = aes256gcm16 } }"
  connection fragmented 1 ecdsa-sha256 "fragmentation = force"
  connection cookie 3 psk
  connection cookie-fragmented 3 ecdsa-sha256 "fragmentation = force"
  connection impostor 1 psk
  connection aging 4 psk
  echo "}"
  echo "secrets {"
  for peer in $shared_key_peers; do
    [[ "$peer" != impostor ]] || continue
    printf '  ike-%s {\n    id = %s.peer\n    secret = %s\n  }\n' "$peer" "$peer" "$(secret_of "$peer")"
  done
  printf '  ike-impostor {\n    id = impostor.peer\n    secret = "a guess"\n  }\n}\n'
}

frontend_established() { # number, connection, way
  logged "frontend-$1" "\"event\":\"ike-established\".*\"member\":\"fqdn:$2\.peer\".*\"by\":\"$3\""
}
frontend_refused() { # number, reason
  logged "frontend-$1" "\"event\":\"ike-authentication-failed\".*\"reason\":\"$2"
}

# Both ends say that the IKE SA stands.
stands() { # connection, number of the frontend, way as the frontend says it
  check "$1: charon has an IKE SA" charon_has "$1"
  check "$1: frontend-$2 has it, by $3" until_ok 5 frontend_established "$2" "$1" "$3"
}

establishes() {
  listen_to_charon
  check "$1: charon initiates" swan_quietly --initiate --ike "$1" --timeout 10
  stands "$@"
  check_never_said "$1: no Child SA was asked for" 'IKE_AUTH request 1 \[.* TSi '
}

deletes() {
  listen_to_charon
  check "$1: charon deletes its IKE SA" swan_quietly --terminate --ike "$1" --timeout 10
  check_said "$1: the frontend answers the Delete" 'IKE_SA deleted'
  check "$1: charon has it no more" charon_lacks "$1"
}

frontend_rekeyed() { # number, connection, by whom
  logged "frontend-$1" "\"event\":\"ike-rekeyed\".*\"member\":\"fqdn:$2\.peer\".*\"by\":\"$3\""
}

# The IKE SA gets new keys by CREATE_CHILD_SA, charon deletes the old one, and the new one carries what follows.
rekeys() { # connection, number of the frontend
  listen_to_charon
  check "$1: charon rekeys its IKE SA" swan_quietly --rekey --ike "$1"
  check_said "$1: it asks for that" 'generating CREATE_CHILD_SA request [0-9]+ \[ (EF\(|SA No KE )'
  check_said "$1: charon has the new IKE SA" "IKE_SA $1\[[0-9]+\] rekeyed between $charon_address.*\.\.\.10\.77\.0\.1$2"
  check "$1: frontend-$2 has it, by the member" until_ok 5 frontend_rekeyed "$2" "$1" member
  check_said "$1: the frontend answers the Delete of the old one" 'IKE_SA deleted'
}

sas() { items "sum(f['counters']['ike-sas'] for f in items[0]['frontends'] if f['connected'])" status; }
frontends_have() { equal "$(sas)" "$1"; }
cookies() { items "next(f['counters']['cookies-sent'] for f in items[0]['frontends'] if f['name'] == 'frontend-3')" status; }
has_sent_cookies() { equal "$(cookies)" "$1"; }

make_link 10.77.0.11 10.77.0.12 10.77.0.13 10.77.0.14
prepare
start_charon 30 < <(swanctl_settings)

establishes psk 1 sharedKey
check_never_said "psk: nobody had to bring a cookie" 'N\(COOKIE\)'
check_never_said "psk: nothing went in fragments" '\[ EF\('
check_said "psk: the frontend answers when charon asks whether it lives" 'parsed INFORMATIONAL response [0-9]+ \[ \]'

establishes ecdsa 1 signature
check_said "ecdsa: so charon signs" "authentication of 'ecdsa.peer' \(myself\) with ECDSA_WITH_SHA256_DER successful"
check_said "ecdsa: so the frontend signs" "authentication of 'gcks.demo' with ECDSA_WITH_SHA256_DER successful"

establishes ed25519 2 signature
check_said "ed25519: so charon signs" "authentication of 'ed25519.peer' \(myself\) with ED25519 successful"
check_said "ed25519: so the frontend signs" "authentication of 'gcks-ed25519.demo' with ED25519 successful"
check_said "ed25519: charon answers when the frontend asks whether it lives" 'generating INFORMATIONAL response [0-9]+ \[ \]'

establishes cbc 1 sharedKey
check_said "cbc: encryption and integrity are two transforms" \
  'selected proposal: IKE:AES_CBC_256/HMAC_SHA2_256_128/PRF_HMAC_SHA2_256/ECP_256'

establishes negotiated 1 sharedKey
check_said "negotiated: the frontend asks for another key exchange method" 'parsed IKE_SA_INIT response 0 \[ N\(INVAL_KE\) \]'

establishes encapsulated 1 sharedKey
check "encapsulated: it moved to port $nat" \
  logged frontend-1 "\"remote\":\"$charon_address:4500\".*\"member\":\"fqdn:encapsulated\.peer\""

establishes fragmented 1 signature
check_said "fragmented: the request" 'generating IKE_AUTH request 1 \[ EF\(2/[2-9]\) \]'
check_said "fragmented: the response" 'parsed IKE_AUTH response 1 \[ EF\(2/[2-9]\) \]'

for peer in cookie cookie-fragmented; do
  way=signature
  [[ "$peer" != cookie ]] || way=sharedKey
  establishes "$peer" 3 "$way"
  check_said "$peer: the frontend asks for a cookie" 'parsed IKE_SA_INIT response 0 \[ N\(COOKIE\) \]'
  check_said "$peer: charon brings it" 'generating IKE_SA_INIT request 0 \[ N\(COOKIE\) SA KE '
  check_said "$peer: the frontend takes it" 'parsed IKE_SA_INIT response 0 \[ SA KE '
done
check "frontend-3 counts two cookies" until_ok 5 has_sent_cookies 2
check_said "cookie-fragmented: the request" 'generating IKE_AUTH request 1 \[ EF\(2/[2-9]\) \]'
check_said "cookie-fragmented: the response" 'parsed IKE_AUTH response 1 \[ EF\(2/[2-9]\) \]'

listen_to_charon
check "child: charon gets no Child SA" fails swan_quietly --initiate --child unwanted --timeout 10
check_said "child: it asked for one" 'generating IKE_AUTH request 1 \[ IDi .* SA TSi TSr '
check_said "child: the frontend refuses only that" 'received TS_UNACCEPTABLE notify, no CHILD_SA built'
stands child 1 sharedKey
check "the frontends hold ten IKE SAs" until_ok 5 frontends_have 10

listen_to_charon
check "impostor: charon gets no IKE SA" fails swan_quietly --initiate --ike impostor --timeout 10
check_said "impostor: it is told" 'received AUTHENTICATION_FAILED notify error'
check "impostor: the frontend says why" until_ok 5 frontend_refused 1 "the shared key of fqdn:impostor.peer does not match"

for peer in psk ecdsa ed25519 cbc encapsulated fragmented; do
  frontend=1
  [[ "$peer" != ed25519 ]] || frontend=2
  rekeys "$peer" "$frontend"
done
listen_to_charon
check_said "psk: the frontend answers over the new IKE SA when charon asks whether it lives" \
  'parsed INFORMATIONAL response [0-9] \[ \]'

establishes aging 4 sharedKey
check "aging: the frontend rekeys" until_ok 20 frontend_rekeyed 4 aging frontend
check_said "aging: charon is asked" 'parsed CREATE_CHILD_SA request 0 \[ SA No KE \]'
check_said "aging: charon has the new IKE SA" "IKE_SA aging\[[0-9]+\] rekeyed between $charon_address.*\.\.\.10\.77\.0\.14"
check_said "aging: charon sees our Delete of the old one" 'received DELETE for IKE_SA aging\['
# Rekeys that follow each other within five seconds are put off.
sleep 6
rekeys aging 4
deletes aging

for peer in psk ecdsa ed25519 cbc negotiated encapsulated child fragmented; do deletes "$peer"; done

listen_to_charon
stop frontend-3
for peer in cookie cookie-fragmented; do
  check_said "$peer: the frontend deletes it as it ends" "received DELETE for IKE_SA $peer\["
  check "$peer: charon has it no more" charon_lacks "$peer"
done
check "the other frontends hold no IKE SA" until_ok 20 frontends_have 0
finish
