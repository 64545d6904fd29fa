"""Requests of chance, right ones and wrong ones, by the server's own OpenAPI document: no answer may be another than it says."""
import os
import pathlib
import subprocess
import tempfile

import servers

HERE = pathlib.Path(__file__).parent


def asked(programs, binary, seed, mode, **settings):
    """Returns whether every answer was as documented."""
    environment = os.environ | {"PYTHONPATH": str(HERE), "PYTHONDONTWRITEBYTECODE": "1"}
    # It leaves notes on what failed where it runs.
    with servers.running(binary, **settings) as address, tempfile.TemporaryDirectory() as folder:
        environment["DUET_CONFORMANCE_ADDRESS"] = address
        if key := settings.get("DUET_ISSUER_KEY"):
            environment["DUET_CONFORMANCE_ISSUER_KEY"] = key
        command = [programs / "schemathesis", "--no-color", "--config-file", HERE / "schemathesis.toml"]
        command += ["run", f"http://{address}/openapi.json", "--checks", "all", "--seed", str(seed)]
        piped = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        ended = subprocess.run(command, env=environment, cwd=folder, **piped)
    is_good = ended.returncode == 0
    print(f"requests by the OpenAPI document of {mode} server: {'as it says' if is_good else 'not as it says'}", flush=True)
    if not is_good:
        print(ended.stdout, flush=True)
    return is_good
