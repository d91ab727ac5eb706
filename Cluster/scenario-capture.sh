#!/usr/bin/env bash
# tshark, an independent dissector, decrypts what the key log opens: GSA_AUTH, GSA_REGISTRATION and a fragmented GSA_REKEY.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/scenario.sh"

authorities=1 frontends=1 broadcasters=1
key_log=yes rekey_fragment=400

write_members() {
  write_member 1 gm1.demo psk "$ike" sender
  write_member 2 gm2.demo ecdsa "$gdoi" receiver
  join_second_group gm2.demo sender
}

capture() {
  tcpdump -i lo --immediate-mode -U -Z root -w "$run/capture.pcap" \
    "udp and (port $ike or port $gdoi or port $nat or port 10848)" 2>"$run/log/tcpdump.log" &
  pids[tcpdump]=$!
  until_ok 10 grep -q 'listening on' "$run/log/tcpdump.log"
}

dissect() { # tshark arguments...
  XDG_CONFIG_HOME=$run/config tshark -r "$run/capture.pcap" -d "udp.port==$ike,isakmp" -d "udp.port==$gdoi,isakmp" \
    -d "udp.port==$nat,udpencap" -d udp.port==10848,isakmp "$@" 2>>"$run/log/tshark.log"
}

# What an exchange type shows: frames, integrity values, how many of them are correct, malformed payloads; then payload numbers.
figures() { # exchange type
  dissect -V -Y "isakmp.exchangetype==$1" | python3 -c '
import re, sys
text = sys.stdin.read()
count = lambda pattern: len(re.findall(pattern, text, re.M))
print(count("^Frame "), count("Integrity Checksum Data"), count(r"Integrity Checksum Data.*\[correct\]"), count("(?i)malformed"))
print(*sorted(set(re.findall(r"^ +Payload: .*\((\d+)\)", text, re.M)), key=int))'
}

opens() { # name, exchange type, fewest frames, payloads inside
  local frames integrity correct malformed payloads wanted
  { read -r frames integrity correct malformed; read -r payloads; } < <(figures "$2")
  check "$1: at least $3 messages, seen $frames" test "$frames" -ge "$3"
  check "$1: $correct of $integrity integrity values are correct" test "$integrity" -ge "$frames" -a "$correct" -eq "$integrity"
  check "$1: nothing malformed" equal "$malformed" 0
  for wanted in $4; do check "$1 holds payload $wanted" grep -qw "$wanted" <<<"$payloads"; done
}

until_keys() { until_ok 20 holds_sas "$1" "$2"; }
rekeyed() { logged "$1" '"event":"rekey-received".*keyid:market-data'; }

prepare
write_second_group
check "the second group is applied" ctl_quietly group apply -f "$run/etc/orders.yaml"
check "the capture runs" capture
start_member gm1.demo
start_member gm2.demo
check "gm1.demo holds a group" until_keys gm1.demo 3
check "gm2.demo holds two groups" until_keys gm2.demo 6
check "the operator rekeys" ctl_quietly rekey now market-data --all
check "gm1.demo is rekeyed" until_ok 10 rekeyed gm1.demo
check "gm2.demo is rekeyed" until_ok 10 rekeyed gm2.demo
check "the key log is loudly logged" logged frontend-1 '"level":"warning".*"event":"key-log-on"'
sleep 0.5
stop tcpdump INT

mkdir -p "$run/config/wireshark"
cp "$run"/keys/* "$run/config/wireshark/"
opens GSA_AUTH 39 4 "35 36 39 50 51 52"
opens GSA_REGISTRATION 40 2 "50 51 52"
opens GSA_REKEY 41 2 "39 51 52 53"
finish
