"""The terminal client as a person meets it: the release build in a terminal of 120x40, against a live server."""
import fcntl
import os
import pathlib
import pty
import select
import signal
import statistics
import struct
import tempfile
import termios
import time

import systems

STARTS = 20
KEYS = 500
IDLE_SECONDS = 10
BETWEEN_KEYS_SECONDS = 0.02
ROOM = "bench-room"
DEADLINE_SECONDS = 10


class Terminal:
    """A client in a terminal, from its start."""

    def __init__(self, address, folder):
        client = str(systems.TARGET / "release/tui-client")
        settings = {f"XDG_{name}_HOME": folder for name in ("CONFIG", "STATE", "DATA", "CACHE")}
        command = [client, "join", ROOM, "--user", "alice", "--server", f"http://{address}"]
        self.seen = b""
        self.start = time.perf_counter()
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
            os.execve(client, command, os.environ | settings | {"TERM": "xterm-256color"})

    def read(self, seconds):
        """What it writes within that time, or nothing."""
        if not select.select([self.terminal], [], [], max(seconds, 0))[0]:
            return b""
        written = os.read(self.terminal, 65536)
        self.seen += written
        return written

    def read_until(self, text):
        deadline = time.monotonic() + DEADLINE_SECONDS
        while text not in self.seen:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{text!r} was never shown; seen: {self.seen[-2000:]!r}")
            self.read(0.1)
        return time.perf_counter()

    def read_until_quiet(self, seconds):
        while self.read(seconds):
            pass

    def bytes_within(self, seconds):
        deadline, count = time.monotonic() + seconds, 0
        while (left := deadline - time.monotonic()) > 0:
            count += len(self.read(left))
        return count

    def close(self):
        os.kill(self.pid, signal.SIGTERM)
        self.read_until_end()
        os.waitpid(self.pid, 0)
        os.close(self.terminal)

    def read_until_end(self):
        try:
            while os.read(self.terminal, 65536):
                pass
        except OSError:
            pass  # how Linux says that the other side of a terminal is closed


def first_frame(address, folder):
    """Milliseconds until the room's name is on the screen, which the server has not been asked about yet."""
    terminal = Terminal(address, folder)
    shown = terminal.read_until(ROOM.encode())
    terminal.close()
    return (shown - terminal.start) * 1000


def key_times(terminal):
    for number in range(KEYS):
        start = time.perf_counter()
        os.write(terminal.terminal, b"abcdefghij "[number % 11 : number % 11 + 1])
        if not terminal.read(DEADLINE_SECONDS):
            raise TimeoutError("a key was not shown")
        yield (time.perf_counter() - start) * 1000
        terminal.bytes_within(BETWEEN_KEYS_SECONDS)


def resident_megabytes(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise RuntimeError("the client is gone")


def figures():
    """What it costs, as lines; the limit stands behind each."""
    duet = systems.System("Duet, embedded", None, "relaxed")
    with duet.started() as running, tempfile.TemporaryDirectory() as folder:
        starts = [first_frame(running.address, folder) for _ in range(STARTS)]
        terminal = Terminal(running.address, folder)
        terminal.read_until(b"live")
        terminal.read_until_quiet(1)
        memory = resident_megabytes(terminal.pid)
        idle_bytes = terminal.bytes_within(IDLE_SECONDS)
        keys = sorted(key_times(terminal))
        terminal.close()
    return [
        f"start to first frame: median {statistics.median(starts):.1f} ms, worst of {STARTS} {max(starts):.1f} ms "
        "(at most 15)",
        f"resident memory: {memory:.1f} MB (at most 12)",
        f"written in {IDLE_SECONDS} s of idleness: {idle_bytes} bytes (0)",
        f"key to screen: median {statistics.median(keys):.2f} ms, 99th percentile {keys[KEYS * 99 // 100]:.2f} ms "
        "(median under 1)",
    ]
