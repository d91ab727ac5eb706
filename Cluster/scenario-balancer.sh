#!/usr/bin/env bash
# Two frontends behind one address and a balancer that sends every datagram to a random one of them: 200 members register and
# stay, none fails; who comes while one frontend drains registers too.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/scenario.sh"

authorities=1 frontends=2 broadcasters=1 relay=yes idle_limit=3s
members=200 late=20

write_members() {
  awk -v n="$((members + late))" 'BEGIN { for (i = 0; i < n; i++) printf "fqdn:load-%d.demo bench psk\n", i }' \
    >"$run/pki/shared-keys"
  chmod 600 "$run/pki/shared-keys"
}

start_balancer() {
  python3 "$root/Cluster/balancer.py" 42 127.0.7.10 127.0.7.9 127.0.7.11,127.0.7.12 "$ike" "$gdoi" "$nat" \
    >"$run/balancer.out" 2>"$run/log/balancer.log" &
  pids[balancer]=$!
  until_ok 10 grep -q balancing "$run/balancer.out"
}

hold() { # file, options...: members that register, stay and ask for signs of life
  local file=$1
  shift
  timeout 100 "$bin/gcks-loadgen" hold --frontend "127.0.7.10:$ike" --nat-traversal-port "$nat" --source 127.0.7.100 \
    --sources 16 --group keyid:market-data --sender-ids 1 --liveness 5000 --leave "$@" >"$run/$file" 2>>"$run/log/loadgen.log"
}

figure() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$run/$1" "$2"; }
counter() { items "sum(i['counters']['$1'] for i in items if i['name'].startswith('${2:-frontend}'))" frontend list; }
more() { [[ "$1" -gt "$2" ]] || { echo "   is $1, should be above $2"; return 1; }; }
state() { items "[i['state'] for i in sorted(items, key=lambda i: i['name'])]" frontend list; }
has_state() { equal "$(state)" "$1" >/dev/null; }
knows_fleet() { logged "$1" '"event":"fleet-learned".*"others":"1"'; }

junk() { # datagrams of strangers to the relay: noise, and the form of one without its key
  python3 - <<'END_OF_PYTHON'
import random, socket
chance = random.Random(7)
ours = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(100):
    ours.sendto(chance.randbytes(chance.randrange(1, 300)), ("127.0.7.11", 7711))
    ours.sendto(bytes([1, chance.randrange(256), 0, 2]) + chance.randbytes(80), ("127.0.7.11", 7711))
END_OF_PYTHON
}

prepare
check "the balancer stands" start_balancer
for n in 1 2; do check "frontend-$n knows the other" until_ok 15 knows_fleet "frontend-$n"; done

check "$members members register and stay for 12 s" hold held.json --members "$members" --seconds 12
check "none of them failed" equal "$(figure held.json failures)" 0
check "all of them registered" equal "$(figure held.json registered)" "$members"
check "none of them lost its IKE SA" equal "$(figure held.json lost)" 0
check "they asked for signs of life" more "$(figure held.json asked)" "$members"
check "every sign of life came" equal "$(figure held.json answered)" "$(figure held.json asked)"
check "they showed signs of life when frontends asked" more "$(figure held.json shown)" 0
check "every Delete was answered" equal "$(figure held.json left)" "$members"
check "all are members" equal "$(items "len([i for i in items if i['state'] == 'member'])" member list)" "$members"
for n in 1 2; do
  check "frontend-$n handed datagrams on" more "$(counter relayed-out "frontend-$n")" 100
  check "frontend-$n sent for the other" more "$(counter sent-for-others "frontend-$n")" 100
  check "frontend-$n registered members" more "$(counter registrations "frontend-$n")" 20
done
check "no cookie of one frontend was refused by the other" equal "$(counter cookies-wrong)" 0
check "nothing on the relay was refused" equal "$(counter relay-refused)" 0

junk
refuses() { more "$(counter relay-refused frontend-1)" 100 >/dev/null; }
check "the relay refuses what strangers send" until_ok 10 refuses

check "frontend-1 drains" ctl_quietly frontend drain frontend-1 --deadline 1m
before=$(counter registrations frontend-1)
check "$late more members register while it drains" \
  hold late.json --members "$late" --first "$members" --seconds 3
check "none of them failed either" equal "$(figure late.json failures)" 0
check "all of them registered too" equal "$(figure late.json registered)" "$late"
check "none of them is at the frontend that drains" equal "$(counter registrations frontend-1)" "$before"
check "frontend-1 is empty in the end" until_ok 30 has_state "['drained', 'ready']"
check "frontend-1 takes members again" ctl_quietly frontend undrain frontend-1
check "both are ready" until_ok 10 has_state "['ready', 'ready']"
stop balancer
finish
