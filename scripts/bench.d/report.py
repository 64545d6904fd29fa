"""The figures as docs/figures.md has them."""
import datetime
import os
import pathlib
import platform
import re
import statistics
import subprocess

FIRST = "first system, RabbitMQ"
HEAD = """# Figures

Written by `scripts/bench`, which runs everything below in one go: the first system (Python: FastAPI, FastStream, PyJWT;
`scripts/bench.d/first_system.py`) and Duet, one after the other, on one RabbitMQ, with one load generator
(`tui-client bench`) on the same machine. Every figure is the median of {count} rounds, with the lowest and the highest
behind it. What the client costs stands in [client.md](client.md).

- {date}, {processor}, {cores} cores, {memory} GiB of memory, {system}
- {versions}
- latency: {rooms} rooms of two users, {rate} posts a second for {seconds} s, from when a post was due to its frame
  at the last of the room's connections: `tui-client bench --rooms {rooms} --rate {rate} --duration {seconds}s`
- closed loop: {senders} connections that each post again as soon as they are answered, for {seconds} s:
  `tui-client bench --rooms {rooms} --closed {senders} --duration {seconds}s`
- memory: resident memory of the server with {idle:,} idle authenticated WebSockets, less what it had before, for each:
  `tui-client bench --idle {idle}`
- processor: what the server alone used for a message in the closed loop; RabbitMQ's share is not in it

The comparison is not even, in the first system's favour: it keeps nothing, confirms nothing and acknowledges nothing,
so a 200 from it promises nothing. A 200 from Duet means that the message is confirmed by RabbitMQ or committed to
history, that it has its one place in its room, that repeats of it are known, and that whoever was away reads it later.
`relaxed` survives a killed process, `full` a power cut as well.

"""


def spread(values, digits):
    middle, low, high = (f"{value:,.{digits}f}" for value in (statistics.median(values), min(values), max(values)))
    return f"{middle} ({low} – {high})"


def times(values, first):
    return f"{statistics.median(values) / statistics.median(first):.2f} ×"


def row(name, rounds, first, memory):
    cells = [name]
    for key, digits in (("p50", 2), ("p99", 2), ("rate", 0)):
        values = [one[key] for one in rounds]
        cells += [spread(values, digits), times(values, [one[key] for one in first])]
    cells.append(spread([one["processor"] for one in rounds], 0))
    cells.append(f"{memory[name]:.1f}" if name in memory else "as relaxed")
    return "| " + " | ".join(cells) + " |"


def first_line(*command):
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    return run.stdout.splitlines()[0].strip()


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return platform.machine()


def head(plan, count):
    python = pathlib.Path(__file__).with_name("requirements.txt").read_text().split()
    rust = first_line("rustc", "--version")
    versions = f"{rust}, RabbitMQ {plan['rabbitmq']}, Python {platform.python_version()}, {', '.join(python)}"
    facts = {
        "date": datetime.date.today().isoformat(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "memory": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 30,
        "system": f"Linux {platform.release()}",
        "versions": versions,
        "count": count,
    }
    return HEAD.format(**facts, **plan)


def faults(rounds):
    runs = [(name, fault) for name, measured in rounds.items() for one in measured for fault in one["faults"]]
    found = [f"{name}: {fault}" for name, fault in runs if fault]
    if found:
        return "Not everything arrived once and in order: " + "; ".join(found)
    return "In every run every message arrived at every connection of its room, once and in order."


def figures(rounds, memory, plan):
    columns = ["", "median, ms", "to first", "99th percentile, ms", "to first", "closed loop, posts/s", "to first"]
    columns += ["processor, µs a message", "KiB a socket"]
    table = ["| " + " | ".join(columns) + " |", "| --- " * len(columns) + "|"]
    table += [row(name, measured, rounds[FIRST], memory) for name, measured in rounds.items()]
    return head(plan, len(rounds[FIRST])) + "\n".join(table) + "\n\n" + faults(rounds) + "\n"


def build(seconds):
    return f"\n## The build\n\n- cold debug build of everything: {seconds:.0f} s (at most 180)\n"


def put(text, section):
    """The figures with this section in the place of the one of its title, or before the build, or at the end."""
    title = "\n".join(section.split("\n", 2)[:2])
    old = re.search(re.escape(title) + r"\n.*?(?=\n## |\Z)", text, flags=re.DOTALL)
    begin, end = old.span() if old else [len(text.partition("\n## The build\n")[0])] * 2
    return text[:begin] + section + text[end:]
