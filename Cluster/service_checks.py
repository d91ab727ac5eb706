"""What scenario-service.sh finds out with programs under a service manager of its own. Prints "ok ..." or "FAILED ..." a line."""
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time

from service_manager import Unit

run, bin_, root = (os.environ[name] for name in ("run", "bin", "root"))
ike, gdoi, nat = (int(os.environ[name]) for name in ("ike", "gdoi", "nat"))
SECOND = 1_000_000


def check(what, held):
    print(("ok " if held else "FAILED ") + what, flush=True)


def program(name, kind, watchdog=None, command=()):
    return Unit(name, [f"{bin_}/gcks-{kind}", *command, "--config", f"{run}/etc/{name}.yaml"], run, watchdog)


def ctl(*arguments):
    environment = dict(os.environ, GCKSCTL_CONFIG=f"{run}/etc/gcksctl.yaml")
    done = subprocess.run([f"{bin_}/gcksctl", *arguments], env=environment, capture_output=True, text=True, timeout=20)
    return done.returncode == 0, done.stdout + done.stderr


def until(seconds, question):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if question():
                return True
        except (OSError, ValueError):
            pass
        time.sleep(0.1)
    return False


def figure(address, series):
    connection = http.client.HTTPConnection(address, timeout=3)
    connection.request("GET", "/metrics")
    page = connection.getresponse().read().decode()
    found = re.search(re.escape(series) + r" (\S+)$", page, re.MULTILINE)
    return float(found.group(1)) if found else 0.0


def edit(name, change):
    path = f"{run}/etc/{name}.yaml"
    old = open(path).read()
    open(path, "w").write(change(old))
    return old


def restore(name, text):
    open(f"{run}/etc/{name}.yaml", "w").write(text)


def bound(address, port):
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind((address, port))
    return udp


def certificate(kind, name):
    for end in (".pem", ".key"):
        os.remove(f"{run}/pki/{kind}-{name}{end}")
    subprocess.run([f"{root}/Tools/dev-ca", "service", f"{run}/pki", kind, name], check=True)


def serial_shown(address, client):
    done = subprocess.run(
        ["openssl", "s_client", "-connect", address, "-cert", f"{run}/pki/{client}.pem", "-key", f"{run}/pki/{client}.key",
         "-CAfile", f"{run}/pki/ca.pem"], input="", capture_output=True, text=True, timeout=10)
    shown = re.search(r"-----BEGIN.*?END CERTIFICATE-----", done.stdout, re.DOTALL)
    if not shown:
        return "none"
    return subprocess.run(["openssl", "x509", "-noout", "-serial"], input=shown.group(0), capture_output=True, text=True).stdout


def serial_of(file):
    return subprocess.run(["openssl", "x509", "-noout", "-serial", "-in", file], capture_output=True, text=True).stdout


units = []


def begin(unit, sockets=()):
    units.append(unit)
    unit.start(sockets)
    check(f"{unit.name} says that it is ready", unit.until(20, READY="1") is not None)
    return unit


def feeds_the_watchdog(unit):
    since = time.monotonic()
    time.sleep(2)
    fed = len(unit.said(since, WATCHDOG="1"))
    check(f"{unit.name} feeds the watchdog: {fed} times in 2 s", fed >= 4)
    unit.signal(signal.SIGSTOP)
    time.sleep(0.2)
    since = time.monotonic()
    time.sleep(1)
    check(f"{unit.name} feeds nothing while it stands still", not unit.said(since, WATCHDOG="1"))
    unit.signal(signal.SIGCONT)
    check(f"{unit.name} feeds again when it goes on", unit.until(5, since, WATCHDOG="1") is not None)


def reload(unit, seconds=10):
    """Sends SIGHUP. True when the program announced the reload with the moment it began, and its end."""
    before = time.monotonic()
    unit.signal(signal.SIGHUP)
    begun = unit.until(seconds, before, RELOADING="1")
    if begun is None:
        return False
    moment = int(begun[1].get("MONOTONIC_USEC", "0"))
    return before * SECOND - 1 <= moment <= time.monotonic() * SECOND and unit.until(seconds, begun[0], READY="1") is not None


def logged(unit, event, times=1):
    return until(5, lambda: len([line for line in unit.log().splitlines() if f'"event":"{event}"' in line]) >= times)


def line_of(unit, event):
    lines = [json.loads(line) for line in unit.log().splitlines() if f'"event":"{event}"' in line]
    return lines[-1] if lines else {}


def main():
    authority = begin(program("authority-1", "authority", watchdog=SECOND))
    check("its status says that it leads", authority.status_has("leads in term", 30))
    check("the group is applied", until(20, lambda: ctl("group", "apply", "-f", f"{run}/etc/market-data.yaml")[0]))

    # A frontend with sockets from the service manager.
    sockets = [bound("127.0.7.11", port) for port in (ike, gdoi, nat)]
    stray = bound("127.0.7.99", 9999)
    frontend = begin(
        program("frontend-1", "frontend", watchdog=SECOND), [udp.fileno() for udp in (*sockets, stray)])
    stray.close()
    check("its status says whom it is connected to", frontend.status_has("connected to authority-1"))
    inherited = line_of(frontend, "sockets-inherited").get("sockets", "")
    check("it takes the sockets it was handed", all(f"127.0.7.11:{port}" in inherited for port in (ike, gdoi, nat)))
    broadcaster = begin(program("broadcaster-1", "broadcaster", watchdog=SECOND))
    check("the broadcaster's status says whom it is connected to", broadcaster.status_has("connected to authority-1"))

    # A frontend that binds its sockets itself, and hands them over for the time between.
    second = begin(program("frontend-2", "frontend"))
    check("it hands three sockets over", until(5, lambda: len(second.said(FDSTORE="1", FDNAME="gcks-ike", FDPOLL="0")) == 3))
    check("as descriptors", len(second.stored) == 3)
    member = begin(program("gm1.demo", "member", watchdog=SECOND, command=("run",)))
    check("the member's status counts its groups", member.status_has("keys of 1 of 1 groups", 30))

    for unit in (authority, frontend, broadcaster, member):
        feeds_the_watchdog(unit)
    reloads(authority, frontend, broadcaster, member)
    certificates(authority, frontend)
    restarts(second, member)
    journal()

    for unit in (member, broadcaster, frontend, second, authority):
        unit.signal(signal.SIGTERM)
        code = unit.wait(15)
        said = unit.said(STOPPING="1") != []
        check(f"{unit.name} says that it stops, and ends well ({said}, {code})", code == 0 and said)


def reloads(authority, frontend, broadcaster, member):
    for unit in (authority, frontend, broadcaster, member):
        check(f"{unit.name} reloads", reload(unit))
        check(f"{unit.name} says that its settings are in force", logged(unit, "settings-reloaded"))

    old = edit("frontend-1", lambda text: text + "log_level: debug\nike: { cookie_threshold: 0 }\n")
    check("a frontend takes another limit", reload(frontend) and logged(frontend, "settings-reloaded", 2))
    cookies = probe("127.0.7.11")
    check("and works by it", "established" in cookies)

    edit("frontend-1", lambda text: text.replace("cookie_threshold: 0", "cookie_treshold: 5").replace("ports:", "porst:"))
    check("a wrong file ends the reload too", reload(frontend))
    fault = line_of(frontend, "settings-not-reloaded")
    check("with one clear line: " + fault.get("why", "nothing"),
          "frontend-1.yaml:" in fault.get("why", "") and "porst" in fault["why"] and "(and 1 more)" in fault["why"])
    check("and the frontend works on", "established" in probe("127.0.7.11"))

    restore("frontend-1", old.replace("name: frontend-1", "name: frontend-9").replace(f"nat_traversal_port: {nat}", "nat_traversal_port: 4600"))
    check("what cannot change is no fault", reload(frontend))
    check("and is named", logged(frontend, "settings-need-restart")
          and line_of(frontend, "settings-need-restart").get("settings") == "name, listen")
    restore("frontend-1", old)
    reload(frontend)


def probe(frontend):
    """One IKE SA with that frontend, in the name of the member."""
    settings = open(f"{run}/etc/gm1.demo.yaml").read()
    path = f"{run}/etc/probe.yaml"
    open(path, "w").write(settings.replace("127.0.7.12:", frontend + ":"))
    done = subprocess.run([f"{bin_}/gcks-member", "probe", "--config", path], capture_output=True, text=True, timeout=20)
    return done.stdout + done.stderr


def certificates(authority, frontend):
    certificate("authority", "authority-1")
    check("the authority takes a new certificate", reload(authority))
    fresh = serial_of(f"{run}/pki/authority-authority-1.pem")
    check("and shows it to who connects", serial_shown("127.0.7.1:7701", "crypto-officer-alice") == fresh != "")
    check("operators come in", ctl("status")[0])

    connected = len(re.findall('"event":"frontend-connected".*frontend-1"', authority.log()))
    certificate("frontend", "frontend-1")
    check("a frontend takes a new certificate", reload(frontend))
    check("and connects with it", until(10, lambda: len(re.findall(
        '"event":"frontend-connected".*frontend-1"', authority.log())) > connected))

    # A certificate and the key of another one.
    os.rename(f"{run}/pki/frontend-frontend-1.key", f"{run}/pki/kept.key")
    subprocess.run(["cp", f"{run}/pki/frontend-frontend-2.key", f"{run}/pki/frontend-frontend-1.key"], check=True)
    before = len(re.findall("settings-not-reloaded", frontend.log()))
    check("a key that does not fit ends the reload", reload(frontend))
    check("with a clear line", logged(frontend, "settings-not-reloaded", before + 1)
          and "frontend-frontend-1.key" in line_of(frontend, "settings-not-reloaded").get("why", ""))
    os.rename(f"{run}/pki/kept.key", f"{run}/pki/frontend-frontend-1.key")
    check("its stream stands", frontend.status_has("connected to authority-1"))


def restarts(second, member):
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for ending in (signal.SIGTERM, signal.SIGKILL):
        second.signal(ending)
        second.wait()
        for _ in range(20):
            udp.sendto(b"to whoever comes next", ("127.0.7.12", ike))
        second.start(second.stored[:3])
        check(f"after {ending.name} it starts with the kept sockets", second.until(20, READY="1") is not None)
        malformed = 'gcks_ike_packets_dropped_total{reason="malformed"}'
        check("and has every datagram that came meanwhile",
              until(10, lambda: figure("127.0.7.12:9462", malformed) == 20))
        check("a member reaches it", until(15, lambda: "established" in probe("127.0.7.12")))
    # A kept socket cannot be bound again; the same one is taken up again.
    check("the group is rekeyed and the member follows", until(20, lambda: ctl("rekey", "now", "market-data", "--tek")[0])
          and until(20, lambda: '"event":"rekey-received"' in member.log()))


def journal():
    """A journal of our own, in a mount namespace of its own."""
    path = f"{run}/journal.py"
    open(path, "w").write(JOURNAL)
    for isolate in (["unshare", "--mount"], ["unshare", "--user", "--map-root-user", "--mount"]):
        if subprocess.run([*isolate, "true"], capture_output=True).returncode == 0:
            break
    done = subprocess.run([*isolate, sys.executable, path], capture_output=True, text=True, timeout=30)
    sys.stdout.write(done.stdout)
    check("the journal was looked at", done.returncode == 0 and "ok" in done.stdout)
    if done.returncode:
        print(done.stderr)


JOURNAL = '''
import os, re, signal, socket, subprocess, time
run, bin_, root = (os.environ[name] for name in ("run", "bin", "root"))
def check(what, held): print(("ok " if held else "FAILED ") + what, flush=True)
subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
os.makedirs("/run/systemd/journal")
journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
journal.bind("/run/systemd/journal/socket")
journal.settimeout(5)
def start(stream):
    errors = open("/run/errors", "w+b")
    status = os.fstat(errors.fileno())
    environment = dict(os.environ, JOURNAL_STREAM=stream or f"{status.st_dev}:{status.st_ino}")
    return subprocess.Popen([bin_ + "/gcks-frontend", "--config", run + "/etc/journal.yaml"], env=environment, stdout=errors, stderr=errors)
settings = open(run + "/etc/frontend-1.yaml").read().replace("127.0.7.11", "127.0.7.13")
open(run + "/etc/journal.yaml", "w").write(settings)
program = start(None)
entries = []
try:
    while len(entries) < 20 and not any("GCKS_EVENT=frontend-started" in entry for entry in entries):
        entries.append(journal.recv(65536).decode())
finally:
    program.send_signal(signal.SIGTERM)
    program.wait(10)
entry = next((e for e in entries if "GCKS_EVENT=frontend-started" in e), "")
fields = dict(line.split("=", 1) for line in entry.splitlines() if "=" in line)
check("events go to the journal as fields", fields.get("SYSLOG_IDENTIFIER") == "gcks-frontend" and fields.get("PRIORITY") == "5"
      and fields.get("GCKS_NAME") == "frontend-1")
catalog = open(root + "/Config/systemd/gcks.catalog").read()
known = re.search("-- ([0-9a-f]{32})\\\\nSubject: gcks: frontend started", catalog)
check("under the message id of the catalog", known is not None and fields.get("MESSAGE_ID") == known.group(1))
check("and not to standard error", open("/run/errors").read() == "")
program = start("1:1")
time.sleep(1.5)
program.send_signal(signal.SIGTERM)
program.wait(10)
check("JSON lines where standard error is not the journal's stream", '"event":"frontend-started"' in open("/run/errors").read())
'''

try:
    main()
    check("the end", True)
finally:
    for unit in units:
        unit.kill()
