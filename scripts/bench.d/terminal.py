"""A program in a terminal of 120x40, as a person meets it: what it writes and when, and what it costs the system."""
import fcntl
import os
import pathlib
import pty
import select
import signal
import struct
import termios
import time

ROWS, COLUMNS = 40, 120
DEADLINE_SECONDS = 60
TAIL_BYTES = 65536


class Terminal:
    """A program from its start. Whoever waits for what it writes reads it at once, so that it never waits for us."""

    def __init__(self, command, settings):
        self.seen = b""  # the end of what was written
        self.count = 0  # the bytes written so far
        # A quiet, known world: no NO_COLOR, no themes, no tmux of whoever runs this.
        world = {"TERM": "xterm-256color", "LANG": "C.UTF-8", "PATH": os.environ["PATH"]} | settings
        self.start = time.perf_counter()
        self.pid, self.file = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
            os.execvpe(command[0], command, world)

    def read(self, seconds):
        """When the next bytes came, or nothing if none came within that time."""
        if not select.select([self.file], [], [], max(seconds, 0))[0]:
            return None
        written = os.read(self.file, 1 << 20)
        at = time.perf_counter()
        self.count += len(written)
        self.seen = (self.seen + written)[-TAIL_BYTES:]
        return at

    def read_until(self, text):
        """When a text was on the screen. It has to be one that nothing else in its columns could have held before."""
        deadline, at = time.monotonic() + DEADLINE_SECONDS, None
        while text not in self.seen:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{text!r} was never shown; seen: {self.seen[-2000:]!r}")
            at = self.read(0.1) or at
        return at

    def read_until_quiet(self, seconds):
        while self.read(seconds):
            pass

    def read_for(self, seconds):
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self.read(left)

    def type(self, keys):
        """Types, and says when."""
        at = time.perf_counter()
        os.write(self.file, keys)
        return at

    def first_byte_after(self, keys):
        """Milliseconds from a key to the first byte that answers it."""
        start = self.type(keys)
        shown = self.read(DEADLINE_SECONDS)
        if shown is None:
            raise TimeoutError(f"{keys!r} was not shown")
        return (shown - start) * 1000

    def processor_seconds(self):
        return time.clock_gettime((~self.pid << 3) | 2)  # CLOCK_PROCESS_CPUTIME_ID of another process

    def memory_megabytes(self):
        """Resident, and its proportional share of what it shares with others (PSS)."""
        lines = pathlib.Path(f"/proc/{self.pid}/smaps_rollup").read_text().splitlines()
        kib = {line.split()[0]: int(line.split()[1]) for line in lines[1:]}
        return kib["Rss:"] * 1024 / 1e6, kib["Pss:"] * 1024 / 1e6

    def close(self):
        os.kill(self.pid, signal.SIGTERM)
        try:
            while os.read(self.file, 65536):
                pass
        except OSError:
            pass  # how Linux says that the other side of a terminal is closed
        os.waitpid(self.pid, 0)
        os.close(self.file)
