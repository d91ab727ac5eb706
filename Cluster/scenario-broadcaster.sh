#!/usr/bin/env bash
# Broadcasters that stand and do not send: one has no network, one is frozen in the middle of a rekey, one is killed. Another sends the
# same octets, every member follows, and a capture shows one octet string for each Message ID and fragment.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/scenario.sh"

if [[ "$GCKS_SCENARIO_ISOLATED" != yes ]]; then
  echo "skipped: this machine does not permit network namespaces"
  exit 77
fi

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
  # Each broadcaster is on a host of its own, so that the network can fail one of them while its link to the authority, a Unix
  # socket here, stands. Members hear multicast on the bridge between them.
  make_hosts
  for n in 1 2; do
    sed -i -e "s/sources: .*/sources: [10.78.0.1$n], interface: out }/" -e '/^tls:/,/trust_domain/d' \
      -e "s#\"127.0.7.1:7701\"#\"unix:$run/rekeys.sock\"#" "$run/etc/broadcaster-$n.yaml"
  done
  sed -i "s#^  listen: 127.0.7.1:7701#&\n  unix_broadcaster: $run/rekeys.sock#" "$run/etc/authority-1.yaml"
  sed -i 's/^interface: lo/interface: bridge/' "$run"/etc/gm*.demo.yaml
}

make_hosts() {
  local n
  ip link add bridge type bridge mcast_snooping 0
  ip address add 10.78.0.1/24 dev bridge
  ip link set bridge up
  for n in 1 2; do
    unshare --net sleep 600 &
    pids[host-$n]=$!
    until_ok 10 is_elsewhere "$n" || die "no second network namespace"
    ip link add "port$n" type veth peer name out netns "${pids[host-$n]}"
    ip link set "port$n" master bridge up
    on_host "$n" ip address add "10.78.0.1$n/24" dev out
    on_host "$n" ip link set out up
  done
}
is_elsewhere() { [[ $(readlink "/proc/${pids[host-$1]}/ns/net") != $(readlink /proc/self/ns/net) ]]; }
on_host() { nsenter --net="/proc/${pids[host-$1]}/ns/net" "${@:2}"; }
# Over what the cluster's own start does: on its host.
start_broadcaster() {
  nsenter --net="/proc/${pids[host-$1]}/ns/net" env SWIFT_BACKTRACE=enable=no "$bin/gcks-broadcaster" \
    --config "$run/etc/broadcaster-$1.yaml" >>"$run/log/broadcaster-$1.out" 2>>"$run/log/broadcaster-$1.log" &
  pids[broadcaster-$1]=$!
}

received() { grep -h '"event":"rekey-received"' "$run"/log/gm*.demo.log | grep -c "keyid:$1" || true; } # group
all_follow() { (($(received "$1") >= $2)); } # group times
senders() { # group: the addresses it left from so far, the last one last
  python3 "$root/Cluster/rekey_capture.py" "$run/rekeys.pcap" senders "$1"
}
one_octet_string() { python3 "$root/Cluster/rekey_capture.py" "$run/rekeys.pcap" judge; }
# Where the group is now: the broadcaster whose address its last message left from.
place() { senders "$1" | tail -n 1 | sed 's/10.78.0.1//'; }
moved() { (($(grep -c '"event":"rekeys-moved"' "$run/log/authority-1.log") >= $1)); }
silent() { grep -q "\"event\":\"broadcaster-silent\",\"broadcaster\":\"broadcaster-$1\"" "$run/log/authority-1.log"; }
milliseconds() { date +%s%3N; }

prepare
check "the second group is applied" ctl_quietly group apply -f "$run/etc/orders.yaml"
tcpdump -i bridge --immediate-mode -s 0 -U -w "$run/rekeys.pcap" 'udp and dst port 10848' >"$run/log/tcpdump.log" 2>&1 &
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
  on_host "$bad" ip link set out down
  began=$(milliseconds)
  check "a rekey while broadcaster-$bad has no network" rekey_both
  check "every member follows" until_ok 5 both_follow
  check "within two seconds" test $(($(milliseconds) - began)) -lt 2500
  sleep 1.5
  check "both groups are with broadcaster-$other now" equal "$(place market-data) $(place orders)" "$other $other"
  on_host "$bad" ip link set out up
done
check "the authority moved orders" moved 1
check "and the broadcasters stayed connected" test "$(grep -c broadcaster-disconnected "$run/log/authority-1.log")" -eq 0

# Frozen in the middle of its copies: the authority notices by the missing heartbeats.
sleep 1
# Four seconds of copies, so that there is a middle on a busy machine too.
sed -i 's/copies: 4/copies: 9/; s/spacing: 300ms/spacing: 500ms/' "$run/etc/orders.yaml"
check "one group gets more copies" ctl_quietly group apply -f "$run/etc/orders.yaml"
check "a rekey goes out" rekey_both
until_ok 5 both_follow
frozen=$(place orders)
kill -STOP "${pids[broadcaster-$frozen]}"
began=$(milliseconds)
check "broadcaster-$frozen, frozen in the middle, is missed" until_ok 5 silent "$frozen"
check "within two seconds" test $(($(milliseconds) - began)) -lt 2500
other=$((3 - frozen))
is_at() { [[ "$(place orders)" == "$1" ]]; }
check "broadcaster-$other sends the rest" until_ok 5 is_at "$other"
check "every member has followed" until_ok 5 both_follow
check "a rekey while one is frozen" rekey_both
check "every member follows" until_ok 10 both_follow
kill -CONT "${pids[broadcaster-$frozen]}"
check "the frozen one comes back" until_ok 15 logged "broadcaster-$frozen" '"event":"authority-connected"'
sleep 5

# Killed in the middle.
check "another rekey goes out" rekey_both
dead=$(place orders)
stop "broadcaster-$dead" KILL
check "every member follows" until_ok 5 both_follow
check "a rekey without broadcaster-$dead" rekey_both
check "every member follows" until_ok 10 both_follow
sleep 2

stop tcpdump INT
check "one octet string for each Message ID and fragment, in order" one_octet_string
check "no member had to register again" test "$(cat "$run"/log/gm*.log | grep -c reregistration-planned || true)" -eq 0
finish
