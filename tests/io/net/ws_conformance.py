#!/usr/bin/env python3
"""Plays the public WebSocket corpus (Autobahn cases as data) against ws_echo: ws_conformance.py ECHO
Exit 0: all pass and the server ends without a complaint of its sanitizers. 77: there is no corpus."""
import os
import signal
import subprocess
import sys

SCALE = "0.4"  # of the corpus's own waiting times
# The sections by number: two runs side by side take half the time, most of which is waiting.
HALVES = ["1.,2.,3.,4.,5.,7.,9.,10.", "6."]


def main():
    root = os.environ.get("TRADEBOT_SOURCE_ROOT", ".")
    shared = os.path.join(root, "..", "shared")
    runner = os.path.join(shared, "tools", "conformance", "ws_run.py")
    cases = os.path.join(shared, "corpora", "ws", "ws_cases.jsonl")
    if not (os.path.exists(runner) and os.path.exists(cases)):
        print("skipped: no corpus in ../shared")
        return 77

    echo = subprocess.Popen([sys.argv[1]], stdout=subprocess.PIPE, text=True)
    url = f"ws://127.0.0.1:{int(echo.stdout.readline())}/"
    runs = [
        subprocess.Popen([sys.executable, runner, cases, url, "--scale", SCALE, "--only", half])
        for half in HALVES
    ]
    failures = sum(run.wait() != 0 for run in runs)
    echo.send_signal(signal.SIGTERM)
    return 1 if echo.wait(timeout=20) != 0 or failures else 0


sys.exit(main())
