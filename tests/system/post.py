"""A real mail server (aiosmtpd) for whole-program tests: what it takes can be read as it came."""
import email
import email.policy
import json

from whole import ROOT, atexit, die_with_parent, subprocess


PYTHON = "/usr/bin/python3"  # that Debian's packages are for


def is_there():
    return subprocess.run([PYTHON, "-c", "import aiosmtpd"], stderr=subprocess.DEVNULL).returncode == 0


class Post:
    def __init__(self, mode="plain"):
        self.process = subprocess.Popen([PYTHON, str(ROOT / "tests/io/mail/smtp_server.py"), mode],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        preexec_fn=die_with_parent)
        atexit.register(self.process.kill)
        self.url = f"smtp://127.0.0.1:{self.told()['port']}?from=bot@example.test"

    def told(self):
        """The next thing that happened; waits for it."""
        line = self.process.stdout.readline()
        assert line, "the mail server ended"
        return json.loads(line)

    def letter(self):
        """The next letter, with its text in `plain`."""
        told = self.told()
        while told.get("event") != "letter":
            told = self.told()
        message = email.message_from_string(told["text"], policy=email.policy.default)
        return {**told, "subject": message["Subject"], "plain": message.get_content().replace("\r\n", "\n")}
