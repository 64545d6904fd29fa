"""Servers that do as little as a client needs, in a process of their own: one that speaks IRC, one that speaks duet.v1.

What they say they send in one go, as fast as the client takes it, so that the server is never what is measured.
"""
import base64
import datetime
import hashlib
import json
import multiprocessing
import socket
import socketserver
import struct
import threading
import time
import urllib.parse

CHANNEL = "#bench"
ROOM = "bench-room"
WEBSOCKET = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 §1.3
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
SINCE = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)


class Server:
    """One server for one client at a time. `conversation` is what it does on a connection."""

    def __init__(self, conversation, **known):
        self.pipe, others = multiprocessing.Pipe()
        self.process = multiprocessing.Process(target=serve, args=(others, conversation, known), daemon=True)
        self.process.start()
        self.address = self.pipe.recv()

    def prepare(self, texts):
        """What bob is to say next."""
        self.pipe.send(texts)
        self.pipe.recv()

    def say(self):
        """Has him say it, and does not wait for that."""
        self.pipe.send(())

    def said(self):
        """When the sending of what was said began and ended."""
        return self.pipe.recv()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.join()


def serve(pipe, conversation, known):
    class Connection(socketserver.StreamRequestHandler):
        disable_nagle_algorithm = True

        def handle(self):
            try:
                conversation(self, room)
            except (ConnectionError, struct.error):
                pass  # the client has gone

    class Listening(socketserver.ThreadingTCPServer):
        allow_reuse_address = daemon_threads = True

    room = Room(**known)
    with Listening(("127.0.0.1", 0), Connection) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        pipe.send("127.0.0.1:%d" % listening.server_address[1])
        while True:
            frames = room.frames(pipe.recv())
            pipe.send(())
            pipe.recv()
            pipe.send(room.say(frames))


class Room:
    def __init__(self, messages=0):
        self.head = messages
        self.send = self.encoded = None  # of the connection that is in the room
        self.lock = threading.Lock()

    def enters(self, connection, encoded):
        self.send, self.encoded = connection.request.sendall, encoded

    def frames(self, texts):
        self.head += len(texts)
        return b"".join(self.encoded(seq, text) for seq, text in enumerate(texts, self.head - len(texts) + 1))

    def say(self, frames):
        with self.lock:
            start = time.perf_counter()
            self.send(frames)
            return start, time.perf_counter()


# IRC (RFC 1459, RFC 2812)


def irc(connection, room):
    nick = "alice"

    def send(*lines):
        with room.lock:
            connection.request.sendall("".join(f"{line}\r\n" for line in lines).encode())

    for line in connection.rfile:
        command, *rest = line.decode().split()
        match command:
            case "CAP" if rest[0] == "LS":
                send(":bench CAP * LS :")
            case "NICK":
                nick = rest[0]
            case "USER":
                send(f":bench 001 {nick} :Hello", f":bench 005 {nick} CHANTYPES=# :are supported", f":bench 422 {nick} :-")
            case "JOIN" if rest[0] == CHANNEL:
                names = f":bench 353 {nick} = {CHANNEL} :{nick} bob"
                send(f":{nick}!a@h JOIN {CHANNEL}", names, f":bench 366 {nick} {CHANNEL} :End")
                room.enters(connection, lambda _, text: f":bob!b@h PRIVMSG {CHANNEL} :{text}\r\n".encode())
            case "PING":
                send(f":bench PONG bench :{rest[0]}")
            case "MODE" if rest[0] == CHANNEL:
                send(f":bench 324 {nick} {CHANNEL} +n")
            case "WHO":
                send(f":bench 315 {nick} {CHANNEL} :End")


# Duet


def duet(connection, room):
    while head := read_head(connection.rfile):
        method, target, headers = head
        url = urllib.parse.urlsplit(target)
        query = dict(urllib.parse.parse_qsl(url.query))
        connection.rfile.read(int(headers.get("content-length", 0)))
        match method, url.path:
            case "POST", "/generate-token":
                answer(connection, {"token": "a.b.c"})
            case "GET", "/updates/bench-room":
                return updates(connection, room, headers, query)
            case "GET", "/rooms/bench-room/messages":
                answer(connection, page(room, query))
            case _:
                answer(connection, {}, "404 Not Found")


def read_head(file):
    start = file.readline().decode().split()
    if len(start) != 3:
        return None
    headers = {}
    while line := file.readline().decode().strip():
        name, value = line.split(":", 1)
        headers[name.lower()] = value.strip()
    return start[0], start[1], headers


def answer(connection, body, status="200 OK"):
    body = json.dumps(body)
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    connection.request.sendall((head + body).encode())


def message(seq, text):
    sent_at = (SINCE + datetime.timedelta(seconds=7 * seq)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    id = f"019b76d0-0000-7000-8000-{seq:012x}"
    return {"seq": seq, "id": id, "sender": "bob", "content": text, "sent_at": sent_at}


def old(seq):
    return message(seq, "THE-OLDEST-ONE" if seq == 1 else f"message {seq}, one of very many that were said long ago")


def page(room, query):
    before, limit = int(query.get("before", room.head + 1)), int(query.get("limit", 100))
    messages = [old(seq) for seq in range(max(before - limit, 1), before)]
    return {"room_id": ROOM, "epoch": "e", "head": room.head, "messages": messages}


def updates(connection, room, headers, query):
    accept = base64.b64encode(hashlib.sha1(headers["sec-websocket-key"].encode() + WEBSOCKET).digest()).decode()
    head = "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n"
    head += f"sec-websocket-protocol: duet.v1\r\nsec-websocket-accept: {accept}\r\n\r\n"
    welcome = {"type": "welcome", "room_id": ROOM, "user": "alice", "epoch": "e", "head": room.head, "resume": "recent"}
    welcome |= {"occupants": ["alice", "bob"], "max_content_bytes": 65536}
    newest = range(max(room.head - int(query.get("last", 0)), 0) + 1, room.head + 1)
    frames = [welcome] + [{"type": "message"} | old(seq) for seq in newest]
    with room.lock:
        connection.request.sendall(head.encode() + b"".join(frame(TEXT, json.dumps(one).encode()) for one in frames))
        room.enters(connection, lambda seq, text: frame(TEXT, json.dumps({"type": "message"} | message(seq, text)).encode()))
    while True:
        kind, payload = read_frame(connection.rfile)
        if kind in (PING, CLOSE):
            with room.lock:
                connection.request.sendall(frame(PONG if kind == PING else CLOSE, payload))
        if kind == CLOSE:
            return


def frame(kind, payload):
    """RFC 6455 §5.2, from a server: one frame, not masked."""
    if len(payload) < 126:
        return struct.pack("!BB", 0x80 | kind, len(payload)) + payload
    return struct.pack("!BBH", 0x80 | kind, 126, len(payload)) + payload


def read_frame(file):
    """From a client: masked, and never as long as that the length would need more than two bytes."""
    first, length = struct.unpack("!BB", file.read(2))
    length &= 0x7F
    if length == 126:
        (length,) = struct.unpack("!H", file.read(2))
    mask = file.read(4)
    payload = file.read(length)
    return first & 0x0F, bytes(byte ^ mask[n % 4] for n, byte in enumerate(payload))
