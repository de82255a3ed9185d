"""HTTP/1.1 over one socket that can be read slowly, left, and reset."""

import asyncio
import socket
import struct

# What a connection that ends too early raises. TimeoutError is one of them and comes first where it
# means something else.
CUTS = (OSError, asyncio.IncompleteReadError)
READ_BYTES = 65536


class Connection:
    """One connection to the server, for requests one after the other."""

    def __init__(self, reader, writer):
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, port, receive_bytes=None):
        """With `receive_bytes`, that is about all that lies unread on this side."""
        made = socket.socket()
        try:
            if receive_bytes:
                made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
            made.setblocking(False)
            await asyncio.get_running_loop().sock_connect(made, ("127.0.0.1", port))
            limit = receive_bytes or READ_BYTES
            return cls(*await asyncio.open_connection(sock=made, limit=limit))
        except BaseException:
            made.close()
            raise

    async def send(self, data):
        self.writer.write(data)
        await self.writer.drain()

    async def read_head(self):
        """(status, headers); the names of headers in lower case."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.rstrip().split("\r\n")
        fields = (line.split(":", 1) for line in lines)
        return int(first.split()[1]), {name.lower(): value.strip() for name, value in fields}

    async def read_body(self, headers, piece_bytes=READ_BYTES):
        """Yields the body in pieces as they come, to its end."""
        if headers.get("transfer-encoding") != "chunked":
            async for piece in self._read_exactly(int(headers["content-length"]), piece_bytes):
                yield piece
            return
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            async for piece in self._read_exactly(size, piece_bytes):
                yield piece
            await self.reader.readexactly(2)
        await self.reader.readexactly(2)

    async def _read_exactly(self, size, piece_bytes):
        while size:
            piece = await self.reader.read(min(size, piece_bytes))
            if not piece:
                raise asyncio.IncompleteReadError(b"", size)
            size -= len(piece)
            yield piece

    def close(self):
        self.writer.close()

    def reset(self):
        """Ends it with RST: what is under way on it is lost."""
        linger = struct.pack("ii", 1, 0)
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.writer.transport.abort()


def make_request(path, body, close=False):
    """The bytes of a POST."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: {'close' if close else 'keep-alive'}\r\n\r\n"
    )
    return head.encode() + body


async def get(port, path):
    """(status, body) of a GET on a connection of its own."""
    connection = await Connection.open(port)
    try:
        head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
        await connection.send(head.encode())
        status, headers = await connection.read_head()
        return status, b"".join([piece async for piece in connection.read_body(headers)])
    finally:
        connection.close()
