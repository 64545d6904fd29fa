"""One attack on a server: attacker.py NAME HOST:PORT, until standard input is closed, and for a minute at the most.

It says `ready` when it is under way, and at its end in a few words what came of it. What is sent again and again was made
before, so that sending it costs little. It comes by a proxy that the server trusts, from addresses of its own: what the
server allows an address, a user and a room holds for it as for anybody.
"""
import base64
import collections
import hashlib
import hmac
import itertools
import json
import os
import random
import socket
import struct
import sys
import threading
import time

SECONDS = 60
CONNECTIONS = 8
AT_ONCE = 64  # requests in one write
JOINS = 60_000
JOINED = 1_000  # that are open at a time
STALLED = 100
STALLED_BYTES = 60_000
SLOW = 2_000
ADDRESSES_EACH = 512

host, port = sys.argv[2].split(":")
server = (host, int(port))
over = threading.Event()
counts = collections.Counter()


def address(number):
    """Of the network for such tests (RFC 2544, appendix C.2.2)."""
    return f"198.18.{number >> 8 & 255}.{number & 255}"


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token(user, room):
    claims = {"username": user, "email": "", "room_id": room, "iat": time.time(), "exp": int(time.time()) + 3600}
    signed = ".".join(base64url(json.dumps(part).encode()) for part in ({"typ": "JWT", "alg": "HS256"}, claims))
    key = os.environ["SECRET_KEY"].encode()
    return f"{signed}.{base64url(hmac.digest(key, signed.encode(), hashlib.sha256))}"


def post(path, body, bearer, sender):
    body = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nhost: duet\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
    return f"{head}authorization: Bearer {bearer}\r\nx-forwarded-for: {sender}\r\n\r\n".encode() + body


def connected(receive_bytes=None):
    connection = socket.socket()
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if receive_bytes:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    # Gone without a word, and no port is kept from the next.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.settimeout(10)
    connection.connect(server)
    return connection


def listening(user, room, sender, receive_bytes=None):
    """A WebSocket in a room."""
    connection = connected(receive_bytes)
    connection.sendall(
        f"GET /updates/{room} HTTP/1.1\r\nhost: duet\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
        "sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        f"authorization: Bearer {token(user, room)}\r\nx-forwarded-for: {sender}\r\n\r\n".encode()
    )
    answer = connection.recv(4096)
    if not answer.startswith(b"HTTP/1.1 101 "):
        raise ConnectionError(answer[:200])
    return connection


def until_over(*work):
    """Does all of this on threads until it is over, and what breaks off begins anew."""

    def repeat(one):
        while not over.is_set():
            try:
                one()
            except OSError:
                counts["broken off"] += 1
                over.wait(0.1)

    for one in work:
        threading.Thread(target=repeat, args=(one,), daemon=True).start()
    print("ready", flush=True)
    over.wait(SECONDS)


def pump(connection, data, count):
    """Writes the same again and again, and reads what comes."""

    def read():
        try:
            while received := connection.recv(1 << 18):
                count(received)
        except OSError:
            pass  # the writer says it

    threading.Thread(target=read, daemon=True).start()
    while not over.is_set():
        connection.sendall(data)


def flood():
    bearer, sender = token("mallory", "flooded"), address(0)
    data = AT_ONCE * post("/message", {"room_id": "flooded", "content": "x" * 128}, bearer, sender)
    ears = [listening(user, "flooded", sender) for user in ("mallory", "peer")]
    for ear in ears:
        threading.Thread(target=drain, args=(ear,), daemon=True).start()
    until_over(*[lambda: pump(connected(), data, count_answers)] * CONNECTIONS)
    return f"{answered():,} posts, {counts[b'200']:,} of them taken"


def drain(connection):
    try:
        while connection.recv(1 << 16):
            pass
    except OSError:
        pass  # it has ended


def count_answers(received):
    for status in (b"200", b"401", b"429"):
        counts[status] += received.count(b"HTTP/1.1 " + status)


def answered():
    return sum(counts[status] for status in (b"200", b"401", b"429"))


def stalled():
    ears = [listening(user, "stalled", address(n), 4096) for n in range(STALLED // 2) for user in ("mallory", "peer")]
    body = {"room_id": "stalled", "content": "x" * STALLED_BYTES}

    def say(user, sender):
        data, connection = post("/message", body, token(user, "stalled"), sender), connected()
        while not over.is_set():
            connection.sendall(data)
            count_answers(connection.recv(4096))

    until_over(lambda: say("mallory", address(0)), lambda: say("peer", address(1)))
    return f"{counts[b'200']:,} messages of {STALLED_BYTES // 1000} KB to {len(ears)} readers"


def joins():
    numbers, there = itertools.count(), collections.deque(maxlen=JOINED)

    def join():
        number = next(numbers)
        if number >= JOINS:
            over.wait()
            return
        there.append(listening("mallory", f"joined-{number}", address(number % 60_000)))
        counts["joins"] += 1

    until_over(*[join] * 4)
    return f"{counts['joins']:,} joins, {JOINED:,} rooms at a time"


def slow():
    head = b"POST /message HTTP/1.1\r\nhost: duet\r\ncontent-type: application/json\r\n"
    body = head + b"authorization: Bearer " + token("mallory", "slow").encode() + b"\r\ncontent-length: 4000\r\n\r\n"
    begins = [(head, b"x: y\r\n"), (body, b" ")]
    there = {}
    for number in range(SLOW):
        there[number] = connected()
        there[number].sendall(begins[number % 2][0])

    def trickle():
        began = time.monotonic()
        for number, connection in there.items():
            try:
                connection.send(begins[number % 2][1])
            except OSError:
                there[number] = connected()
                there[number].sendall(begins[number % 2][0])
        over.wait(max(0, began + 1 - time.monotonic()))

    until_over(trickle)
    return f"{SLOW:,} heads and bodies that trickle"


def pings():
    # RFC 6455 §5.2: final, a ping; masked, 100 bytes; by a mask that changes nothing.
    data = (b"\x89\xe4" + bytes(4) + b"p" * 100) * 600

    def count_pongs(received):
        counts["bytes"] += len(received)

    ears = [lambda n=n: pump(listening("mallory", f"pinged-{n}", address(n)), data, count_pongs) for n in range(CONNECTIONS)]
    until_over(*ears)
    return f"{counts['bytes'] // 102:,} pings"


def tokens():
    def guessed(first):
        body = {"username": "mallory", "email": "", "room_id": "guessed"}
        guesses = [f"duet_inv_{base64url(random.randbytes(18))}" for _ in range(ADDRESSES_EACH)]
        return b"".join(post("/generate-token", body, guess, address(first + n)) for n, guess in enumerate(guesses))

    each = [guessed(n * ADDRESSES_EACH) for n in range(CONNECTIONS)]
    until_over(*[lambda data=data: pump(connected(), data, count_answers) for data in each])
    return f"{answered():,} guessed invites, {counts[b'429']:,} of them not looked at"


ATTACKS = {attack.__name__: attack for attack in (flood, stalled, joins, slow, pings, tokens)}


def main():
    def wait():
        sys.stdin.read()
        over.set()

    threading.Thread(target=wait, daemon=True).start()
    threading.Timer(SECONDS, over.set).start()
    said = ATTACKS[sys.argv[1]]()
    over.set()
    print(said, flush=True)
    os._exit(0)  # threads may wait for a server that reads nothing more


if __name__ == "__main__":
    main()
