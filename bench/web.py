#!/usr/bin/env python3
"""Our web thread beside nginx, under wrk: web.py BENCH_HTTP

Both have one thread on core 0, wrk has core 1, and each pair of runs stands side by side, so that what
disturbs the machine disturbs both. Printed are the best round of each, and what a request cost the server
in CPU time, user and kernel: with small answers nearly all of it is the kernel's TCP.

health     GET /health beside `return 200` of the same body
pipelined  the same, 16 requests in one segment
list       400 symbols, 62 KB of JSON, beside the same bytes as a file
gzip       the same list for a client that takes gzip, beside the packed bytes as a file"""
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

ROUNDS, SECONDS, CONNECTIONS, DEEP = 5, 1, 64, 16
SYMBOLS = "/api/v1/symbols/spot?venue=sim"
GZIP = "Accept-Encoding: gzip"
NGINX_CONF = """
daemon off; worker_processes 1; pid {where}/pid; error_log {where}/errors;
events {{ worker_connections 1024; }}
http {{
  access_log off; keepalive_requests 100000000; sendfile on; tcp_nopush on; open_file_cache max=100;
  client_body_temp_path {where}/1; proxy_temp_path {where}/2; fastcgi_temp_path {where}/3;
  uwsgi_temp_path {where}/4; scgi_temp_path {where}/5; default_type application/json;
  server {{
    listen 127.0.0.1:{port};
    location = /health {{ return 200 '{{"status":"ok"}}'; }}
    location = /list {{ alias {where}/list; }}
    location = /gzip {{ add_header Content-Encoding gzip; alias {where}/gzip; }}
  }}
}}
"""
PIPELINE = """
init = function(args)
  local one = wrk.format()
  all = string.rep(one, %d)
end
request = function() return all end
""" % DEEP


def pinned(core, *command, **more):
    return subprocess.Popen(["taskset", "-c", str(core), *map(str, command)], text=True, **more)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def fetch(url, headers=None):
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers or {}), timeout=10) as answer:
        return answer.read()


def wait_for_port(port):
    deadline = time.monotonic() + 10
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def cpu_seconds(pids):
    ticks = 0
    for pid in pids:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def load(url, pids, *more):
    """Requests a second, and microseconds of the server's CPU for each."""
    before = cpu_seconds(pids)
    run = pinned(1, "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", *more, url, stdout=subprocess.PIPE)
    text = run.communicate()[0]
    count = re.search(r"(\d+) requests in", text)
    rate = re.search(r"Requests/sec: +([\d.]+)", text)
    if run.returncode or not count or not rate or "Non-2xx" in text:
        sys.exit(f"bench/web.py: wrk on {url}:\n{text}")
    return float(rate[1]), (cpu_seconds(pids) - before) * 1e6 / int(count[1])


def compare(name, target, ours, theirs):
    best = {"ours": (0, 0), "peer": (0, 0)}
    for _ in range(ROUNDS):
        for who, run in (("ours", ours), ("peer", theirs)):
            best[who] = max(best[who], load(*run))
    (our_rate, our_us), (rate, us) = best["ours"], best["peer"]
    print(f"{name}: ours {our_rate:.0f} /s ({our_us:.1f} us CPU), peer {rate:.0f} /s ({us:.1f} us CPU; nginx), "
          f"ratio {our_rate / rate:.2f} (target >= {target})", flush=True)


def main():
    nginx = shutil.which("nginx") or "/usr/sbin/nginx"
    with tempfile.TemporaryDirectory(prefix="tradebot-bench-") as where:
        os.chmod(where, 0o755)  # nginx's worker is nobody
        os.mkdir(f"{where}/store")
        there = None
        here = pinned(0, sys.argv[1], f"{where}/store", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        try:
            port = int(here.stdout.readline())
            base = f"http://127.0.0.1:{port}"
            pathlib.Path(f"{where}/list").write_bytes(fetch(base + SYMBOLS))
            pathlib.Path(f"{where}/gzip").write_bytes(fetch(base + SYMBOLS, {"Accept-Encoding": "gzip"}))
            pathlib.Path(f"{where}/pipeline.lua").write_text(PIPELINE)
            peer_port = free_port()
            pathlib.Path(f"{where}/conf").write_text(NGINX_CONF.format(where=where, port=peer_port))
            there = pinned(0, nginx, "-e", f"{where}/errors", "-c", f"{where}/conf")
            wait_for_port(peer_port)
            peer = f"http://127.0.0.1:{peer_port}"
            children = pathlib.Path(f"/proc/{there.pid}/task/{there.pid}/children").read_text().split()
            ours, theirs = [here.pid], [there.pid, *children]
            deep = ("-s", f"{where}/pipeline.lua")
            packed = ("-H", GZIP)
            compare("/health", 1.0, (f"{base}/health", ours), (f"{peer}/health", theirs))
            compare(f"/health, {DEEP} pipelined", 4.0, (f"{base}/health", ours, *deep),
                    (f"{peer}/health", theirs, *deep))
            compare("400 symbols", 1.0, (base + SYMBOLS, ours), (f"{peer}/list", theirs))
            compare("400 symbols, gzip", 1.0, (base + SYMBOLS, ours, *packed), (f"{peer}/gzip", theirs))
        finally:
            for process in filter(None, (here, there)):
                process.send_signal(signal.SIGTERM)
                process.wait(10)


main()
