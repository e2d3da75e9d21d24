#!/usr/bin/env python3
"""Our WebSocket ends against another implementation's, compressed and not: ws_peer.py ECHO
Exit 0: every message came back as it was sent. 77: python3-websockets is not installed."""
import asyncio
import random
import signal
import sys

try:
    import websockets
except ImportError:
    print("skipped: python3-websockets is not installed")
    sys.exit(77)

COMPRESSIONS = [None, "deflate"]
SIZES = [0, 1, 125, 126, 1000, 65535, 65536, 300000]


def messages():
    rng = random.Random(7)
    for size in SIZES:
        yield "".join(rng.choice("0123456789.,{}é€😀") for _ in range(size))
        yield bytes(rng.choice(b"abcd") for _ in range(size))


async def exchange(peer):
    for message in messages():
        await peer.send(message)
        assert await peer.recv() == message, f"{len(message)} characters came back changed"
    await (await peer.ping(b"hello"))  # done once the pong is there


async def our_server(echo):
    process = await asyncio.create_subprocess_exec(echo, stdout=asyncio.subprocess.PIPE)
    port = int(await process.stdout.readline())
    for compression in COMPRESSIONS:
        url = f"ws://127.0.0.1:{port}/"
        async with websockets.connect(url, compression=compression, max_size=None) as peer:
            assert bool(peer.extensions) == (compression is not None)
            await exchange(peer)
        assert peer.close_code == 1000, peer.close_code
    process.send_signal(signal.SIGTERM)
    assert await process.wait() == 0


async def our_client(echo, compression):
    exchanged = asyncio.get_running_loop().create_future()

    async def handle(peer):
        try:
            assert bool(peer.extensions) == (compression is not None)
            await exchange(peer)
            exchanged.set_result(None)
        except BaseException as error:
            exchanged.set_exception(error)

    async with websockets.serve(
        handle, "127.0.0.1", 0, compression=compression, max_size=None
    ) as server:
        port = server.sockets[0].getsockname()[1]
        process = await asyncio.create_subprocess_exec(echo, f"ws://127.0.0.1:{port}/")
        await exchanged
        assert await process.wait() == 0


async def main():
    await our_server(sys.argv[1])
    for compression in COMPRESSIONS:
        await our_client(sys.argv[1], compression)


asyncio.run(asyncio.wait_for(main(), 60))
