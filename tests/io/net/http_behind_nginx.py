#!/usr/bin/env python3
"""The public HTTP/1.1 corpus through nginx to our server: http_behind_nginx.py SERVER

A request is smuggled where a proxy and the server behind it count differently. nginx counts what it gives
to its client, our server what it handled or refused on the connections from nginx; for no case may ours be
more. Nor may our server answer 5xx but 501 and 505. 77: no corpus, or no nginx."""
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

CONF = """
daemon off; worker_processes 1; pid {where}/pid; error_log {where}/errors;
events {{ worker_connections 256; }}
http {{
  access_log off; proxy_ignore_client_abort on; client_header_timeout 2s; client_body_timeout 2s;
  client_body_temp_path {where}/1; proxy_temp_path {where}/2; fastcgi_temp_path {where}/3;
  uwsgi_temp_path {where}/4; scgi_temp_path {where}/5;
  upstream ours {{ server 127.0.0.1:{tap}; keepalive 4; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://ours; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header Host $http_host; proxy_request_buffering off; proxy_next_upstream off;
    }}
  }}
}}
"""
SETTLE_S = 0.02  # for answers that no client waits for
QUIET_S = 1.0  # without an answer: nginx waits for more


class Tap:
    """Stands between nginx and our server, and keeps what our server answered."""

    def __init__(self, server_port):
        self.server_port, self.answered, self.lock = server_port, bytearray(), threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            inner = self.listener.accept()[0]
            try:
                outer = socket.create_connection(("127.0.0.1", self.server_port))
            except OSError:
                inner.close()
                continue
            threading.Thread(target=self.copy, args=(inner, outer, False), daemon=True).start()
            threading.Thread(target=self.copy, args=(outer, inner, True), daemon=True).start()

    def copy(self, source, target, keep):
        try:
            while data := source.recv(65536):
                if keep:
                    with self.lock:
                        self.answered += data
                target.sendall(data)
        except OSError:
            pass
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def take(self):
        """What our server answered, with what it still had to say of a request that nginx gave up."""
        size = -1
        while size != len(self.answered):
            size = len(self.answered)
            time.sleep(SETTLE_S)
        with self.lock:
            kept, self.answered = bytes(self.answered), bytearray()
        return kept


def final_statuses(data):
    return [s for s in map(int, re.findall(rb"HTTP/1\.[01] (\d{3}) ", data)) if s >= 200]


def play(port, raw):
    """What nginx answers until it is quiet or closes."""
    got = b""
    with socket.create_connection(("127.0.0.1", port), 5) as s:
        s.settimeout(QUIET_S)
        try:
            s.sendall(raw)
            s.shutdown(socket.SHUT_WR)
            while data := s.recv(65536):
                got += data
        except OSError:
            pass
    return got


def bytes_of(case):
    if "hex" in case:
        return bytes.fromhex(case["hex"])
    return b"".join(bytes.fromhex(part["hex"]) * part.get("n", 1) for part in case["parts"])


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for_port(port):
    deadline = time.monotonic() + 10
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def compare(cases, port, tap):
    bad, asked = [], 0
    for line in cases.read_text().splitlines():
        case = json.loads(line)
        through = play(port, bytes_of(case))
        ours, theirs = final_statuses(tap.take()), final_statuses(through)
        asked += len(ours)
        # To an HTTP/0.9 request nginx answers with a body alone; to a client that goes while its one request
        # is under way it answers nothing, and what we then refuse of it is no second request.
        given_up = not through and len(ours) == 1 and ours[0] in range(400, 500)
        if len(ours) > max(len(theirs), 1 if through or given_up else 0):
            bad.append(f"{case['id']}: ours {ours}, nginx {theirs}")
        if any(status >= 500 and status not in (501, 505) for status in ours):
            bad.append(f"{case['id']}: ours {ours}")
    print(f"our server answered {asked} requests that nginx let through")
    return bad if asked else ["nothing came through"]


def main():
    root = pathlib.Path(os.environ.get("TRADEBOT_SOURCE_ROOT", "."))
    cases = root / ".." / "shared" / "corpora" / "http1" / "http1_cases.jsonl"
    nginx = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
    if not cases.exists() or not nginx:
        print("skipped: no corpus in ../shared, or no nginx-light")
        return 77
    server = subprocess.Popen([sys.argv[1]], stdout=subprocess.PIPE, text=True)
    tap = Tap(int(server.stdout.readline()))
    with tempfile.TemporaryDirectory(prefix="tradebot-nginx-") as where:
        os.chmod(where, 0o755)
        port = free_port()
        pathlib.Path(f"{where}/conf").write_text(CONF.format(where=where, port=port, tap=tap.port))
        proxy = subprocess.Popen([nginx, "-e", f"{where}/errors", "-c", f"{where}/conf"])
        try:
            wait_for_port(port)
            bad = compare(cases, port, tap)
            clean = play(port, b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        finally:
            proxy.send_signal(signal.SIGTERM)
            proxy.wait(10)
    server.send_signal(signal.SIGTERM)
    ended_well = server.wait(20) == 0
    print("\n".join(bad) or "nginx and our server count alike")
    return 0 if ended_well and not bad and len(final_statuses(clean)) == 1 else 1


sys.exit(main())
