"""`Tools/bench failover`: kills one process after the other under a stream of registrations and times who takes over."""

import argparse
import json
import os
import random
import shutil
import signal
import sys
import time

from figures import aim, heading, histogram, spread
from processes import GaveUp, Processes, Stream, Wire, gone, message_id, note, udp_ports, wait_for

GROUP = "market-data"
AUTHORITIES = ["authority-1", "authority-2", "authority-3"]
FRONTENDS = ["frontend-1", "frontend-2"]
BROADCASTERS = ["broadcaster-1", "broadcaster-2"]
COLD_STARTS, FORMATIONS, FRONTEND_ROUNDS = 8, 4, 4
# Above the 200 ms from one copy of a rekey to the next.
QUIET = 0.45


class Failover:
    def __init__(self, options):
        self.options = options
        self.processes = Processes(options.bin, options.run)
        self.stream = None
        self.random = random.Random(1)

    # What stands

    def start_cluster(self):
        at = time.time()
        for name in AUTHORITIES:
            self.processes.start(name)
        wait_for("an authority leads", lambda: self.gained(at))
        for name in FRONTENDS + BROADCASTERS:
            self.processes.start(name)
        # The leader may change once more before all three vote; applying twice is harmless.
        wait_for("the group is applied", self.apply)

    def apply(self):
        return self.processes.control("group", "apply", "-f", f"{self.options.run}/etc/{GROUP}.yaml", check=False)

    def start_stream(self):
        self.stream = Stream(
            self.processes, self.options.port, ["127.0.7.11", "127.0.7.12"], self.options.stream_members, 0, every=20)
        wait_for("registrations", lambda: self.stream.registered > 10)

    def gained(self, since):
        """The first authority that told after a moment that it leads."""
        told = [(event["at"], name) for name in AUTHORITIES
                for event in self.processes.events(name, "leadership-gained", since)]
        return min(told) if told else None

    def leader(self):
        told = [(event["at"], name) for name in AUTHORITIES
                for event in self.processes.events(name, "leadership-gained")]
        return max(told)[1]

    def settle(self):
        """Three voters, a leader, registrations again; then a moment that no timer knows."""
        wait_for("three voters and a leader", lambda: self.processes.is_whole(self.leader(), len(AUTHORITIES)))
        since = time.time()
        wait_for("registrations", lambda: self.stream.first_begun_after(since))
        time.sleep(self.random.uniform(0.2, 0.6))

    # Deaths of a leader

    def leader_dies(self, kills_authority, kills_store):
        self.settle()
        name = self.leader()
        authority, store = self.processes.pid(name), self.processes.store_of(name)
        at = time.time()
        if kills_authority:
            os.kill(authority, signal.SIGKILL)
        if kills_store:
            os.kill(store, signal.SIGKILL)
        gained, _ = wait_for("another leader", lambda: self.gained(at))
        served = wait_for("the next registration", lambda: self.stream.first_begun_after(at))
        # Those that were under way settle too.
        time.sleep(0.3)
        figures = {"detection": gained - at, "registration": served["ended"] - at,
                   "slowest": self.stream.longest_across(at)}
        if kills_authority:
            self.processes.reap(name)
            wait_for("the store goes with its authority", lambda: gone(store))
            started = self.processes.start(name)
            wait_for("the store is back", lambda: self.processes.events(name, "store-ready", started))
        else:
            wait_for("the store is back", lambda: self.processes.events(name, "store-ready", at))
        return figures

    def leaders(self):
        kinds = {"authority and store": (True, True), "authority": (True, False), "store": (False, True)}
        result = {}
        for kind, killed in kinds.items():
            note(f"{self.options.runs} times the leader's {kind}")
            runs = [self.leader_dies(*killed) for _ in range(self.options.runs)]
            result[kind] = {field: [run[field] for run in runs] for field in runs[0]}
        return result

    # Deaths of a broadcaster

    def owner_of(self, port):
        return next(name for name in BROADCASTERS if port in udp_ports(self.processes.pid(name)))

    def rekey(self):
        at = time.time()
        self.processes.control("rekey", "now", GROUP, "--tek")
        return at

    def calm(self, wire):
        """Both broadcasters are connected, and the last copy of the last rekey is out."""
        wait_for("two broadcasters", lambda: self.processes.connected(self.leader()).issuperset(BROADCASTERS))
        wait_for("silence", lambda: wire.after(time.time() - QUIET) is None)

    def broadcaster_dies_between_copies(self, wire):
        self.calm(wire)
        at = self.rekey()
        first = wait_for("the first copy", lambda: wire.after(at))
        name = self.owner_of(first["port"])
        killed = time.time()
        os.kill(self.processes.pid(name), signal.SIGKILL)
        again = wait_for("the copy of another", lambda: wire.after(killed, lambda one: one["port"] != first["port"]))
        self.same(first, again)
        self.replace(name)
        return again["at"] - killed

    def broadcaster_dies_before_the_first_copy(self, wire):
        """The one that has the group is halted before the commit, so that the order reaches it and no copy leaves."""
        while True:
            self.calm(wire)
            at = self.rekey()
            name = self.owner_of(wait_for("a copy", lambda: wire.after(at))["port"])
            self.calm(wire)
            halted = self.processes.pid(name)
            os.kill(halted, signal.SIGSTOP)
            at = self.rekey()
            wait_for("the commit", lambda: self.processes.events(self.leader(), "rekey-committed", at))
            time.sleep(0.05)
            if wire.after(at) is None:
                break
            # Another had the group this time.
            os.kill(halted, signal.SIGCONT)
        killed = time.time()
        os.kill(halted, signal.SIGKILL)
        copy = wait_for("the copy of another", lambda: wire.after(killed))
        self.replace(name)
        return copy["at"] - killed

    def same(self, one, other):
        if one["octets"] != other["octets"]:
            raise GaveUp(f"message {message_id(one['octets'])} left with two octet strings")

    def replace(self, name):
        self.processes.reap(name)
        self.processes.start(name)

    def broadcasters(self):
        wire = Wire("239.77.0.1", 10_848)
        note(f"{self.options.runs} times a broadcaster before its first copy")
        before = [self.broadcaster_dies_before_the_first_copy(wire) for _ in range(self.options.runs)]
        note(f"{self.options.runs} times a broadcaster between its copies")
        between = [self.broadcaster_dies_between_copies(wire) for _ in range(self.options.runs)]
        return {"before the first copy": before, "between copies": between}

    # A frontend dies

    def frontends(self):
        """Members whose frontend dies while they register, or just before they begin."""
        note(f"{FRONTEND_ROUNDS} times a frontend with {self.options.frontend_members} members")
        names = [f"gm{number}.demo" for number in range(1, self.options.frontend_members + 1)]
        under_way, begun_after = [], []
        for _ in range(FRONTEND_ROUNDS):
            begun = {}
            for place, name in enumerate(names):
                if place == len(names) // 2:
                    # One is registered, the rest of the first half is on its way.
                    wait_for("one member", lambda: any(self.registered(name, begun[name]) for name in begun))
                    killed = time.time()
                    os.kill(self.processes.pid("frontend-1"), signal.SIGKILL)
                begun[name] = self.processes.start(
                    name, "gcks-member", ["run", "--config", f"{self.options.run}/etc/{name}.yaml"])
            for name in names:
                at = wait_for(f"{name} registers", lambda: self.registered(name, begun[name]))
                if at < killed:
                    continue
                (under_way if begun[name] < killed else begun_after).append(at - max(killed, begun[name]))
            self.processes.reap("frontend-1")
            self.processes.start("frontend-1")
            self.processes.stop(*names)
        return {"registering": under_way, "beginning after": begun_after}

    def registered(self, name, since):
        told = self.processes.events(name, "group-registered", since)
        return told[0]["at"] if told else None

    # From nothing

    def stop_authorities(self):
        stores = [self.processes.store_of(name) for name in AUTHORITIES]
        for name in AUTHORITIES:
            os.kill(self.processes.pid(name), signal.SIGKILL)
        for store in filter(None, stores):
            os.kill(store, signal.SIGKILL)
        for name in AUTHORITIES:
            self.processes.reap(name)
        wait_for("every store is gone", lambda: all(gone(store) for store in stores if store))
        time.sleep(1)

    def cold_start(self):
        self.stop_authorities()
        at = [self.processes.start(name) for name in AUTHORITIES][0]
        gained, _ = wait_for("a leader", lambda: self.gained(at))
        served = wait_for("the next registration", lambda: self.stream.first_begun_after(at))
        self.settle()
        return {"leader": gained - at, "registration": served["ended"] - at}

    def formation(self):
        self.stop_authorities()
        for name in AUTHORITIES:
            shutil.rmtree(f"{self.options.run}/var/{name}")
        at = [self.processes.start(name) for name in AUTHORITIES][0]
        gained, _ = wait_for("a leader", lambda: self.gained(at))
        wait_for("the group is applied", self.apply)
        served = wait_for("the next registration", lambda: self.stream.first_begun_after(at))
        self.settle()
        return {"leader": gained - at, "registration": served["ended"] - at}

    def starts(self):
        note(f"{COLD_STARTS} cold starts, {FORMATIONS} first formations")
        result = {}
        for kind, start, count in (("cold start", self.cold_start, COLD_STARTS),
                                   ("first formation", self.formation, FORMATIONS)):
            runs = [start() for _ in range(count)]
            result[kind] = {field: [run[field] for run in runs] for field in runs[0]}
        return result

    def measure(self):
        begun = time.time()
        try:
            self.start_cluster()
            self.start_stream()
            self.settle()
            result = {"leader": self.leaders(), "members": self.stream.registered}
            result["broadcaster"] = self.broadcasters()
            result["start"] = self.starts()
            result["stream"] = {"registered": self.stream.registered, "failures": self.stream.failures}
            self.stream.stop()
            result["frontend"] = self.frontends()
            result["seconds"] = time.time() - begun
            return result
        finally:
            if self.stream:
                self.stream.stop()
            self.processes.stop_all()


# The report

AIMS = {"detection": 1.0, "registration": 3.0}


def table(record, figures):
    yield f"{record['date']}  {record['version']}  {record['machine']}, load {record['load_before']} before"
    yield f"a registration begins every 20 ms; {figures['stream']['registered']} were granted"
    for reason, count in figures["stream"]["failures"].items():
        yield f"  not granted in an outage, {reason}: {count}"
    yield ""
    yield f"seconds from the kill -9 on{'':22} runs     p50     p99     max   aim"

    def row(what, values, most=None):
        told = spread(values)
        judged = f"   p99 {most:g}  {aim(told['p99'], most)}" if most else ""
        return f"  {what:46} {told['runs']:4} {told['p50']:7.3f} {told['p99']:7.3f} {told['max']:7.3f}{judged}"

    for kind, runs in figures["leader"].items():
        yield f"leader's {kind}"
        yield row("another authority leads", runs["detection"], AIMS["detection"])
        yield row("the next registration is acknowledged", runs["registration"], AIMS["registration"])
        yield row("the slowest registration of those under way", runs["slowest"])
    yield "broadcaster"
    for kind, values in figures["broadcaster"].items():
        yield row(f"{kind}: a copy by another", values, 1.0)
    yield "frontend"
    for kind, values in figures["frontend"].items():
        if values:
            yield row(f"a member {kind}: registered elsewhere", values, 5.0)
    yield "all authorities, seconds from their start"
    for kind, runs in figures["start"].items():
        yield row(f"{kind}: an authority leads", runs["leader"])
        yield row(f"{kind}: a registration is acknowledged", runs["registration"], 10.0)
    for kind, runs in figures["leader"].items():
        yield ""
        yield f"leader's {kind} killed: the next registration"
        yield from histogram(runs["registration"], "s")


def report(form, options):
    with open(options.figures) as text:
        figures = json.load(text)
    record = heading(options.version, options.load)
    if form == "json":
        rounded = json.loads(json.dumps(figures), parse_float=lambda number: round(float(number), 4))
        print(json.dumps({**record, **rounded}))
    else:
        print("\n".join(table(record, figures)))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("action", choices=["measure", "table", "json"])
    for text in ("bin", "run", "figures", "version", "load"):
        parser.add_argument("--" + text)
    for number in ("port", "runs", "stream-members", "frontend-members"):
        parser.add_argument("--" + number, type=int)
    options = parser.parse_args()
    if options.action != "measure":
        return report(options.action, options)
    # An interrupted bench stops what it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        print(json.dumps(Failover(options).measure()))
    except GaveUp as failure:
        sys.exit(f"bench: {failure}")


main()
