"""What the README gives people to paste."""
import pathlib
import re
import subprocess

README = pathlib.Path(__file__).parents[3] / "README.md"


def test_the_curl_lines_work_when_they_are_pasted(duet):
    [lines] = re.findall(r"## With curl\n+```sh\n(.*?)```", README.read_text(), re.DOTALL)
    lines = lines.replace("127.0.0.1:8000", duet.address).replace("curl -s", "curl -sS --fail-with-body")
    run = subprocess.run(["bash", "-euo", "pipefail", "-c", lines], capture_output=True, text=True, timeout=30)
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.count('{"status":"Message sent to room: room1"}') == 2
    assert '"messages":[' in run.stdout
