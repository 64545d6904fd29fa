"""The Postman collection that ships with Duet, run by newman, whose path is in NEWMAN."""
import os
import pathlib
import subprocess

import pytest

COLLECTION = pathlib.Path(__file__).parents[3] / "docs/duet.postman_collection.json"


@pytest.mark.skipif("NEWMAN" not in os.environ, reason="skipped: NEWMAN does not say where newman is")
def test_the_postman_collection_passes(duet):
    command = [os.environ["NEWMAN"], "run", COLLECTION, "--env-var", f"baseUrl=http://{duet.address}", "--color", "off"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stdout + run.stderr
