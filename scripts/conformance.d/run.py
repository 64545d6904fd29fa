"""What scripts/conformance does once everything is built."""
import argparse
import asyncio
import pathlib
import random
import sys

import openapi
import servers
import websocket

# A case that waits for ever has failed as well.
SECONDS = 180

parser = argparse.ArgumentParser(prog="scripts/conformance")
parser.add_argument("--programs", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
parser.add_argument("--built", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
parser.add_argument("--seed", type=int, default=random.randrange(10**9), help="make the requests of an earlier run")
given = parser.parse_args()

binary = given.built / "duet-server"
good = [
    asyncio.run(asyncio.wait_for(websocket.at_an_echo(given.built / "examples/echo"), SECONDS)),
    asyncio.run(asyncio.wait_for(websocket.in_a_room(binary), SECONDS)),
]
print(f"the seed of the requests is {given.seed}", flush=True)
good.append(openapi.asked(given.programs, binary, given.seed, "an open"))
closed = {"DUET_ACCESS": "closed", "DUET_ISSUER_KEY": servers.ISSUER_KEY}
good.append(openapi.asked(given.programs, binary, given.seed, "a closed", **closed))
sys.exit(not all(good))
