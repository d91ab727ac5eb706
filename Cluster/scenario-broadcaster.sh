#!/usr/bin/env bash
# Broadcasters that stand and do not send: one has no route, one is frozen in the middle of a rekey, one is killed. Another sends the
# same octets, every member follows, and a capture shows one octet string for each Message ID and fragment.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/scenario.sh"

authorities=1 frontends=1 broadcasters=2
# A train of fragments and several copies, so that there is a middle to freeze in.
rekey_fragment=400 rekey_authentication=rsa-pss-2048
count=4

write_members() {
  local n
  write_second_group
  for ((n = 1; n <= count; n++)); do
    write_member "$n" "gm$n.demo" psk "$ike" receiver
    join_second_group "gm$n.demo" receiver
  done
  for n in market-data orders; do sed -i 's/copies: 2/copies: 4/; s/spacing: 100ms/spacing: 300ms\n  pace: 2ms/' "$run/etc/$n.yaml"; done
  # Broadcasters with addresses of their own, so that the network can fail one of them.
  for n in 1 2; do sed -i "s/sources: \[127.0.0.1\]/sources: [127.0.8.$n]/" "$run/etc/broadcaster-$n.yaml"; done
  echo 'admin: { listen: 9461 }' >>"$run/etc/authority-1.yaml"
}

received() { grep -h '"event":"rekey-received"' "$run"/log/gm*.demo.log | grep -c "keyid:$1" || true; } # group
all_follow() { (($(received "$1") >= $2)); } # group times
senders() { # group: which broadcasters' addresses it left from so far
  python3 "$root/Cluster/rekey_capture.py" "$run/rekeys.pcap" senders "$1"
}
from_only() { equal "$(senders "$1")" "$2"; }
one_octet_string() { python3 "$root/Cluster/rekey_capture.py" "$run/rekeys.pcap" judge; }
# Where the group is now: the broadcaster whose address its last message left from.
place() { senders "$1" | tail -n 1 | sed 's/127.0.8.//'; }
moved() { (($(grep -c '"event":"rekeys-moved"' "$run/log/authority-1.log") >= $1)); }
silent() { grep -q "\"event\":\"broadcaster-silent\",\"broadcaster\":\"broadcaster-$1\"" "$run/log/authority-1.log"; }
milliseconds() { date +%s%3N; }

prepare
check "the second group is applied" ctl_quietly group apply -f "$run/etc/orders.yaml"
tcpdump -i lo -s 0 -U -w "$run/rekeys.pcap" 'udp and dst port 10848' >"$run/log/tcpdump.log" 2>&1 &
pids[tcpdump]=$!
for ((n = 1; n <= count; n++)); do start_member "gm$n.demo"; done
for ((n = 1; n <= count; n++)); do check "gm$n.demo registers in both groups" until_ok 30 holds_sas "gm$n.demo" 6; done
until_ok 10 test -s "$run/rekeys.pcap"

rekeys=0
rekey_both() {
  local group
  rekeys=$((rekeys + 1))
  for group in market-data orders; do ctl_quietly rekey now "$group" --tek || return 1; done
}
both_follow() { all_follow market-data $((rekeys * count)) && all_follow orders $((rekeys * count)); }

check "a first rekey of both groups" rekey_both
check "every member follows" until_ok 10 both_follow
sleep 1.5

# One broadcaster after the other cannot send: whichever has a group, the other gets it.
for bad in 1 2; do
  other=$((3 - bad))
  ip rule add from "127.0.8.$bad" to 239.77.0.0/16 prohibit
  began=$(milliseconds)
  check "a rekey while broadcaster-$bad has no route" rekey_both
  check "every member follows" until_ok 5 both_follow
  check "within two seconds" test $(($(milliseconds) - began)) -lt 2500
  sleep 1.5
  check "its last messages left from broadcaster-$other" equal "$(place market-data) $(place orders)" "$other $other"
  ip rule del from "127.0.8.$bad" to 239.77.0.0/16 prohibit
done
check "the authority moved orders" moved 1
check "and the broadcasters stayed connected" test "$(grep -c broadcaster-disconnected "$run/log/authority-1.log")" -eq 0

# Frozen in the middle of its copies: the authority notices by the missing heartbeats.
sleep 10
check "a rekey goes out" rekey_both
sleep 0.2
frozen=$(place market-data)
kill -STOP "${pids[broadcaster-$frozen]}"
began=$(milliseconds)
check "broadcaster-$frozen, frozen in the middle, is missed" until_ok 5 silent "$frozen"
check "within two seconds" test $(($(milliseconds) - began)) -lt 2500
other=$((3 - frozen))
sleep 2
check "broadcaster-$other sends the rest" equal "$(place market-data)" "$other"
check "every member has followed" until_ok 5 both_follow
check "a rekey while one is frozen" rekey_both
check "every member follows" until_ok 5 both_follow
kill -CONT "${pids[broadcaster-$frozen]}"
check "the frozen one comes back" until_ok 15 logged "broadcaster-$frozen" '"event":"authority-connected"'
sleep 2

# Killed in the middle.
check "another rekey goes out" rekey_both
sleep 0.2
dead=$(place orders)
stop "broadcaster-$dead" KILL
check "every member follows" until_ok 5 both_follow
check "a rekey without broadcaster-$dead" rekey_both
check "every member follows" until_ok 5 both_follow
sleep 2

stop tcpdump INT
check "one octet string for each Message ID and fragment, in order" one_octet_string
check "no member had to register again" test "$(cat "$run"/log/gm*.log | grep -c reregistration-planned || true)" -eq 0
finish
