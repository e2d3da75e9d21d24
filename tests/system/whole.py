"""What the whole-program tests share: a server or simulator in a process and a folder of its own.

BINARY names the program (default: the sanitized build). Nothing here sleeps to synchronise: it waits for
what it can see, with a deadline.
"""
import atexit
import ctypes
import hashlib
import hmac
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("BINARY", str(ROOT / "build-asan" / "tradebot"))
RUNNING = []  # programs of the test under way
SESSIONS = {}  # of demo accounts: by folder, and by the address where that folder's server is
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


# Tests ask faster than people do; those that are about the limits, or play a person, take the standard ones.
FAR_LIMITS = {f"RATE_LIMIT_{name}": "1000000/60s"
              for name in ("DEFAULT", "LOGIN", "LOGIN_ACCOUNT", "REGISTER", "FORGOT", "BOT", "KEYS")}


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def wait_for(what, check, seconds=20):
    """The first true value of check(), or an assertion that names what never came."""
    deadline = time.monotonic() + seconds
    while True:
        value = check()
        if value:
            return value
        assert time.monotonic() < deadline, f"never came: {what}"
        time.sleep(0.02)


def folder():
    path = tempfile.mkdtemp(prefix="tradebot-system-")
    atexit.register(shutil.rmtree, path, True)
    return pathlib.Path(path)


class Program:
    """A running `tradebot COMMAND`, with its output in files."""

    def __init__(self, *arguments, settings=None, where=None):
        self.folder = where or folder()
        self.log = open(self.folder / "stderr", "ab")
        environment = {k: v for k, v in os.environ.items()
                       if k in ("PATH", "HOME", "LANG") or k.endswith("SAN_OPTIONS")}
        self.out_path = self.folder / f"stdout-{time.monotonic_ns()}"
        self.process = subprocess.Popen(
            [BINARY, *arguments], cwd=self.folder, env={**environment, **FAR_LIMITS, **(settings or {})},
            stdin=subprocess.DEVNULL, stdout=open(self.out_path, "wb"), stderr=self.log,
            preexec_fn=die_with_parent)
        atexit.register(self.kill)
        RUNNING[:] = [p for p in RUNNING if p.process.poll() is None] + [self]

    def out(self):
        return self.out_path.read_text(errors="replace")

    def errors(self):
        return (self.folder / "stderr").read_text(errors="replace")

    def url(self, seconds=20):
        def ready():
            assert self.process.poll() is None, f"it ended: {self.errors()[-2000:]}"
            return re.search(r"^ready (https?://\S+)$", self.out(), re.M)
        url = wait_for("ready", ready, seconds)[1]
        login = re.search(r"^demo login: (\S+) (\S+)$", self.out(), re.M)
        if login:
            status, answer = call(f"{url}/api/v1/auth/login", "POST", {"email": login[1], "password": login[2]})
            assert status == 200, answer
            SESSIONS[self.folder] = answer["access_token"]
        SESSIONS[url] = SESSIONS.get(self.folder)
        return url

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def stop(self, number=signal.SIGINT, seconds=20):
        """Asks it to end; returns its exit status."""
        self.process.send_signal(number)
        return self.process.wait(seconds)


def call(url, method="GET", body=None, headers=None):
    """-> (status, parsed JSON or text); as the owner of a demo, where that is who the server belongs to"""
    token = SESSIONS.get("/".join(url.split("/")[:3]))
    if token:
        headers = {"Authorization": f"Bearer {token}", **(headers or {})}
    request = urllib.request.Request(
        url, None if body is None else json.dumps(body).encode(),
        {"Content-Type": "application/json", "Accept-Language": "en", **(headers or {})}, method=method)
    try:
        with OPENER.open(request, timeout=15) as answer:
            status, raw = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        status, raw = error.code, error.read()
    try:
        return status, json.loads(raw)
    except ValueError:
        return status, raw.decode(errors="replace")


def pages(url, limit=500):
    """All items of a paged list."""
    items, cursor = [], None
    while True:
        query = f"limit={limit}" + (f"&cursor={cursor}" if cursor else "")
        status, page = call(f"{url}{'&' if '?' in url else '?'}{query}")
        assert status == 200, page
        items += page["items"]
        cursor = page.get("next_cursor")
        if not cursor:
            return items


class Exchange:
    """Signed requests to a simulated exchange, as its account's owner."""

    def __init__(self, line):
        self.rest, self.key, self.secret = line["rest"], line["api_key"], line["secret"]

    def get(self, path, **parameters):
        query = urllib.parse.urlencode({**parameters, "recvWindow": 60000,
                                        "timestamp": int(time.time() * 1000)})
        signature = hmac.new(self.secret.encode(), query.encode(), hashlib.sha256).hexdigest()
        status, answer = call(f"{self.rest}/api/v3/{path}?{query}&signature={signature}",
                              headers={"X-MBX-APIKEY": self.key})
        assert status == 200, (path, status, answer)
        return answer


def show_logs():
    """The end of what each program of a failed test had to say: its folder goes with the test."""
    for program in RUNNING:
        tail = program.errors()[-3000:].replace("\n", "\n#   ")
        print(f"# {' '.join(program.process.args[1:3])}, status {program.process.poll()}:\n#   {tail}")


def run_tests(tests):
    """Runs the functions given, speaking TAP; exits 1 if one failed. What a failed test leaves running is
    killed: it would hold the folder, port or database that the next one wants."""
    if not os.access(BINARY, os.X_OK):
        print(f"1..0 # skipped: no {BINARY}")
        sys.exit(1)
    print(f"1..{len(tests)}", flush=True)
    failed = 0
    for number, test in enumerate(tests, 1):
        shared = list(RUNNING)
        try:
            test()
            print(f"ok {number} - {test.__name__}", flush=True)
        except BaseException as error:
            failed += 1
            show_logs()
            for program in [p for p in RUNNING if p not in shared]:
                program.kill()
            print(f"not ok {number} - {test.__name__}")
            print("# " + f"{type(error).__name__}: {error}".replace("\n", "\n# "), flush=True)
            if isinstance(error, KeyboardInterrupt):
                raise
    sys.exit(failed > 0)
