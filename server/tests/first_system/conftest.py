"""A running Duet for each test: on the embedded default, and on RabbitMQ with the queue found in each way it can be.

From the environment: DUET_SERVER_BINARY, AMQP_URL and DUET_TEST_RABBITMQ_API (as scripts/rabbitmq prints them).
"""
import contextlib
import os
import pathlib
import socket
import subprocess
import tempfile
import time
import uuid
from dataclasses import dataclass
from urllib.parse import quote

import httpx
import jwt
import pytest
from websockets.sync.client import connect

SECRET_KEY = "a-secret-key-of-at-least-thirty-two-bytes"
DEADLINE_SECONDS = 20
TARGET = os.environ.get("CARGO_TARGET_DIR", pathlib.Path(__file__).parents[3] / "target")
SERVER = os.environ.get("DUET_SERVER_BINARY", f"{TARGET}/debug/duet-server")
RABBITMQ_API = os.environ.get("DUET_TEST_RABBITMQ_API")

BROKERS = ["embedded"]
if RABBITMQ_API:
    BROKERS += ["queue-missing", "queue-durable", "queue-not-durable"]


@dataclass
class Duet:
    """A live server, and what a client of the first system does with it."""

    address: str
    amqp_url: str | None = None
    queue_is_durable: bool = True

    def http(self, method, path, **more):
        return httpx.request(method, f"http://{self.address}{path}", timeout=DEADLINE_SECONDS, **more)

    def token(self, user, room):
        person = {"username": user, "email": f"{user}@example.com", "room_id": room}
        answer = self.http("POST", "/generate-token", json=person)
        assert answer.status_code == 200, answer.text
        return answer.json()["token"]

    def post(self, room, content):
        answer = self.http("POST", "/message", json={"room_id": room, "content": content})
        assert (answer.status_code, answer.json()) == (200, {"status": f"Message sent to room: {room}"})

    def updates(self, room, token=None, user=None, headers=None):
        """Connects as `user`, or with `token`, or with these very headers."""
        if headers is None:
            headers = {"Authorization": f"Bearer {token or self.token(user, room)}"}
        address = f"ws://{self.address}/updates/{quote(room, safe='')}"
        return connect(address, additional_headers=headers, open_timeout=DEADLINE_SECONDS, compression=None)


def sign(claims, key=SECRET_KEY, algorithm="HS256"):
    """A token as another program of the first system's users makes it, good for a minute unless told otherwise."""
    return jwt.encode({"exp": int(time.time()) + 60, **claims}, key, algorithm)


@contextlib.contextmanager
def server(amqp_url=None, wait_for="/readyz"):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = "127.0.0.1:%d" % probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as data:
        settings = {"DUET_LISTEN": address, "DUET_DATA_DIR": data, "SECRET_KEY": SECRET_KEY}
        settings |= {"AMQP_URL": amqp_url} if amqp_url else {}
        inherited = {k: v for k, v in os.environ.items() if k not in ("AMQP_URL", "RUST_LOG")}
        process = subprocess.Popen([SERVER], env=inherited | settings)
        try:
            until(lambda: answers(address, wait_for))
            yield address
        finally:
            process.terminate()
            assert process.wait(DEADLINE_SECONDS) == 0, "a server that is told to stop ends with 0"


def answers(address, path):
    try:
        return httpx.get(f"http://{address}{path}").status_code == 200
    except httpx.TransportError:
        return False


def until(condition):
    """Waits until `condition()` is true and gives back what it gave."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        if result := condition():
            return result
        time.sleep(0.02)
    raise TimeoutError(f"not true within {DEADLINE_SECONDS} s")


def rabbitmq(method, path, **more):
    answer = httpx.request(method, f"{RABBITMQ_API}{path}", **more)
    answer.raise_for_status()
    return answer


@contextlib.contextmanager
def virtual_host(queue="queue-missing"):
    """A place of its own in the broker, with the queue `messages` in it or not."""
    name = f"first-{uuid.uuid4().hex[:8]}"
    rabbitmq("PUT", f"/vhosts/{name}")
    if queue != "queue-missing":
        rabbitmq("PUT", f"/queues/{name}/messages", json={"durable": queue == "queue-durable"})
    try:
        yield os.environ["AMQP_URL"].rstrip("/") + "/" + name
    finally:
        rabbitmq("DELETE", f"/vhosts/{name}")


@pytest.fixture(scope="session", params=BROKERS)
def duet(request):
    if request.param == "embedded":
        with server() as address:
            yield Duet(address)
        return
    with virtual_host(request.param) as amqp_url, server(amqp_url) as address:
        yield Duet(address, amqp_url, request.param != "queue-not-durable")


@pytest.fixture(scope="session", params=BROKERS[1:])
def duet_on_rabbitmq(request):
    with virtual_host(request.param) as amqp_url, server(amqp_url) as address:
        yield Duet(address, amqp_url, request.param != "queue-not-durable")


@pytest.fixture
def room():
    return f"room-{uuid.uuid4().hex[:8]}"


def pytest_report_header():
    return "" if RABBITMQ_API else "skipped: everything over RabbitMQ, for AMQP_URL and DUET_TEST_RABBITMQ_API are not set"
