"""A channel made by command on a real box: through sudo, told to a real server as the user dplane, and removed."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from typing import Any

import pytest

from .replication_lab import Boxes

pytestmark = [pytest.mark.lab, pytest.mark.long]

PORT = 8099
SECRET = secrets.token_hex(8)  # the journal of a box outlives a test
UNIT = "practice-hook"
SERVER = """
import http.server
class Hook(http.server.BaseHTTPRequestHandler):
    log_message = lambda *_: None  # it would write the address into the journal
    def do_POST(self):
        size = int(self.headers.get("Content-Length", 0))
        open("/run/hook", "a").write(self.path + " " + self.rfile.read(size).decode() + chr(10))
        self.send_response(200)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", 8099), Hook).serve_forever()
"""


@pytest.fixture(scope="module")
def boxes(pair: Any) -> Iterator[Boxes]:
    """nas-a with a server that writes down what it is told."""
    pair.reset()
    made = Boxes(pair)
    made.a.ssh("rm", "-f", "/run/hook")
    made.a.ssh("systemd-run", "--quiet", f"--unit={UNIT}", "python3", "-c", SERVER)
    yield made
    made.a.ssh("systemctl", "stop", UNIT, check=False)


def test_a_channel_is_made_told_and_removed_and_its_secret_stays_root_s(boxes: Boxes) -> None:
    address = f"http://127.0.0.1:{PORT}/{SECRET}\n"
    refused = boxes.dplane(
        *("notify", "add", "webhook", "home", "--secret-stdin"), user="viewer", input=address, status=None
    )
    assert refused["code"] == "not-allowed"
    boxes.dplane("notify", "add", "webhook", "home", "--secret-stdin", input=address)
    (listed,) = boxes.dplane("notify", "list")["channels"]
    assert (listed["name"], listed["kind"], SECRET in str(listed)) == ("home", "webhook", False)
    (told,) = boxes.dplane("notify", "test", "home")
    assert told["accepted"] is True
    heard = boxes.a.ssh("cat", "/run/hook").stdout
    path, _, message = heard.partition(" ")
    assert (path, json.loads(message)["event"]) == (f"/{SECRET}", "test")
    (state,) = boxes.dplane("notify", "status", user="viewer")["channels"]
    assert (state["channel"], state["accepted"]) == ("home", True)

    places = boxes.a.ssh("find", "/etc/dplane/notify.d", "-printf", "%M %u %g %f\n").stdout.splitlines()
    assert "-rw-r----- root dplane home.toml" in places
    assert "-rw------- root root lock" in places
    assert "drwxr-x--- root dplane notify.d" in places
    logged = boxes.a.ssh("sh", "-c", "cat /var/log/dplane/*; journalctl --no-pager").stdout
    assert "notify-web" in logged
    assert SECRET not in logged
    assert boxes.a.ssh("cat", "/etc/dplane/notify.d/home.toml", user="owner", check=False).returncode

    boxes.a.ssh("systemctl", "stop", UNIT)
    (lost,) = boxes.dplane("notify", "test", "home", status=None)
    assert lost["accepted"] is False
    boxes.dplane("notify", "remove", "home", "--confirm", "home")
    assert boxes.dplane("notify", "list")["channels"] == []
