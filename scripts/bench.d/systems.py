"""The systems that are measured: how each is started on a free port, and stopped."""
import contextlib
import json
import os
import pathlib
import resource
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from base64 import b64encode
from dataclasses import dataclass

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
SECRET_KEY = "a-secret-key-of-at-least-thirty-two-bytes"
START_SECONDS = 30


@dataclass
class Running:
    address: str
    pid: int
    secret: str = SECRET_KEY


@dataclass
class System:
    name: str
    broker: dict | None  # what scripts/rabbitmq prints, and the version; None for the embedded default
    durability: str | None  # None for the first system, which keeps nothing

    def command(self, address):
        if self.durability:
            return [TARGET / "release/duet-server"]
        host, port = address.split(":")
        uvicorn = python_with("scripts/bench.d/requirements.txt") / "uvicorn"
        return [uvicorn, "first_system:app", "--host", host, "--port", port, "--log-level", "error"]

    @contextlib.contextmanager
    def started(self):
        """Runs it with nothing in its queue and nothing in its history."""
        address = free_address()
        # Beside the build, for a folder in memory would make the syncs of `full` free.
        with tempfile.TemporaryDirectory(dir=TARGET) as data, virtual_host(self.broker) as amqp_url:
            settings = {"SECRET_KEY": SECRET_KEY, "DUET_LISTEN": address, "DUET_DATA_DIR": data}
            settings |= {"RUST_LOG": "warn,lapin=off"}
            settings |= {"DUET_DURABILITY": self.durability} if self.durability else {}
            settings |= {"AMQP_URL": amqp_url} if amqp_url else {}
            inherited = {key: value for key, value in os.environ.items() if key != "AMQP_URL"}
            process = subprocess.Popen(
                self.command(address), env=inherited | settings, cwd=ROOT / "scripts/bench.d", stdout=subprocess.DEVNULL
            )
            try:
                wait_for(address, "/readyz" if self.durability else "/docs")
                yield Running(address, process.pid)
            finally:
                process.terminate()
                process.wait(START_SECONDS)


def all_of(broker):
    return [
        System("first system, RabbitMQ", broker, None),
        System("Duet, RabbitMQ, relaxed", broker, "relaxed"),
        System("Duet, RabbitMQ, full", broker, "full"),
        System("Duet, embedded, relaxed", None, "relaxed"),
        System("Duet, embedded, full", None, "full"),
    ]


def python_with(requirements):
    script = f'. scripts/lib.sh; python_with "{requirements}"'
    printed = subprocess.run(["bash", "-euc", script], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout
    return pathlib.Path(printed.strip())


@contextlib.contextmanager
def rabbitmq():
    folder = tempfile.mkdtemp(dir=TARGET)
    script = ROOT / "scripts/rabbitmq"
    start = [script, "start", "--quiet", "--dir", folder, "--owner", str(os.getpid())]
    try:
        printed = subprocess.run(start, stdout=subprocess.PIPE, text=True, check=True).stdout
        broker = dict(line.removeprefix("export ").split("=", 1) for line in printed.splitlines())
        yield broker | {"version": json.loads(call(broker, "GET", "/overview"))["rabbitmq_version"]}
    finally:
        subprocess.run([script, "kill", "--quiet", "--dir", folder], check=True)
        shutil.rmtree(folder)


@contextlib.contextmanager
def virtual_host(broker):
    if broker is None:
        yield None
        return
    name = f"bench-{uuid.uuid4().hex[:8]}"
    call(broker, "PUT", f"/vhosts/{name}")
    try:
        yield broker["AMQP_URL"] + name
    finally:
        call(broker, "DELETE", f"/vhosts/{name}")


def call(broker, method, path):
    api = urllib.parse.urlsplit(broker["DUET_TEST_RABBITMQ_API"])
    credentials = b64encode(f"{api.username}:{api.password}".encode()).decode()
    address = f"http://{api.hostname}:{api.port}{api.path}{path}"
    request = urllib.request.Request(address, method=method, headers={"Authorization": f"Basic {credentials}"})
    with urllib.request.urlopen(request, timeout=START_SECONDS) as answer:
        return answer.read()


def free_address():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return "127.0.0.1:%d" % probe.getsockname()[1]


def wait_for(address, path):
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            return urllib.request.urlopen(f"http://{address}{path}").close()
        except (urllib.error.URLError, ConnectionError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def allow_many_sockets():
    """As many as the system lets us have, for this process and those it starts."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
