"""A stand-in for the Docker daemon: a container's command runs on this machine, with NeMo-Run's folder in its place."""

from __future__ import annotations

import json
import os
import re
import signal
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

API = "1.43"
CONTAINER = "only"


@dataclass
class Daemon:
    """What it was asked for, the process of its one container while there is one, and how often that was removed."""

    asked: dict[str, Any] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    state: str = ""  # as Docker's; "": there is no container
    removed: int = 0

    def start(self) -> None:
        """Run the command; the container goes when it ends, as with --rm."""
        (folder,) = [bind.split(":")[0] for bind in self.asked["HostConfig"]["Binds"] if ":/nemo_run" in bind]
        command = [part.replace("/nemo_run", folder) for part in self.asked["Cmd"]]
        # a session of its own: Docker kills all processes of a container
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
        )
        self.state = "running"

    def remove(self) -> None:
        """Kill what runs."""
        if self.process:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.state, self.removed = "", self.removed + 1


@contextmanager
def docker_daemon() -> Iterator[tuple[Daemon, str]]:
    """Serve one on a free port of 127.0.0.1; yield it with what DOCKER_HOST must be."""
    daemon = Daemon()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if daemon.process and daemon.process.poll() is not None:
                daemon.state = ""
            if path.endswith("/version"):
                self.answer({"ApiVersion": API})
            elif path.endswith("/containers/json"):
                self.answer([{"Id": CONTAINER}] if daemon.state else [])
            elif path.endswith("/logs") and daemon.process and daemon.process.stdout:
                self.send_response(200)
                self.end_headers()
                for line in daemon.process.stdout:
                    self.wfile.write(struct.pack(">BxxxL", 1, len(line)) + line)  # Docker's frames
            elif re.search(rf"/containers/{CONTAINER}/json$", path) and not daemon.state:
                self.answer({"message": "no such container"}, 404)
            else:  # a container, an image, a network
                self.answer({"Id": CONTAINER, "State": {"Status": daemon.state}, "Config": {"Tty": False}})

        def do_POST(self) -> None:
            given = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if "/containers/create" in self.path:
                daemon.asked, daemon.state, daemon.process = json.loads(given), "created", None
            elif self.path.endswith("/start"):
                daemon.start()
            self.answer({"Id": CONTAINER, "Warnings": []})

        def do_DELETE(self) -> None:
            daemon.remove()
            self.answer({})

        def answer(self, value: object, status: int = 200) -> None:
            body = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield daemon, f"tcp://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
