"""Looks at the GSA_REKEY messages in a pcap file of a loopback device.

    rekey_capture.py FILE senders GROUP   the source addresses of a group's messages, in the order of their first and last datagram
    rekey_capture.py FILE judge           exit code 1 when one (Rekey SA, Message ID, fragment) had two octet strings
"""
import collections
import struct
import sys

GROUPS = {"market-data": "239.77.0.1", "orders": "239.77.0.3"}


def datagrams(path):
    """(source, destination, payload) of each UDP datagram over IPv4."""
    octets = open(path, "rb").read()
    order = {b"\xd4\xc3\xb2\xa1": "<", b"\xa1\xb2\xc3\xd4": ">", b"\x4d\x3c\xb2\xa1": "<", b"\xa1\xb2\x3c\x4d": ">"}[octets[:4]]
    at = 24
    while at + 16 <= len(octets):
        _, _, count, _ = struct.unpack(order + "IIII", octets[at : at + 16])
        frame = octets[at + 16 : at + 16 + count]
        at += 16 + count
        # Ethernet header of lo, then IPv4.
        if len(frame) < 42 or frame[12:14] != b"\x08\x00" or frame[23] != 17:
            continue
        header = (frame[14] & 15) * 4
        udp = 14 + header
        length = struct.unpack(">H", frame[udp + 4 : udp + 6])[0]
        yield ".".join(map(str, frame[26:30])), ".".join(map(str, frame[30:34])), frame[udp + 8 : udp + length]


def key(payload):
    """SPIs (16), Message ID (4), and of an encrypted fragment (payload type 53) its number."""
    fragment = struct.unpack(">H", payload[32:34])[0] if payload[16] == 53 else 0
    return payload[:16], struct.unpack(">I", payload[20:24])[0], fragment


def main():
    path, action = sys.argv[1:3]
    rekeys = [(source, to, payload) for source, to, payload in datagrams(path) if len(payload) > 34 and payload[18] == 41]
    if action == "senders":
        last = []
        for source, to, _ in rekeys:
            if to == GROUPS[sys.argv[3]]:
                if source in last:
                    last.remove(source)
                last.append(source)
        print("\n".join(last))
        return 0
    strings = collections.defaultdict(set)
    sources = collections.defaultdict(set)
    for source, _, payload in rekeys:
        strings[key(payload)].add(payload)
        sources[key(payload)].add(source)
    twice = [place for place, found in strings.items() if len(found) > 1]
    fragments = sum(1 for place in strings if place[2] > 1)
    both = sum(1 for found in sources.values() if len(found) > 1)
    print(f"   {len(rekeys)} datagrams, {len(strings)} octet strings, {fragments} further fragments, {both} sent by two broadcasters")
    for spi, message, fragment in twice:
        print(f"   two octet strings: {spi.hex()} {message} fragment {fragment}")
    return 0 if not twice and len(rekeys) > 100 and fragments and both else 1


sys.exit(main())
