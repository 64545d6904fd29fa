"""Several servers that are one, beside one alone: started on one RabbitMQ and one PostgreSQL, and their table."""
import contextlib
import os
import pathlib
import shutil
import subprocess
import tempfile
import uuid
from dataclasses import dataclass

import report
import systems

ONE = "one server, PostgreSQL"
HEAD = """
## Several servers

The same load on servers that share RabbitMQ and PostgreSQL {version} (both on the same machine, `full`: each batch is synced). With
several the two people of a room, and who posts to it, are at different servers: `tui-client bench --server A,B,C`. All of it,
RabbitMQ, PostgreSQL and the load generator too, has the same {cores} cores, which is what ends the closed loop.

"""


@dataclass
class Several:
    name: str
    servers: int
    broker: dict
    database: str | None  # where PostgreSQL is; None for SQLite

    @contextlib.contextmanager
    def started(self):
        """Runs them with nothing in their queue and nothing in their history."""
        with contextlib.ExitStack() as stack:
            settings = {"AMQP_URL": stack.enter_context(systems.virtual_host(self.broker))}
            if self.database:
                settings["DATABASE_URL"] = stack.enter_context(emptied(self.database))
            running = [stack.enter_context(server(settings)) for _ in range(self.servers)]
            yield systems.Running(",".join(one.address for one in running), running[0].pid)


@contextlib.contextmanager
def server(more):
    address = systems.free_address()
    with tempfile.TemporaryDirectory(dir=systems.TARGET) as data:
        settings = {"SECRET_KEY": systems.SECRET_KEY, "DUET_LISTEN": address, "DUET_DATA_DIR": data, "DUET_DRAIN": "0s"}
        settings |= {"RUST_LOG": "warn,lapin=off"} | more
        process = subprocess.Popen([systems.TARGET / "release/duet-server"], env=os.environ | settings)
        try:
            systems.wait_for(address, "/readyz")
            yield systems.Running(address, process.pid)
        finally:
            process.terminate()
            process.wait(systems.START_SECONDS)


@contextlib.contextmanager
def postgres():
    """Where a private PostgreSQL is, and its version."""
    folder = tempfile.mkdtemp(dir=systems.TARGET)
    script = systems.ROOT / "scripts/postgres"
    start = [script, "start", "--quiet", "--dir", folder, "--owner", str(os.getpid())]
    try:
        printed = subprocess.run(start, stdout=subprocess.PIPE, text=True, check=True).stdout
        settings = dict(line.removeprefix("export ").split("=", 1) for line in printed.splitlines())
        yield settings["DATABASE_URL"], ask(settings["DATABASE_URL"], "show server_version").split()[0]
    finally:
        subprocess.run([script, "kill", "--quiet", "--dir", folder], check=True)
        shutil.rmtree(folder)


@contextlib.contextmanager
def emptied(database):
    name = f"bench_{uuid.uuid4().hex[:8]}"
    ask(database, f"create database {name}")
    try:
        yield f"{database.rsplit('/', 1)[0]}/{name}"
    finally:
        ask(database, f"drop database {name} with (force)")


def ask(database, statement):
    psql = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/psql"))[-1]
    command = [psql, "--no-psqlrc", "--tuples-only", "--no-align", "--quiet", "--command", statement, database]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def all_of(broker, database):
    return [
        Several("one server, SQLite", 1, broker, None),
        Several(ONE, 1, broker, database),
        Several("three servers, PostgreSQL", 3, broker, database),
    ]


def figures(rounds, version):
    columns = ["", "median, ms", "to one", "99th percentile, ms", "to one", "closed loop, posts/s", "to one"]
    table = ["| " + " | ".join(columns) + " |", "| --- " * len(columns) + "|"]
    for name, measured in rounds.items():
        cells = [name]
        for key, digits in (("p50", 2), ("p99", 2), ("rate", 0)):
            values = [one[key] for one in measured]
            cells += [report.spread(values, digits), report.times(values, [one[key] for one in rounds[ONE]])]
        table.append("| " + " | ".join(cells) + " |")
    return HEAD.format(cores=os.cpu_count(), version=version) + "\n".join(table) + "\n\n" + report.faults(rounds) + "\n"
