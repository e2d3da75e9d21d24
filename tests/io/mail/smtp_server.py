#!/usr/bin/python3
"""A mail server for the mailer's tests: smtp_server.py MODE [CERTIFICATE KEY]

Listens on a free port of 127.0.0.1 and writes JSON lines: first {"port": N}, then one for each thing that
happened. Modes: plain, starttls (and only by it), smtps, auth (user "bot", password "p:/@x"; by STARTTLS),
refuse (550 to every recipient), busy (451 to the first two), hang (says nothing), stop (says nothing
after the text), close (closes at once), garbage. Ends when its standard input does."""
import asyncio
import json
import os
import socket
import ssl
import sys
import threading

MODE = sys.argv[1]


def tell(**what):
    os.write(1, (json.dumps(what) + "\n").encode())


def raw():
    """Servers that are none."""
    listener = socket.create_server(("127.0.0.1", 0))
    tell(port=listener.getsockname()[1])
    kept = []
    while True:
        peer, _ = listener.accept()
        tell(event="connection")
        if MODE == "garbage":
            peer.sendall(b"\x00\xff\xfe" * 5000 + b"\r\n220 \r\n" + b"250-" * 30000)
            peer.close()
        elif MODE == "close":
            peer.close()
        else:
            kept.append(peer)


def served():
    import aiosmtpd.smtp

    class Handler:
        tries = 0

        async def handle_RCPT(self, server, session, envelope, address, options):
            Handler.tries += 1
            tell(event="recipient", address=address)
            if MODE == "refuse":
                return "550 5.1.1 no such person: tbr_echo"
            if MODE == "busy" and Handler.tries <= 2:
                return "451 4.3.0 come back later"
            envelope.rcpt_tos.append(address)
            return "250 OK"

        async def handle_DATA(self, server, session, envelope):
            tell(event="letter", sender=envelope.mail_from, to=envelope.rcpt_tos,
                 text=envelope.content.decode("ascii"), tls=server.transport.get_extra_info("ssl_object") is not None,
                 login=bool(session.authenticated))
            if MODE == "stop":
                await asyncio.sleep(60)
            return "250 taken"

    def authenticate(server, session, envelope, mechanism, data):
        right = data.login == b"bot" and data.password == b"p:/@x"
        tell(event="login", right=right)
        return aiosmtpd.smtp.AuthResult(success=right, handled=False)

    context = None
    if len(sys.argv) > 2:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[2], sys.argv[3])
    options = {}
    if MODE in ("starttls", "auth"):
        options = {"tls_context": context, "require_starttls": True}
    if MODE == "auth":
        options |= {"authenticator": authenticate, "auth_required": True}

    async def serve():
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: aiosmtpd.smtp.SMTP(Handler(), loop=loop, **options), "127.0.0.1", 0,
            ssl=context if MODE == "smtps" else None)
        tell(port=server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(serve())


threading.Thread(target=raw if MODE in ("hang", "close", "garbage") else served, daemon=True).start()
while os.read(0, 4096):
    pass
os._exit(0)
