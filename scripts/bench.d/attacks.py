"""How long messages of quiet rooms take while others attack the same server, and the table of it."""
import contextlib
import datetime
import os
import pathlib
import subprocess
import sys
import time

import report
import several
import systems

ISSUER_KEY = "an-issuer-key-of-at-least-thirty-two-bytes"
# So few in each that none waits for the one before.
ROOMS, RATE = 20, 60
CALM_SECONDS = 1
TITLE = "\n## Under attack\n"
ATTACKS = {
    "flood": "a room flooded by its own member",
    "stalled": "readers that stand still in a room of large messages",
    "joins": "joins, each to another room",
    "slow": "slow heads and bodies",
    "pings": "pings without end",
    "tokens": "invites guessed, from 4,096 addresses",
}
HEAD = TITLE + """
A closed server with everything at its default (embedded, `full`, all limits): {rooms} quiet rooms of two users, {rate} posts a second
in all for {seconds} s, from when a post was due to its frame at both; alone, under each attack, and alone again, one after the other
on one server. "To alone" is over the first line. `scripts/bench --attacks` ({date}, {processor}).

Attackers come by a trusted proxy, from addresses of their own. They and the load generator share the {cores} cores with the server;
the attackers run at the lowest priority (`nice -n 19`), so that what is measured is what the server does with what they send, and not
who else gets the processor. The kernel's share of their work, and the disk's, is in it.

"""


@contextlib.contextmanager
def attacked(running, names):
    """Attacks by all of these; gives where what came of them will be told."""
    told, attackers = [], []
    program = pathlib.Path(__file__).with_name("attacker.py")
    try:
        for name in names:
            command = ["nice", "-n", "19", sys.executable, program, name, running.address]
            environment = os.environ | {"SECRET_KEY": running.secret}
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
            attackers.append(subprocess.Popen(command, env=environment, **pipes))
        for attacker in attackers:
            if attacker.stdout.readline() != "ready\n":
                sys.exit("an attack did not begin")
        yield told
    finally:
        for attacker in attackers:
            attacker.stdin.close()
        for attacker in attackers:
            told.append(attacker.stdout.read().strip())
            attacker.wait(systems.START_SECONDS)
        time.sleep(CALM_SECONDS)


def measure(load, seconds):
    """Figures by what goes on; `load` measures what a program gets of the server that runs."""
    settings = {"DUET_ACCESS": "closed", "DUET_ISSUER_KEY": ISSUER_KEY, "DUET_TRUSTED_PROXIES": "127.0.0.1"}
    os.environ["DUET_ISSUER_KEY"] = ISSUER_KEY
    for name in ("AMQP_URL", "DATABASE_URL"):
        os.environ.pop(name, None)
    lines = {}
    with several.server(settings) as running:
        plan = [("alone", []), *((words, [name]) for name, words in ATTACKS.items()), ("all of them", [*ATTACKS])]
        for words, names in [*plan, ("alone again", [])]:
            print(f"under attack: {words}", file=sys.stderr, flush=True)
            with attacked(running, names) as told:
                flags = ("--rooms", ROOMS, "--rate", RATE, "--warmup", "1s", "--duration", f"{seconds}s")
                measured, faults = load(running, *flags)
            lines[words] = {"measured": measured, "faults": faults, "told": "; ".join(told) if len(names) == 1 else ""}
    return lines


def figures(lines, seconds):
    facts = {"date": datetime.date.today().isoformat(), "processor": report.processor(), "cores": os.cpu_count()}
    text = HEAD.format(**facts, rooms=ROOMS, rate=RATE, seconds=seconds)
    columns = ["", "what came of it"]
    for name in ("median", "95th percentile", "99th percentile"):
        columns += [f"{name}, ms", "to alone"]
    columns += ["server's processor, %", "resident, MiB"]
    text += "| " + " | ".join(columns) + " |\n" + "| --- " * len(columns) + "|\n"
    alone = lines["alone"]["measured"]["delivery_ms"]
    for words, line in lines.items():
        server, times = line["measured"]["server"], line["measured"]["delivery_ms"]
        cells = [words, line["told"]]
        for key in ("p50", "p95", "p99"):
            cells += [f"{times[key]:.2f}", f"{times[key] / alone[key]:.2f} ×"]
        cells += [f"{server['processor_share']:.0f}", f"{server['resident_kib'] / 1024:.0f}"]
        text += "| " + " | ".join(cells) + " |\n"
    return text + "\n" + report.faults({words: [{"faults": [line["faults"]]}] for words, line in lines.items()}) + "\n"


