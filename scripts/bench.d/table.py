"""What the client costs beside its peers, as docs/client.md has it."""
import datetime
import os
import platform
import statistics

import client
from report import processor, first_line

HEAD = """# What the client costs

Written by `scripts/bench-client --write`: Duet's release build beside irssi and weechat as Debian ships them, in one run,
each in a pseudo-terminal of {columns}x{rows} that is read as fast as it is written. Median of {count} rounds, in which the
three took turns; the lowest and the highest round behind it. "To the best" is Duet's figure over that of the better peer.

- {date}, {processor}, {cores} cores, Linux {system}
- {versions}; {rust}; Python {python}
- Peers speak to a small IRC server of our own on the loopback, Duet to a small `duet.v1` server
  (`scripts/bench.d/servers.py`): neither has anything else to do, and both send a flood in one go.
- `irssi --home=… --connect 127.0.0.1 --port … --nick alice`, then `/join #bench`; `weechat --dir … irc://alice@127.0.0.1:…/#bench`,
  with the plugins that its package has; `tui-client join bench-room --user alice --server …`. All homes hold what a
  first start leaves in an empty folder, and nothing else.
- start: from before the fork to the first byte of a picture of the client (Duet: the name of the room; irssi: its prompt; weechat:
  the list of buffers), median of {starts} starts a round
- key, message: from before the write of a key, or of a message to the client's socket, to the first byte that the terminal
  is sent; {keys} keys 20 ms apart, {messages} messages 50 ms apart
- flood: {flood:,} messages at once, until the last one is on the screen; keys are typed all the while, each 3 ms after the one
  before was shown, and timed to the byte that shows them, in as many floods as it takes to type {typed} of them
- processor: user and system time of the whole process

"""

# Name, key, digits after the point, what it may cost.
ROWS = [
    ("start to first picture, ms", "start", 1, "15, ahead of both"),
    ("resident in a room, MB", "resident", 1, "12"),
    ("of it, its share (PSS), MB", "proportional", 1, ""),
    ("written in {idle} s of idleness, bytes", "idle bytes", 0, "0"),
    ("processor in {idle} s of idleness, ms", "idle processor", 1, ""),
    ("key to first byte, median, ms", "key 50", 2, "1"),
    ("95th percentile", "key 95", 2, ""),
    ("99th percentile", "key 99", 2, ""),
    ("message to first byte, median, ms", "message 50", 2, "ahead of both"),
    ("95th percentile", "message 95", 2, "ahead of both"),
    ("flood, until the last is shown, s", "flood", 2, ""),
    ("processor, s", "flood processor", 2, "0.5"),
    ("written, kB", "flood bytes", 0, "500"),
    ("key to its byte during the flood, median, ms", "flood key 50", 2, ""),
    ("99th percentile", "flood key 99", 2, "5"),
    ("resident after the flood, MB", "flood resident", 1, ""),
]
HISTORY = [
    ("resident, MB", "history resident", 1, "25"),
    ("of it, its share (PSS), MB", "history proportional", 1, ""),
    ("page up among the newest, median, ms", "first pages 50", 2, ""),
    ("99th percentile", "first pages 99", 2, ""),
    ("page up among the oldest, median, ms", "last pages 50", 2, ""),
    ("99th percentile", "last pages 99", 2, ""),
]


def spread(rounds, key, digits):
    values = [one[key] for one in rounds]
    middle, low, high = (f"{value:,.{digits}f}" for value in (statistics.median(values), min(values), max(values)))
    return middle if low == high else f"{middle} ({low} – {high})"


def to_the_best(rounds, key):
    ours, *theirs = (statistics.median(one[key] for one in measured) for measured in rounds.values())
    return f"{ours / min(theirs):.2f} ×" if min(theirs) else "–"


def lines(cells):
    return "| " + " | ".join(cells) + " |\n"


def of(rounds, plan, versions):
    duet = rounds["Duet"]
    facts = {
        "columns": client.COLUMNS, "rows": client.ROWS, "count": plan["rounds"], "starts": plan["starts"],
        "date": datetime.date.today().isoformat(), "processor": processor(), "cores": os.cpu_count(),
        "system": platform.release(), "versions": ", ".join(versions), "rust": first_line("rustc", "--version"),
        "python": platform.python_version(), "keys": client.KEYS, "messages": client.MESSAGES, "flood": client.FLOOD,
        "typed": client.KEYS_IN_FLOODS,
    }
    text = HEAD.format(**facts) + lines(["", *rounds, "to the best", "at most"]) + lines(["---"] * (len(rounds) + 3))
    for name, key, digits, limit in ROWS:
        cells = [spread(measured, key, digits) for measured in rounds.values()]
        text += lines([name.format(**plan), *cells, to_the_best(rounds, key), limit])
    text += f"\nDuet alone, paging up through {client.HISTORY:,} messages of history from the newest to the oldest:\n\n"
    text += lines(["", "Duet", "at most"]) + lines(["---"] * 3)
    return text + "".join(lines([name, spread(duet, key, digits), limit]) for name, key, digits, limit in HISTORY)
