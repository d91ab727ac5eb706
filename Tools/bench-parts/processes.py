"""The processes of a bench: started, killed and started again at known moments, and their events as they tell them.

Times are seconds since 1970 by the machine's one clock; events carry theirs to the millisecond, cut off.
"""

import ctypes
import datetime
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

POLL = 0.005


class GaveUp(Exception):
    """What was waited for did not come."""


def wait_for(what, look, seconds=30):
    """Looks until there is something, and returns it."""
    end = time.time() + seconds
    while True:
        found = look()
        if found:
            return found
        if time.time() > end:
            raise GaveUp(f"{what}: not within {seconds} s")
        time.sleep(POLL)


def _die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class Processes:
    def __init__(self, binaries, run):
        self.binaries, self.run = binaries, run
        self.running = {}
        self.environment = dict(os.environ, SWIFT_BACKTRACE="enable=no")
        self._offsets, self._events = {}, {}

    def start(self, name, program=None, arguments=None):
        """The server NAME with its settings, or any other program. Returns the moment before it began."""
        program = program or "gcks-" + name.rsplit("-", 1)[0]
        arguments = arguments or ["--config", f"{self.run}/etc/{name}.yaml"]
        log = open(f"{self.run}/log/{name}.log", "ab")
        at = time.time()
        self.running[name] = subprocess.Popen(
            [f"{self.binaries}/{program}", *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            env=self.environment, preexec_fn=_die_with_parent)
        log.close()
        return at

    def pid(self, name):
        return self.running[name].pid

    def store_of(self, name):
        """The process id of an authority's store."""
        found = subprocess.run(["pgrep", "-P", str(self.pid(name)), "-f", "gcks-store"], capture_output=True, text=True)
        return int(found.stdout.split()[0]) if found.stdout.split() else None

    def reap(self, name):
        self.running.pop(name).wait()

    def stop(self, *names):
        processes = [self.running.pop(name) for name in names if name in self.running]
        for process in processes:
            process.send_signal(signal.SIGCONT)
            process.terminate()
        for process in processes:
            try:
                process.wait(timeout=8)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def stop_all(self):
        self.stop(*list(self.running))

    def events(self, name, kind, since=0.0):
        """Events of one kind that a process told at or after a moment, each with its time under "at"."""
        self._read_events(name)
        return [event for event in self._events[name].get(kind, []) if event["at"] >= since - 0.001]

    def _read_events(self, name):
        told = self._events.setdefault(name, {})
        path = f"{self.run}/log/{name}.log"
        if not os.path.exists(path):
            return
        with open(path, "rb") as log:
            log.seek(self._offsets.get(name, 0))
            text = log.read()
        whole = text.rfind(b"\n") + 1
        self._offsets[name] = self._offsets.get(name, 0) + whole
        for line in text[:whole].splitlines():
            if b'"registration-granted"' in line:
                continue
            try:
                event = json.loads(line)
                event["at"] = datetime.datetime.fromisoformat(event["time"].replace("Z", "+00:00")).timestamp()
                told.setdefault(event["event"], []).append(event)
            except (ValueError, KeyError, TypeError):
                continue

    def control(self, *words, check=True, settings=None):
        """gcksctl; returns what it printed."""
        done = subprocess.run(
            [f"{self.binaries}/gcksctl", *words], capture_output=True, text=True,
            env=dict(self.environment, GCKSCTL_CONFIG=settings or f"{self.run}/etc/gcksctl.yaml"))
        if check and done.returncode != 0:
            raise GaveUp(f"gcksctl {' '.join(words)}: {done.stderr.strip()}")
        return done.stdout if done.returncode == 0 else None

    def status(self, authority):
        """What one authority says of the cluster: only the leader knows the links. None when it does not answer."""
        settings = f"{self.run}/etc/gcksctl-{authority}.yaml"
        if not os.path.exists(settings):
            with open(f"{self.run}/etc/gcksctl.yaml") as all_of_them:
                lines = [line for line in all_of_them if "- { name:" not in line or f"name: {authority}," in line]
            with open(settings, "w") as own:
                own.writelines(lines)
        text = self.control("status", "-o", "json", check=False, settings=settings)
        return json.loads(text)["items"][0] if text else None

    def is_whole(self, leader, authorities):
        """Whether all of so many authorities vote, and this one says that it leads."""
        status = self.status(leader)
        voters = [node for node in status["authorities"] if node["detail"] == "voter"] if status else []
        return len(voters) == authorities and status["leader"] == leader

    def connected(self, leader):
        """The names of the frontends and broadcasters that the leader has a link to."""
        status = self.status(leader) or {"frontends": [], "broadcasters": []}
        return {link["name"] for kind in ("frontends", "broadcasters") for link in status[kind] if link["connected"]}


def gone(pid):
    """Whether a process has ended. One that waits to be reaped has."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


class Stream:
    """gcks-loadgen stream: registrations one after the other, and when each was acknowledged."""

    def __init__(self, processes, port, frontends, members, first, every, outstanding=256):
        words = [f"{processes.binaries}/gcks-loadgen", "stream", "--group", "keyid:market-data"]
        for frontend in frontends:
            words += ["--frontend", f"{frontend}:{port}"]
        words += ["--members", str(members), "--first", str(first), "--every", str(every), "--source", "127.0.9.1",
                  "--outstanding", str(outstanding)]
        self.process = subprocess.Popen(
            words, stdout=subprocess.PIPE, stderr=open(f"{processes.run}/log/stream.log", "ab"), text=True,
            preexec_fn=_die_with_parent)
        self.settled, self.failures = [], {}
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            one = json.loads(line)
            self.settled.append(one)
            if "failure" in one:
                self.failures[one["failure"]] = self.failures.get(one["failure"], 0) + 1

    def first_begun_after(self, moment):
        """The first acknowledgement of a registration that began at or after a moment."""
        good = [one for one in self.settled[-1000:] if one["began"] >= moment and "failure" not in one]
        return min(good, key=lambda one: one["ended"]) if good else None

    def longest_across(self, moment):
        """How long the slowest registration took that was under way at a moment, or began within a second after it."""
        across = [one["ended"] - one["began"] for one in self.settled[-1000:]
                  if one["began"] < moment + 1 and one["ended"] > moment and "failure" not in one]
        return max(across, default=0.0)

    @property
    def registered(self):
        return sum("failure" not in one for one in self.settled)

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Wire:
    """Every datagram to a group's rekey address, with the kernel's receive time."""

    SO_TIMESTAMPNS = 35

    def __init__(self, address, port):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, self.SO_TIMESTAMPNS, 1)
        self.socket.bind((address, port))
        request = socket.inet_aton(address) + socket.inet_aton("127.0.0.1")
        self.socket.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, request)
        self.seen = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        while True:
            octets, ancillary, _, source = self.socket.recvmsg(65_535, 256)
            at = time.time()
            for level, kind, data in ancillary:
                if level == socket.SOL_SOCKET and kind == self.SO_TIMESTAMPNS:
                    seconds, nanoseconds = struct.unpack("qq", data[:16])
                    at = seconds + nanoseconds / 1e9
            self.seen.append({"at": at, "port": source[1], "octets": octets})

    def after(self, moment, is_wanted=lambda one: True):
        for one in self.seen[-2000:]:
            if one["at"] >= moment and is_wanted(one):
                return one
        return None


def message_id(octets):
    """The Message ID of an IKE header (RFC 7296 3.1)."""
    return int.from_bytes(octets[20:24], "big")


def udp_ports(pid):
    """The UDP ports that a process is bound to."""
    inodes = set()
    for descriptor in os.listdir(f"/proc/{pid}/fd"):
        try:
            target = os.readlink(f"/proc/{pid}/fd/{descriptor}")
        except OSError:
            continue
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    ports = set()
    with open(f"/proc/{pid}/net/udp") as table:
        for line in table.readlines()[1:]:
            words = line.split()
            if words[9] in inodes:
                ports.add(int(words[1].split(":")[1], 16))
    return ports


def note(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)
