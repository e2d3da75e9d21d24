#!/usr/bin/env python3
"""Plays the public HTTP/1.1 corpus against http_corpus_server: http_conformance.py SERVER
Exit 0: all pass but those named below, and the server ends without a complaint of its sanitizers.
77: there is no corpus."""
import os
import re
import signal
import subprocess
import sys

# Heads that end before their empty line: we refuse them when they are complete or their time is up,
# the corpus wants the refusal at the bad line already.
KNOWN = {"llhttp/content-length/02", "llhttp/content-length/03"}
# Most of the time is waiting: the parts run side by side.
PARTS = ["http11probe", "desync", "llhttp,computed"]


def main():
    root = os.environ.get("TRADEBOT_SOURCE_ROOT", ".")
    shared = os.path.join(root, "..", "shared")
    runner = os.path.join(shared, "tools", "conformance", "http1_run.py")
    cases = os.path.join(shared, "corpora", "http1", "http1_cases.jsonl")
    if not (os.path.exists(runner) and os.path.exists(cases)):
        print("skipped: no corpus in ../shared")
        return 77

    server = subprocess.Popen([sys.argv[1]], stdout=subprocess.PIPE, text=True)
    address = f"127.0.0.1:{int(server.stdout.readline())}"
    common = [sys.executable, runner, cases, address, "--target", "/health", "--only"]
    runs = [subprocess.Popen(common + [part], stdout=subprocess.PIPE, text=True) for part in PARTS]
    outputs = [run.communicate()[0] for run in runs]
    server.send_signal(signal.SIGTERM)
    ended_well = server.wait(timeout=20) == 0

    text = "\n".join(outputs)
    print(text)
    failed = set(re.findall(r"^FAIL (\S+)", text, re.M))
    complete = len(re.findall(r"^\d+ passed, \d+ failed$", text, re.M)) == len(PARTS)
    return 0 if ended_well and complete and failed <= KNOWN else 1


sys.exit(main())
