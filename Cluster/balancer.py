#!/usr/bin/env python3
"""A plain UDP load balancer with bad manners: it sends every datagram of a client to a random frontend.

usage: balancer.py SEED ADDRESS UPSTREAM-ADDRESS FRONTEND,FRONTEND... PORT...

It listens at ADDRESS on each PORT. Each client has one socket of its own on UPSTREAM-ADDRESS for each port; what any frontend
sends to that socket goes back to the client from ADDRESS. At SIGTERM it prints how many datagrams each frontend was sent.
"""
import json, random, select, signal, socket, sys

chance = random.Random(int(sys.argv[1]))
address, upstream, frontends = sys.argv[2], sys.argv[3], sys.argv[4].split(",")
ports = [int(port) for port in sys.argv[5:]]
sent, back = {frontend: 0 for frontend in frontends}, 0


def bound(host, port):
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    made.bind((host, port))
    made.setblocking(False)
    poll.register(made.fileno(), select.EPOLLIN)
    return made


def tell(*_):
    print(json.dumps({"sent": sent, "back": back}), flush=True)
    sys.exit(0)


poll = select.epoll()
doors = {}      # descriptor: (socket, port)
ways = {}       # (client, port): upstream socket
clients = {}    # descriptor of an upstream socket: (socket, client, door)
for port in ports:
    door = bound(address, port)
    doors[door.fileno()] = (door, port)
signal.signal(signal.SIGTERM, tell)
print("balancing", flush=True)
while True:
    for descriptor, _ in poll.poll():
        try:
            while True:
                if descriptor in doors:
                    door, port = doors[descriptor]
                    octets, client = door.recvfrom(65535)
                    way = ways.get((client, port))
                    if way is None:
                        way = ways[client, port] = bound(upstream, 0)
                        clients[way.fileno()] = (way, client, door)
                    frontend = chance.choice(frontends)
                    way.sendto(octets, (frontend, port))
                    sent[frontend] += 1
                else:
                    way, client, door = clients[descriptor]
                    octets, frontend = way.recvfrom(65535)
                    if frontend[0] in frontends:
                        door.sendto(octets, client)
                        back += 1
        except (BlockingIOError, ConnectionRefusedError):
            pass
