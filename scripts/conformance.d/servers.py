"""Starts what is tested, each on a free port of its own, and asks it for tokens."""
import contextlib
import json
import os
import pathlib
import re
import subprocess
import tempfile
import time
import urllib.request

SETTINGS = ("AMQP_", "DATABASE_", "DUET_", "SECRET_KEY", "RUST_LOG")
SECRET_KEY = "conformance-conformance-conformance"
ISSUER_KEY = "an-issuer-key-for-the-conformance-run"


@contextlib.contextmanager
def running(binary, **settings):
    """Yields host:port of `binary` once its first lines have named it. Only the settings that are given count."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {name: value for name, value in os.environ.items() if not name.startswith(SETTINGS)}
        environment |= {"DUET_LISTEN": "127.0.0.1:0", "DUET_DATA_DIR": folder, "SECRET_KEY": SECRET_KEY} | settings
        with open(pathlib.Path(folder) / "log", "w+") as log:
            process = subprocess.Popen([binary], env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            try:
                yield address(process, pathlib.Path(log.name))
                if process.poll() is not None:
                    raise SystemExit(f"the server ended meanwhile:\n{pathlib.Path(log.name).read_text()}")
            finally:
                process.terminate()
                process.wait(timeout=20)


def address(process, log, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        if found := re.search(r"127\.0\.0\.1:\d+", log.read_text()):
            return found[0]
        time.sleep(0.05)
    raise SystemExit(f"the server did not start:\n{log.read_text()}")


def token(address, room, **headers):
    body = json.dumps({"username": "alice", "email": "", "room_id": room}).encode()
    headers = {"Content-Type": "application/json"} | headers
    request = urllib.request.Request(f"http://{address}/generate-token", body, headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)["token"]
