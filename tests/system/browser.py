"""A headless Chromium driven over its DevTools protocol, as much of it as the page's tests need.

The browser gets a profile of its own and may look up no name but 127.0.0.1. What the page logs, throws,
violates and asks for is kept, for a test to assert on.
"""
import base64
import json
import os
import re
import shutil
import socket
import struct

from whole import atexit, folder, signal, subprocess, time, wait_for

FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--disable-dev-shm-usage", "--hide-scrollbars", "--disable-extensions", "--no-default-browser-check", "--no-proxy-server",
         "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--remote-debugging-port=0")
MESSAGE_SIZE_MAX = 64 << 20  # a screenshot of a long page is a few megabytes


def program():
    return shutil.which("chromium") or shutil.which("chromium-browser")


class Socket:
    """The client's side of a WebSocket: masked text out, whole messages in (RFC 6455)."""

    def __init__(self, port, path):
        self.stream = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.input = self.stream.makefile("rb")
        self.stream.sendall((f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
                             "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
                             f"{base64.b64encode(os.urandom(16)).decode()}\r\n\r\n").encode())
        status = self.input.readline()
        assert b" 101 " in status, status
        while self.input.readline() != b"\r\n":
            pass

    def send(self, text):
        body, key = text.encode(), os.urandom(4)
        size = len(body)
        head = (struct.pack("!BB", 0x81, 0x80 | size) if size < 126 else
                struct.pack("!BBH", 0x81, 0xFE, size) if size < 1 << 16 else
                struct.pack("!BBQ", 0x81, 0xFF, size))
        mask = (key * (size // 4 + 1))[:size]
        masked = (int.from_bytes(body, "big") ^ int.from_bytes(mask, "big")).to_bytes(size, "big")
        self.stream.sendall(head + key + masked)

    def receive(self):
        text = b""
        while True:
            first, size = self.read(2)
            size &= 0x7F
            if size >= 126:
                size = int.from_bytes(self.read(2 if size == 126 else 8), "big")
            assert len(text) + size <= MESSAGE_SIZE_MAX, "the browser sent too much"
            body = self.read(size)
            if first & 0x0F in (0, 1):
                text += body
                if first & 0x80:
                    return text.decode()
            assert first & 0x0F != 8, "the browser closed its debugging socket"

    def read(self, size):
        data = self.input.read(size)
        assert len(data) == size, "the browser ended"
        return data


class Page:
    """One tab. `errors` is what a reader of its console would have seen, `requests` the addresses asked."""

    def __init__(self):
        self.profile = folder()
        self.process = subprocess.Popen([program(), *FLAGS, f"--user-data-dir={self.profile}", "about:blank"],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, start_new_session=True)
        atexit.register(self.close)
        note = self.profile / "DevToolsActivePort"
        text = wait_for("the browser", lambda: note.exists() and (t := note.read_text()).count("\n") and t, 60)
        port, path = text.split("\n")[:2]
        self.socket = Socket(int(port), path)
        self.count, self.session = 0, None
        self.errors, self.requests, self.policies = [], [], []
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.ask(f"{domain}.enable")

    def close(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()

    def ask(self, method, **parameters):
        self.count += 1
        number = self.count
        message = {"id": number, "method": method, "params": parameters}
        self.socket.send(json.dumps({**message, "sessionId": self.session} if self.session else message))
        while True:
            answer = json.loads(self.socket.receive())
            if answer.get("id") == number:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]
            self.note(answer.get("method"), answer.get("params"))

    def note(self, event, told):
        if event == "Runtime.exceptionThrown":
            self.errors.append(told["exceptionDetails"].get("exception", {}).get("description", "exception"))
        elif event == "Runtime.consoleAPICalled" and told["type"] in ("error", "warning", "assert"):
            self.errors.append(" ".join(str(a.get("value", a.get("description"))) for a in told["args"]))
        elif event == "Log.entryAdded" and told["entry"]["level"] in ("error", "warning"):
            self.errors.append(f"{told['entry']['text']} {told['entry'].get('url', '')}")
        elif event == "Network.requestWillBeSent":
            self.requests.append(told["request"]["url"])
        elif event == "Network.responseReceived" and told["type"] == "Document":
            self.policies.append({k.lower(): v for k, v in told["response"]["headers"].items()}.get(
                "content-security-policy", ""))

    def run(self, script):
        """The value of a JavaScript expression (promises are awaited)."""
        answer = self.ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, (script, answer["exceptionDetails"])
        return answer["result"].get("value")

    def wait(self, what, script, seconds=20):
        try:
            return wait_for(what, lambda: self.run(script), seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}; the page says: {self.run('document.body.innerText')[:1500]!r}; "
                                 f"errors: {self.errors[-5:]}") from None

    def open(self, url):
        self.ask("Page.navigate", url=url)

    def text(self, selector):
        return self.run(f"document.querySelector({json.dumps(selector)}).innerText")

    def click(self, selector):
        """As a mouse does it: on the element's middle, which must be in view and uncovered."""
        x, y, hit = self.run(f"""(() => {{ const e = document.querySelector({json.dumps(selector)});
            e.scrollIntoView({{block: "center"}}); const r = e.getBoundingClientRect();
            const x = r.x + r.width / 2, y = r.y + r.height / 2, top = document.elementFromPoint(x, y);
            return [x, y, e === top || e.contains(top)]; }})()""")
        assert hit, f"{selector} is covered or out of view"
        for kind in ("mousePressed", "mouseReleased"):
            self.ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def resize(self, width, height, phone=False):
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                 mobile=phone)

    def scheme(self, name):
        self.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name}])

    def screenshot(self, path):
        data = self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=True)["data"]
        path.write_bytes(base64.b64decode(data))
