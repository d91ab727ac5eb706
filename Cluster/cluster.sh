# A cluster of real processes on loopback, for the demo, the tests and the bench. Source it; it defines functions only.
#
# Everything lies in $run: certificates (pki), settings (etc), state (var), logs (log). The programs are taken from $bin.
# Addresses: authorities 127.0.7.1-3, frontends 127.0.7.11-12, members 127.0.7.21 and up. Ports 500, 848 and 4500 when this
# user may bind them, else 20500, 20848 and 24500.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
authorities=3 frontends=2 broadcasters=2
# Where they stand; Tools/chaos sets addresses of a network in namespaces.
authority_prefix=127.0.7. frontend_prefix=127.0.7.1 member_prefix=127.0.7.2 member_interface=lo
declare -A pids=()
umask 077

say() { printf '%s\n' "$*"; }
die() { printf 'FAILED: %s\n' "$*" >&2; exit 1; }

choose_ports() {
  if [[ $(id -u) -eq 0 || $(cat /proc/sys/net/ipv4/ip_unprivileged_port_start) -le 500 ]]; then
    ike=500 gdoi=848 nat=4500
  else
    ike=20500 gdoi=20848 nat=24500
  fi
}

make_pki() {
  local ca=$root/Tools/dev-ca n
  "$ca" init "$run/pki"
  "$ca" root-key "$run/pki"
  for ((n = 1; n <= authorities; n++)); do
    "$ca" service "$run/pki" authority "authority-$n"
    "$ca" service "$run/pki" store "authority-$n"
  done
  for ((n = 1; n <= frontends; n++)); do "$ca" service "$run/pki" frontend "frontend-$n"; done
  for ((n = 1; n <= broadcasters; n++)); do "$ca" service "$run/pki" broadcaster "broadcaster-$n"; done
  "$ca" service "$run/pki" crypto-officer alice
  "$ca" gcks "$run/pki" gcks.demo
}

tls() { # indent, name of the certificate
  printf '%stls:\n%s  ca: %s/ca.pem\n%s  certificate: %s/%s.pem\n%s  key: %s/%s.key\n%s  trust_domain: gcks.dev\n' \
    "$1" "$1" "$run/pki" "$1" "$run/pki" "$2" "$1" "$run/pki" "$2" "$1"
}

authority_list() {
  local n
  echo "authorities:"
  for ((n = 1; n <= authorities; n++)); do echo "  - { name: authority-$n, address: \"$authority_prefix$n:7701\" }"; done
}

broadcaster_way() { echo 'multicast: { sources: [127.0.0.1], interface: lo, loop: true }'; } # number

write_settings() {
  local n peer
  mkdir -p "$run/etc" "$run/var" "$run/log"
  for ((n = 1; n <= authorities; n++)); do
    {
      printf 'name: authority-%s\nid: %s\ndata: %s\n' "$n" "$n" "$run/var/authority-$n"
      echo "rpc:"
      echo "  listen: $authority_prefix$n:7701"
      tls "" "authority-authority-$n"
      echo "store:"
      echo "  latency: 20ms"
      if ((authorities > 1)); then
        echo "  listen: $authority_prefix$n:7702"
        tls "  " "store-authority-$n"
        echo "nodes:"
        for ((peer = 1; peer <= authorities; peer++)); do
          echo "  - { name: authority-$peer, id: $peer, store: \"$authority_prefix$peer:7702\" }"
        done
      fi
      printf 'root_key: { file: %s }\n' "$run/pki/root.key"
    } >"$run/etc/authority-$n.yaml"
  done
  for ((n = 1; n <= frontends; n++)); do
    {
      printf 'name: frontend-%s\nidentity: "fqdn:gcks.demo"\nlisten:\n' "$n"
      echo "  - { address: $frontend_prefix$n, ports: [$ike, $gdoi], nat_traversal_port: $nat }"
      authority_list
      tls "" "frontend-frontend-$n"
      printf 'credentials:\n  certificate: %s\n  key: %s\n  trust_anchors: [%s]\n  shared_keys: %s\n' \
        "$run/pki/gcks.demo.pem" "$run/pki/gcks.demo.key" "$run/pki/ca.pem" "$run/pki/shared-keys"
      [[ -n "${idle_limit:-}" ]] && echo "ike: { idle_limit: $idle_limit }"
      [[ -n "${relay:-}" ]] && echo "relay: { listen: \"127.0.7.1$n:7711\" }"
      [[ -n "${public_addresses:-}" ]] && echo "public_address: 127.0.7.1$n"
      [[ -n "${key_log:-}" ]] && echo "key_log: $run/keys"
      true
    } >"$run/etc/frontend-$n.yaml"
  done
  for ((n = 1; n <= broadcasters; n++)); do
    {
      echo "name: broadcaster-$n"
      authority_list
      tls "" "broadcaster-broadcaster-$n"
      broadcaster_way "$n"
    } >"$run/etc/broadcaster-$n.yaml"
  done
  {
    authority_list
    tls "" crypto-officer-alice
  } >"$run/etc/gcksctl.yaml"
}

# member NUMBER NAME KIND(psk|ecdsa|ed25519|rsa) PORT ROLE: settings of one member. Frontends in the order of its number.
write_member() {
  local n=$1 name=$2 kind=$3 port=$4 role=$5 first second
  first=$(((n - 1) % frontends + 1)) second=$((n % frontends + 1))
  {
    echo "identity: \"fqdn:$name\""
    echo 'gcks: "fqdn:gcks.demo"'
    echo "local_address: $member_prefix$n"
    echo "interface: $member_interface"
    echo "frontends:"
    echo "  - { address: \"$frontend_prefix$first:$port\", nat_traversal_port: $nat }"
    ((frontends > 1)) && echo "  - { address: \"$frontend_prefix$second:$port\", nat_traversal_port: $nat }"
    echo "credentials:"
    if [[ "$kind" == psk ]]; then
      "$root/Tools/dev-ca" shared-key "$run/pki" "fqdn:$name" | sed "s/^fqdn:$name/fqdn:gcks.demo/" >"$run/pki/$name.psk"
      echo "  shared_keys: $run/pki/$name.psk"
    else
      "$root/Tools/dev-ca" member "$run/pki" "$name" "$kind"
      echo "  certificate: $run/pki/$name.pem"
      echo "  key: $run/pki/$name.key"
      echo "  trust_anchors: [$run/pki/ca.pem]"
    fi
    echo "groups:"
    echo "  - { id: \"keyid:market-data\", role: $role, rekey: \"239.77.0.1:10848\" }"
    echo "sinks:"
    echo "  - export: { folder: $run/var/$name, with_keys: ${member_keys:-false} }"
    [[ -n "${key_log:-}" ]] && echo "key_log: $run/keys"
    true
  } >"$run/etc/$name.yaml"
}

write_group() {
  cat >"$run/etc/market-data.yaml" <<END
group: market-data
id: "keyid:market-data"
mode: tunnel
rekey:
  address: 239.77.0.1
  port: 10848
  authentication: ${rekey_authentication:-ed25519}
  lifetime: 24h
  copies: 2
  spacing: 100ms
  fragment: ${rekey_fragment:-1280}
data:
  - { name: ticks, source: any, destination: "239.77.0.2:5000", protocol: udp, senders: shared, lifetime: 1h }
  - { name: snapshots, source: any, destination: "239.77.0.2:5001", protocol: udp, senders: shared, lifetime: 1h }
delays: { activation: 1s, deactivation: 3s }
sender_id_bits: 16
member_limit: 1000
allow:
  - { identity: "fqdn:banned.*", as: deny }
  - { identity: "fqdn:*.sender.demo", as: sender, sender_ids: 4 }
  - { identity: "fqdn:*.demo", as: sender, sender_ids: 2 }
END
}

start() { # name program arguments...
  local name=$1 program=$2
  shift 2
  SWIFT_BACKTRACE=enable=no "$bin/$program" "$@" >>"$run/log/$name.out" 2>>"$run/log/$name.log" &
  pids[$name]=$!
}

start_authority() { start "authority-$1" gcks-authority --config "$run/etc/authority-$1.yaml"; }
start_frontend() { start "frontend-$1" gcks-frontend --config "$run/etc/frontend-$1.yaml"; }
start_broadcaster() { start "broadcaster-$1" gcks-broadcaster --config "$run/etc/broadcaster-$1.yaml"; }
start_member() { start "$1" gcks-member run --config "$run/etc/$1.yaml"; }

stop() { # name [signal]
  local pid=${pids[$1]:-}
  [[ -n "$pid" ]] || return 0
  kill "-${2:-TERM}" "$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null || true
  unset "pids[$1]"
}

stop_all() {
  local name
  for name in "${!pids[@]}"; do kill -TERM "${pids[$name]}" 2>/dev/null || true; done
  for name in "${!pids[@]}"; do
    for _ in $(seq 50); do kill -0 "${pids[$name]}" 2>/dev/null || break; sleep 0.1; done
    kill -KILL "${pids[$name]}" 2>/dev/null || true
    wait "${pids[$name]}" 2>/dev/null || true
  done
  pids=()
}

ctl() { GCKSCTL_CONFIG=$run/etc/gcksctl.yaml "$bin/gcksctl" "$@"; }

# until SECONDS COMMAND...: tries again and again; fails when the time is over.
until_ok() {
  local end=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < end)) || return 1
    sleep 0.2
  done
}

start_cluster() {
  local n
  for ((n = 1; n <= authorities; n++)); do start_authority "$n"; done
  until_ok 30 has_leader || die "no authority leads; see $run/log"
  for ((n = 1; n <= frontends; n++)); do start_frontend "$n"; done
  for ((n = 1; n <= broadcasters; n++)); do start_broadcaster "$n"; done
}

has_leader() { ctl status -o json | grep -q '"leader" *: *"authority'; }

# The check values of the SAs a member holds now, one "kind spi value" a line.
held_sas() {
  python3 - "$run/var/$1/sas.jsonl" <<'END'
import json, sys
held = {}
for line in open(sys.argv[1]):
    record = json.loads(line)
    place = (record["kind"], record["spi"])
    if record["action"] == "install": held[place] = record["key_check_value"]
    if record["action"] == "remove": held.pop(place, None)
for (kind, spi), value in sorted(held.items()): print(kind, spi, value)
END
}

holds_sas() { # member count
  [[ -s "$run/var/$1/sas.jsonl" && $(held_sas "$1" | wc -l) -ge $2 ]]
}
