#!/usr/bin/env bash
# Damaged datagrams over real sockets: every prefix and every single-octet corruption of what members, frontend and broadcaster
# said to each other goes to the frontend's ports and to the members' multicast address. Nobody traps, grows, or answers a
# stranger with more than he sent; afterwards the frontend registers a member and the members follow a rekey.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/scenario.sh"

authorities=1 frontends=1 broadcasters=1

write_members() {
  write_member 1 gm1.demo psk "$ike" sender
  write_member 2 gm2.demo ecdsa "$gdoi" receiver
  join_second_group gm2.demo sender
  write_member 3 gm3.demo psk "$ike" sender
}

capture() {
  tcpdump -i lo --immediate-mode -U -Z root -w "$run/capture.pcap" \
    "udp and (port $ike or port $gdoi or port $nat or port 10848)" 2>"$run/log/tcpdump.log" &
  pids[tcpdump]=$!
  until_ok 10 grep -q 'listening on' "$run/log/tcpdump.log"
}

# One "destination-port hex" a line, each message once; the multicast ones too.
messages() {
  tshark -r "$run/capture.pcap" -T fields -e udp.dstport -e udp.payload --disable-protocol isakmp --disable-protocol udpencap \
    2>>"$run/log/tshark.log" | sort -u
}

# Sends the damage of each message to the port it was meant for; prints octets sent to and got from the frontend.
damage() {
  python3 - "$run/messages" "$ike" "$gdoi" "$nat" <<'END_OF_PYTHON'
import select, socket, sys, time
ports = [int(port) for port in sys.argv[2:]]
ours = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
ours.bind(("127.0.7.99", 0))
ours.setblocking(False)
ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
sent = got = datagrams = 0

def drain(wait):
    global got
    while select.select([ours], [], [], wait)[0]:
        got += len(ours.recv(65535))

def send(octets, port):
    global sent, datagrams
    if port == 10848:
        ours.sendto(octets, ("239.77.0.1", port))
    else:
        ours.sendto(octets, ("127.0.7.11", port))
        sent += len(octets)
    datagrams += 1
    if datagrams % 64 == 0:
        drain(0)
        time.sleep(0.004)

for line in open(sys.argv[1]):
    port, payload = line.split()
    octets = bytes.fromhex(payload)
    # What the frontend said is sent back to it as well.
    port = int(port) if int(port) in ports or int(port) == 10848 else ports[0]
    for index in range(len(octets)):
        send(octets[:index], port)
        for change in (octets[index] ^ 0x01, octets[index] ^ 0xff, 0, 0xff):
            if change != octets[index]:
                send(octets[:index] + bytes([change]) + octets[index + 1:], port)
drain(0.5)
print(datagrams, sent, got)
END_OF_PYTHON
}

registered() { until_ok 40 holds_sas "$1" "$2"; }
resident() { awk '/^VmRSS/ { print $2 }' "/proc/${pids[$1]}/status"; } # KiB
lines() { wc -l <"$run/log/$1.log"; }

prepare
write_second_group
check "the second group is applied" ctl_quietly group apply -f "$run/etc/orders.yaml"
check "the capture runs" capture
for member in gm1.demo gm2.demo; do start_member "$member"; done
check "gm1.demo registers" registered gm1.demo 3
check "gm2.demo registers in two groups" registered gm2.demo 6
check "the operator rekeys" ctl_quietly rekey now market-data --tek
check "the members follow" until_ok 10 logged gm2.demo '"event":"rekey-received"'
sleep 0.5
stop tcpdump INT
messages >"$run/messages"
check "messages of every kind were captured: $(wc -l <"$run/messages")" test "$(wc -l <"$run/messages")" -ge 10

before=$(resident frontend-1) quiet=$(lines frontend-1)
read -r datagrams sent got < <(damage)
check "$datagrams damaged datagrams were sent" test "$datagrams" -ge 10000
for process in frontend-1 broadcaster-1 authority-1 gm1.demo gm2.demo; do check "$process is alive" alive "$process"; done
check "a stranger got $got octets for $sent" test "$got" -le "$sent"
after=$(resident frontend-1)
check "the frontend grew from $before to $after KiB" test "$((after - before))" -lt 32768
check "it logged $(($(lines frontend-1) - quiet)) lines about it" test "$(($(lines frontend-1) - quiet))" -lt 500
check "and said why" logged frontend-1 '"event":"datagram-dropped".*"why":"malformed"'
start_member gm3.demo
check "gm3.demo registers afterwards" registered gm3.demo 3
check "the operator rekeys again" ctl_quietly rekey now market-data --all
equal_keys() { [[ "$(held_sas gm1.demo)" == "$(held_sas gm3.demo)" ]]; }
check "gm1.demo and gm3.demo hold the same keys" until_ok 10 equal_keys
received() { grep -c '"event":"rekey-received"' "$run/log/$1.log"; }
check "gm1.demo took both rekeys and nothing else" equal "$(received gm1.demo)" 2
check "gm2.demo took both rekeys and nothing else" equal "$(received gm2.demo)" 2
finish
