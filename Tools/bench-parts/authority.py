"""`Tools/bench authority`: what a cluster of one or three authorities does with registrations, and how soon a rekey leaves."""

import argparse
import json
import os
import signal
import subprocess
import sys
import time

from figures import aim, heading, histogram, spread
from processes import GaveUp, Processes, Stream, Wire, message_id, note, wait_for

GROUP = "market-data"


class Load:
    def __init__(self, options):
        self.options = options
        self.processes = Processes(options.bin, options.run)
        self.authorities = [f"authority-{number + 1}" for number in range(options.authorities)]

    def leader(self):
        told = [(event["at"], name) for name in self.authorities
                for event in self.processes.events(name, "leadership-gained")]
        return max(told)[1] if told else None

    def start_cluster(self):
        for name in self.authorities:
            self.processes.start(name)
        wait_for("an authority leads", self.leader)
        for name in ("frontend-1", "frontend-2", "broadcaster-1", "broadcaster-2"):
            self.processes.start(name)
        wait_for("the group is applied", self.apply)
        wait_for("every node votes and everybody is connected", self.is_whole)

    def apply(self):
        return self.processes.control("group", "apply", "-f", f"{self.options.run}/etc/{GROUP}.yaml", check=False)

    def is_whole(self):
        leader = self.leader()
        return self.processes.is_whole(leader, len(self.authorities)) and len(self.processes.connected(leader)) == 4

    def commits(self):
        return self.processes.status(self.leader())["commits"]

    def registrations(self):
        """As fast as two frontends and the authorities can."""
        note(f"{self.options.sas} registrations through {len(self.authorities)} authorities")
        name = self.leader()
        store = self.processes.store_of(name)
        words = [f"{self.options.bin}/gcks-loadgen", "register", "--group", "keyid:market-data",
                 "--source", "127.0.9.1", "--sas", str(self.options.sas), "--warm-up", str(self.options.warm_up),
                 "--outstanding", str(self.options.outstanding),
                 "--meter", f"authority={self.processes.pid(name)}", "--meter", f"store={store}",
                 "--meter", f"frontend-1={self.processes.pid('frontend-1')}"]
        for frontend in ("127.0.7.11", "127.0.7.12"):
            words += ["--frontend", f"{frontend}:{self.options.port}"]
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as load:
            load.stdout.readline()
            # "measuring" was said; the next line is the last: figures.
            commits = self.commits()
            text = load.stdout.readline()
        if load.returncode != 0 or not text:
            raise GaveUp("the load failed")
        figures = json.loads(text)
        commits = self.commits() - commits
        return {"per_second": figures["perSecond"], "established": figures["established"],
                "failures": figures["failures"], "retransmissions": figures["retransmissions"],
                "seconds": figures["seconds"], "median_ms": figures["medianMilliseconds"], "commits": commits,
                "commits_per_second": commits / figures["seconds"],
                "registrations_per_commit": figures["established"] / max(commits, 1),
                "cpu_ms": {one["name"]: one["cpuMillisecondsPerSA"] for one in figures["processes"]}}

    def rekeys(self, wire, count):
        """Milliseconds from the commit of each rekey to its first datagram."""
        waits = []
        for _ in range(count):
            at = time.time()
            self.processes.control("rekey", "now", GROUP, "--tek")
            event = wait_for("the commit", lambda: self.processes.events(self.leader(), "rekey-committed", at))[0]
            number = int(event["message_id"])
            copy = wait_for(
                "the first copy", lambda: wire.after(at - 1, lambda one: message_id(one["octets"]) == number), 10)
            waits.append((copy["at"] - event["at"]) * 1000)
            # The next of a group waits for the copies before it: two, 50 ms apart.
            time.sleep(0.15)
        return waits

    def measure(self):
        try:
            self.start_cluster()
            result = {"load": self.registrations()}
            wire = Wire("239.77.0.1", 10_848)
            note(f"{self.options.rekeys} rekeys, and as many while members register")
            result["commit_to_wire_ms"] = self.rekeys(wire, self.options.rekeys)
            stream = Stream(
                self.processes, self.options.port, ["127.0.7.11", "127.0.7.12"], 20_000,
                self.options.sas + self.options.warm_up, every=5)
            wait_for("registrations", lambda: stream.registered > 10)
            begun, before = time.time(), stream.registered
            result["commit_to_wire_loaded_ms"] = self.rekeys(wire, self.options.rekeys)
            result["beside_per_second"] = (stream.registered - before) / (time.time() - begun)
            stream.stop()
            return result
        finally:
            self.processes.stop_all()


# The report

def table(record, clusters):
    yield f"{record['date']}  {record['version']}  {record['machine']}, load {record['load_before']} before"
    yield ""
    yield f"{'authorities':48} {'one':>9} {'three':>9}"
    one, three = clusters["1"]["load"], clusters["3"]["load"]

    def row(what, field, form="9.0f"):
        return f"  {what:46} {one[field]:{form}} {three[field]:{form}}"

    yield row("registrations", "established", "9")
    for load, words in ((one, "one"), (three, "three")):
        for reason, count in load["failures"].items():
            yield f"  not granted, {words}: {reason} {count}"
    yield row("registrations per second", "per_second")
    yield row("commits per second", "commits_per_second")
    yield row("registrations per commit", "registrations_per_commit", "9.1f")
    yield row("median ms from first datagram to SA", "median_ms", "9.1f")
    for name in one["cpu_ms"]:
        what = f"CPU ms per registration, leader's {name}" if name != "frontend-1" else "CPU ms per registration, frontend-1"
        yield f"  {what:46} {one['cpu_ms'][name]:9.3f} {three['cpu_ms'][name]:9.3f}"
    yield f"  three against one                              {'':9} {three['per_second'] / one['per_second']:9.2f}"
    yield ""
    yield f"ms from a rekey's commit to its first octet  rekeys     p50     p99     max   aim"
    for count, words in (("1", "one authority"), ("3", "three authorities")):
        for field, when in (("commit_to_wire_ms", "idle"), ("commit_to_wire_loaded_ms", "beside")):
            waits = clusters[count][field]
            told = spread(waits)
            what = words if when == "idle" else f"{words}, {clusters[count]['beside_per_second']:.0f} registrations/s"
            yield f"  {what:42} {told['runs']:6} {told['p50']:7.1f} {told['p99']:7.1f} {told['max']:7.1f}" \
                  f"   p99 50  {aim(told['p99'], 50)}"
    yield ""
    yield "three authorities under registrations: commit to wire"
    yield from histogram([max(wait, 0) for wait in clusters["3"]["commit_to_wire_loaded_ms"]], "ms")


def report(form, options):
    clusters = {}
    for count in ("1", "3"):
        with open(f"{options.figures}/authority-{count}.json") as text:
            clusters[count] = json.load(text)
    record = heading(options.version, options.load)
    if form == "json":
        rounded = json.loads(json.dumps(clusters), parse_float=lambda number: round(float(number), 3))
        print(json.dumps({**record, "clusters": rounded}))
    else:
        print("\n".join(table(record, clusters)))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("action", choices=["measure", "table", "json"])
    for text in ("bin", "run", "figures", "version", "load"):
        parser.add_argument("--" + text)
    for number in ("port", "authorities", "sas", "warm-up", "outstanding", "rekeys"):
        parser.add_argument("--" + number, type=int)
    options = parser.parse_args()
    if options.action != "measure":
        return report(options.action, options)
    # An interrupted bench stops what it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        print(json.dumps(Load(options).measure()))
    except GaveUp as failure:
        sys.exit(f"bench: {failure}")


main()
