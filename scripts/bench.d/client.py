"""The terminal client and its peers, as a person meets each: how it is started, and what is measured of it."""
import contextlib
import statistics
import time
from dataclasses import dataclass

import servers
import systems
from report import first_line
from terminal import COLUMNS, DEADLINE_SECONDS, ROWS, Terminal

FLOOD = 20_000
HISTORY = 100_000
KEYS = 300
KEYS_IN_FLOODS = 150
MESSAGES = 100
PAGES = 200
# Typed during a flood; none of them is in its text or in what moves a cursor, so the first one seen is the echo.
KEYS_OF_FLOODS = [bytes([key]) for key in b"{}|~^&"]
BETWEEN_KEYS_SECONDS = 0.02
BETWEEN_KEYS_IN_FLOOD_SECONDS = 0.003
BETWEEN_MESSAGES_SECONDS = 0.05
QUIET_SECONDS = 0.5
PAGE_UP = b"\x1b[5~"
CUT_LINE = b"\x15"
# Every character of it is another one than what stood in its column before, so a terminal is sent all of it.
THE_END = "THE-LAST-ONE"


@dataclass
class Peer:
    name: str
    conversation: callable
    first: bytes  # is in the first picture
    inside: bytes  # is in the picture once it is in the room
    quiet: float  # after so many seconds without a byte it is done with joining

    def started(self, server, home):
        host, port = server.address.split(":")
        return Terminal(self.command(host, port, home), {"HOME": str(home)})

    def joins(self, terminal):
        terminal.read_until(self.inside)
        terminal.read_until_quiet(self.quiet)


class Duet(Peer):
    def __init__(self):
        super().__init__("Duet", servers.duet, servers.ROOM.encode(), b"live", QUIET_SECONDS)

    def command(self, host, port, _home):
        program = str(systems.TARGET / "release/tui-client")
        return [program, "join", servers.ROOM, "--user", "alice", "--server", f"http://{host}:{port}"]

    def version(self):
        return "Duet " + first_line(systems.TARGET / "release/tui-client", "--version").split()[-1]


class Irssi(Peer):
    def __init__(self):
        super().__init__("irssi", servers.irc, b"[(status)]", f"[{servers.CHANNEL}]".encode(), 5)

    def command(self, host, port, home):
        return ["irssi", f"--home={home}", "--connect", host, "--port", port, "--nick", "alice"]

    def joins(self, terminal):
        terminal.read_until(b"CHANTYPES")
        terminal.type(f"/join {servers.CHANNEL}\r".encode())
        super().joins(terminal)

    def version(self):
        return " ".join(first_line("irssi", "--version").split()[:2])


class Weechat(Peer):
    def __init__(self):
        super().__init__("weechat", servers.irc, b"weechat", servers.CHANNEL.encode(), 3)

    def command(self, host, port, home):
        return ["weechat", "--dir", str(home), f"irc://alice@{host}:{port}/{servers.CHANNEL}"]

    def version(self):
        return "weechat " + first_line("weechat", "--version")


def measure(peer, home, plan):
    """One round: figures by name, in the units of the table."""
    figures = {}
    with joined(peer, home):
        pass  # The first start ever is another one: weechat and irssi make their settings.
    with servers.Server(peer.conversation) as server:
        figures["start"] = statistics.median(first_picture(peer, server, home) for _ in range(plan["starts"]))
    with joined(peer, home) as (terminal, server):
        figures["resident"], figures["proportional"] = terminal.memory_megabytes()
        used, written = terminal.processor_seconds(), terminal.count
        terminal.read_for(plan["idle"])
        figures["idle bytes"] = terminal.count - written
        figures["idle processor"] = (terminal.processor_seconds() - used) * 1000
        times = [key_time(terminal, number) for number in range(KEYS)]
        figures |= percentiles("key", times, 50, 95, 99)
        terminal.type(CUT_LINE)
        terminal.read_until_quiet(QUIET_SECONDS)
        times = [message_time(terminal, server, number) for number in range(MESSAGES)]
        figures |= percentiles("message", times, 50, 95)
        terminal.read_until_quiet(QUIET_SECONDS)
        figures |= flood(terminal, server)
    return figures


@contextlib.contextmanager
def joined(peer, home, **known):
    with servers.Server(peer.conversation, **known) as server:
        terminal = peer.started(server, home)
        try:
            peer.joins(terminal)
            yield terminal, server
        finally:
            terminal.close()


def first_picture(peer, server, home):
    terminal = peer.started(server, home)
    try:
        return (terminal.read_until(peer.first) - terminal.start) * 1000
    finally:
        terminal.close()


def key_time(terminal, number):
    shown = terminal.first_byte_after(b"abcdefghij "[number % 11 : number % 11 + 1])
    terminal.read_for(BETWEEN_KEYS_SECONDS)
    return shown


def message_time(terminal, server, number):
    server.prepare([f"message {number} of those that come one by one"])
    server.say()
    shown = terminal.read(QUIET_SECONDS)
    start, _ = server.said()
    terminal.read_for(BETWEEN_MESSAGES_SECONDS)
    return (shown - start) * 1000


def flood(terminal, server):
    """One flood, and as many more as it takes to have typed enough during them."""
    used, written = terminal.processor_seconds(), terminal.count
    seconds, times = one_flood(terminal, server)
    terminal.read_until_quiet(QUIET_SECONDS)
    figures = {
        "flood": seconds,
        "flood processor": terminal.processor_seconds() - used,
        "flood bytes": (terminal.count - written) / 1000,
        "flood resident": terminal.memory_megabytes()[0],
    }
    while len(times) < KEYS_IN_FLOODS:
        terminal.type(CUT_LINE)
        terminal.read_until_quiet(QUIET_SECONDS)
        times += one_flood(terminal, server)[1]
    return figures | percentiles("flood key", times, 50, 99)


def one_flood(terminal, server):
    """Seconds until the last message is on the screen, and milliseconds to the byte that shows each key."""
    texts = [f"message {number} of a flood that comes as fast as it is taken, and this is about how long one is"
             for number in range(1, FLOOD)]
    server.prepare([*texts, THE_END])
    server.say()
    times, shown = [], None
    while shown is None:
        key = KEYS_OF_FLOODS[len(times) % len(KEYS_OF_FLOODS)]
        terminal.seen, echoed = b"", None
        start = terminal.type(key)
        while echoed is None:
            at = terminal.read(DEADLINE_SECONDS)
            echoed = at if key in terminal.seen else None
            shown = shown or (at if THE_END.encode() in terminal.seen else None)
        times.append((echoed - start) * 1000)
        pause = time.monotonic() + BETWEEN_KEYS_IN_FLOOD_SECONDS
        while shown is None and (left := pause - time.monotonic()) > 0:
            at = terminal.read(left)
            shown = at if THE_END.encode() in terminal.seen else None
    began, _ = server.said()
    return shown - began, times


def deep(peer, home):
    """Pages up through a long history, from its newest message to its oldest."""
    with joined(peer, home, messages=HISTORY) as (terminal, _):
        times = []
        while b"THE-OLDEST-ONE" not in terminal.seen:
            times.append(terminal.first_byte_after(PAGE_UP))
            terminal.read_until_quiet(0.001)
        resident, proportional = terminal.memory_megabytes()
    figures = {"history resident": resident, "history proportional": proportional, "pages": len(times)}
    figures |= percentiles("first pages", times[:PAGES], 50, 99)
    return figures | percentiles("last pages", times[-PAGES:], 50, 99)


def percentiles(name, times, *which):
    times = sorted(times)
    return {f"{name} {percent}": times[min(len(times) * percent // 100, len(times) - 1)] for percent in which}


def peers():
    return [Duet(), Irssi(), Weechat()]
