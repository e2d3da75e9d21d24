#!/usr/bin/env python3
"""How fast `tradebot serve` is there, and how much memory it holds when idle: bench/start.py [BINARY]

Starts it ROUNDS times with a fresh data folder and as often with one that has been used, and takes the time
from exec to the line `ready http://...`, which it prints when it listens; a connection is made to prove it.
The best round counts. Resident memory is read IDLE_S seconds after the last start."""
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse

ROUNDS, IDLE_S, PATIENCE_S = 5, 3, 20


def start(binary, folder):
    """The process and the milliseconds until it listened."""
    began = time.monotonic()
    process = subprocess.Popen([binary, "serve", "--listen", "127.0.0.1:0", "--data", folder],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    line = process.stdout.readline()
    spent = (time.monotonic() - began) * 1000
    if not line.startswith("ready "):
        process.kill()
        sys.exit(f"bench/start.py: no ready line, but: {line}{process.stderr.read()}")
    address = urllib.parse.urlsplit(line.split()[1])
    socket.create_connection((address.hostname, address.port), PATIENCE_S).close()
    return process, spent


def stop(process):
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE_S)
    if process.returncode != 0:
        sys.exit(f"bench/start.py: the server ended with status {process.returncode}")


def resident_mb(process):
    for line in pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / 1e6
    sys.exit("bench/start.py: no VmRSS")


def main():
    binary = sys.argv[1] if len(sys.argv) > 1 else "build/tradebot"
    first, again = [], []
    with tempfile.TemporaryDirectory() as scratch:
        for i in range(ROUNDS):
            folder = os.path.join(scratch, str(i))
            process, spent = start(binary, folder)
            first.append(spent)
            stop(process)
            process, spent = start(binary, folder)
            again.append(spent)
            if i == ROUNDS - 1:
                time.sleep(IDLE_S)
                resident = resident_mb(process)
            stop(process)
    print(f"start to listening, fresh data folder: ours {min(first):.1f} ms, peer -, ratio - (target < 100 ms)")
    print(f"start to listening, used data folder: ours {min(again):.1f} ms, peer -, ratio - (target < 100 ms)")
    print(f"serve, idle, resident memory: ours {resident:.1f} MB, peer -, ratio - (target < 30 MB)")


main()
