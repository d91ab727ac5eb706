"""A service manager for tests: does for one program what systemd does for a unit of Type=notify-reload.

It hands over sockets (LISTEN_FDS), listens on NOTIFY_SOCKET, keeps what is stored (FDSTORE=1), and feeds nothing back: a test reads
what the program said and when.
"""
import array
import os
import signal
import socket
import threading
import time


class Unit:
    def __init__(self, name, argv, folder, watchdog=None, environment=None):
        self.name, self.argv, self.folder, self.watchdog = name, argv, folder, watchdog
        self.environment = environment or {}
        self.stored = []
        self.messages = []
        self.process = None
        self.pipe = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.place = f"{folder}/notify-{name}"
        self.pipe.bind(self.place)
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        while True:
            octets, ancillary, _, _ = self.pipe.recvmsg(8192, socket.CMSG_SPACE(64 * 4))
            fields = dict(line.split("=", 1) for line in octets.decode().split("\n") if "=" in line)
            for level, kind, data in ancillary:
                if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                    numbers = array.array("i")
                    numbers.frombytes(data[: len(data) - len(data) % numbers.itemsize])
                    fields["fds"] = list(numbers)
                    if fields.get("FDSTORE") == "1":
                        self.stored += numbers
            self.messages.append((time.monotonic(), fields))

    def start(self, sockets=()):
        """Sockets are descriptors; they come to the program as 3, 4, ..."""
        environment = dict(os.environ, NOTIFY_SOCKET=self.place, SWIFT_BACKTRACE="enable=no", **self.environment)
        for name in ("LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "WATCHDOG_USEC", "WATCHDOG_PID"):
            environment.pop(name, None)
        self.messages.clear()
        log = open(f"{self.folder}/log/{self.name}.log", "ab")
        sockets = [os.dup(number) for number in sockets]

        def become():
            # In the child: its own pid is known here only.
            if sockets:
                # Out of the way first, then into the row that begins with 3.
                moved = [os.dup2(number, 200 + place) for place, number in enumerate(sockets)]
                for place, number in enumerate(moved):
                    os.dup2(number, 3 + place)
                os.environ.update(
                    LISTEN_FDS=str(len(sockets)), LISTEN_PID=str(os.getpid()),
                    LISTEN_FDNAMES=":".join("gcks-ike" for _ in sockets))
            if self.watchdog:
                os.environ.update(WATCHDOG_USEC=str(self.watchdog), WATCHDOG_PID=str(os.getpid()))

        pid = os.fork()
        if pid == 0:
            try:
                os.setpgid(0, 0)
                os.environ.clear()
                os.environ.update(environment)
                os.dup2(log.fileno(), 1)
                os.dup2(log.fileno(), 2)
                become()
                for number in range(3 + len(sockets), 256):
                    try:
                        os.close(number)
                    except OSError:
                        pass
                os.execv(self.argv[0], self.argv)
            finally:
                os._exit(127)
        log.close()
        for number in sockets:
            os.close(number)
        self.pid = pid
        self.code = None
        return self

    def signal(self, number):
        os.kill(self.pid, number)

    def wait(self, seconds=10):
        """The exit code; None when it still runs."""
        end = time.monotonic() + seconds
        while self.code is None and time.monotonic() < end:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.code = os.waitstatus_to_exitcode(status)
                break
            time.sleep(0.02)
        return self.code

    def runs(self):
        return self.wait(0.01) is None

    def kill(self):
        if self.code is None:
            try:
                os.kill(self.pid, signal.SIGCONT)
                os.kill(self.pid, signal.SIGKILL)
            except ProcessLookupError:
                return
            self.wait()

    def said(self, since=0.0, **wanted):
        """Every message after that moment that has these fields with these values."""
        return [
            (moment, fields) for moment, fields in list(self.messages)
            if moment >= since and all(key in fields and value in (None, fields[key]) for key, value in wanted.items())
        ]

    def until(self, seconds=10, since=0.0, **wanted):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = self.said(since, **wanted)
            if found:
                return found[0]
            time.sleep(0.02)
        return None

    def status(self):
        found = [fields["STATUS"] for _, fields in self.messages if "STATUS" in fields]
        return found[-1] if found else ""

    def status_has(self, text, seconds=10):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if text in self.status():
                return True
            time.sleep(0.05)
        return False

    def log(self):
        with open(f"{self.folder}/log/{self.name}.log", errors="replace") as file:
            return file.read()
