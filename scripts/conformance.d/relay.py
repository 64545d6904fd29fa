"""Lets a client that knows neither rooms nor tokens into a room: it changes the head of the handshake, and hands on every
byte behind that as it is."""
import asyncio
import contextlib


@contextlib.asynccontextmanager
async def into(address, room, token):
    """Yields host:port; whoever connects there is in `room` of the server at `address`."""
    connections = set()

    async def connected(reader, writer):
        connections.add(asyncio.current_task())
        try:
            await relayed(reader, writer, address, room, token)
        except asyncio.CancelledError:
            pass  # at the end, of connections that a case has left open
        finally:
            connections.discard(asyncio.current_task())

    relay = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield "127.0.0.1:%d" % relay.sockets[0].getsockname()[1]
    finally:
        relay.close()
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)


async def relayed(reader, writer, address, room, token):
    head = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")
    head[0] = b"GET /updates/%s HTTP/1.1" % room.encode()
    head.insert(1, b"Authorization: Bearer " + token.encode())
    server_reader, server_writer = await asyncio.open_connection(*address.split(":"))
    server_writer.write(b"\r\n".join(head))
    try:
        await asyncio.gather(pumped(reader, server_writer), pumped(server_reader, writer))
    finally:
        server_writer.close()
        writer.close()


async def pumped(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass  # a server that closes while more comes in resets the connection: an end like any other
    with contextlib.suppress(OSError):
        writer.write_eof()
