"""Clients of every kind, good and bad. Each attempt ends in one outcome, or is a problem."""

import asyncio
import json
import random

from answers import AnswerReader, FailedAnswer
from connection import CUTS, Connection, make_request

# Longer than anything may take: from the first byte of a request to the last one of its answer.
HANG_SECONDS = 240

COMPLETE = "answered in full"
REFUSED = "refused, as it must be"
BUSY = "429, no room"
LOADING = "503, loading"
LEFT = "left by the client"
CUT = "cut off by a kill"
DOWN = "no server, between kill and start"
PROBLEM = "a problem"
OUTCOMES = (COMPLETE, REFUSED, BUSY, LOADING, DOWN, CUT, LEFT, PROBLEM)


class Left(Exception):
    """The client has gone in the middle."""


class Client:
    """One that asks, waits, and asks again where it was put off or cut off."""

    kind = "patient"
    receive_bytes = None
    piece_bytes = 65536

    def __init__(self, field, number, pool):
        self.field = field
        self.pool = pool
        self.rng = random.Random(f"{field.seed} {self.kind} {number}")
        self._connection = None
        self._connection_epoch = None  # of the server, as it was opened
        self._epoch = None  # as the attempt began
        self._wait_seconds = 0

    async def run(self):
        while not self.field.is_over:
            async with self.field.gate:
                await self.act()
            if not self.field.gate.is_open:
                self.drop()
        self.drop()

    async def act(self):
        await self.insist(self.rng.choice(self.pool.requests))

    async def insist(self, request):
        """Asks until it is answered in full; returns the answer, or None after a problem."""
        while True:
            answer, outcome = await self.attempt(request)
            if outcome not in (BUSY, LOADING, DOWN, CUT):
                return answer if outcome == COMPLETE else None
            await asyncio.sleep(self._wait_seconds * self.rng.uniform(1, 1.5))

    async def attempt(self, request):
        """(answer, outcome) of asking once. A problem has been reported."""
        reader = AnswerReader(request.path, request.streams)
        self._wait_seconds = 0.1
        self._epoch = self.field.server.epoch
        problem = None
        try:
            async with asyncio.timeout(HANG_SECONDS):
                outcome = await self.ask(request, reader)
        except TimeoutError:
            problem = f"no end after {HANG_SECONDS} s"
        except CUTS as error:
            outcome = DOWN if isinstance(error, ConnectionRefusedError) else CUT
            if not self.was_killed():
                problem = f"cut off without a kill: {error!r}"
        except Left:
            outcome = LEFT
        except (FailedAnswer, ValueError, LookupError) as error:
            problem = f"not an answer: {error!r}"
        if problem:
            outcome = PROBLEM
            self.field.report(f"{self.kind}, {request.name}: {problem}")
        if outcome in (LEFT, CUT) and reader.answer.parts:
            self.field.judge_beginning(self.kind, request, reader.answer)
        if outcome != COMPLETE:
            self.drop()
        self.field.counts[self.kind, outcome] += 1
        return reader.answer, outcome

    async def ask(self, request, reader):
        """Returns an outcome, or raises what cut it off."""
        connection = await self.connect()
        await self.send(connection, make_request(request.path, request.encode()))
        status, headers = await connection.read_head()
        refusal = b""
        async for piece in connection.read_body(headers, self.piece_bytes):
            if status == 200:
                reader.feed(piece)
                await self.digest(piece)
            else:
                refusal += piece
        if status == 429 or (status == 503 and self.was_killed()):
            self._wait_seconds = float(headers.get("retry-after", 0.1))
            return BUSY if status == 429 else LOADING
        if status != 200:
            raise FailedAnswer(f"status {status}: {refusal[:200]}")
        answer = reader.finish()
        if not answer.has_ended:
            raise FailedAnswer("a stream without its end")
        self.field.judge(self.kind, request, answer)
        return COMPLETE

    async def connect(self):
        """The connection of the last request, if its server still runs."""
        server = self.field.server
        if self._connection and self._connection_epoch != server.epoch:
            self.drop()
        if not self._connection:
            self._connection = await Connection.open(server.port, self.receive_bytes)
            self._connection_epoch = server.epoch
        return self._connection

    def was_killed(self):
        """Whether the server was killed since the attempt began, or had not come back by then."""
        server = self.field.server
        return not server.has_died and (not server.is_up or server.epoch != self._epoch)

    async def send(self, connection, data):
        await connection.send(data)

    async def digest(self, piece):
        """Called with each piece of an answer."""

    def drop(self):
        if self._connection:
            self._connection.close()
        self._connection = None


class SlowClient(Client):
    """Reads a large answer in sips, with buffers so small that the server must wait."""

    kind = "slow"
    receive_bytes = 4096
    piece_bytes = 4096

    async def act(self):
        await self.insist(self.rng.choice(self.pool.long_requests))

    async def digest(self, piece):
        # 200 kB a second, and now and then nothing for a while.
        await asyncio.sleep(len(piece) / 200e3)
        if self.rng.random() < 0.002:
            await asyncio.sleep(3)


class VanishingClient(Client):
    """Goes away: in its own request, before the answer, or in it."""

    kind = "vanishing"

    async def act(self):
        self._place = self.rng.choice(("request", "silence", "answer", "answer"))
        self._pieces_left = self.rng.randint(1, 30)
        requests = self.pool.long_requests if self._place == "answer" else self.pool.requests
        await self.attempt(self.rng.choice(requests))
        await asyncio.sleep(0.1)

    async def send(self, connection, data):
        if self._place == "request":
            await connection.send(data[: self.rng.randrange(len(data))])
            self._leave()
        await connection.send(data)
        if self._place == "silence":
            await asyncio.sleep(self.rng.uniform(0, 0.5))
            self._leave()

    async def digest(self, piece):
        self._pieces_left -= 1
        if self._pieces_left == 0:
            self._leave()

    def _leave(self):
        if self.rng.random() < 0.5:
            self._connection.reset()
            self._connection = None
        raise Left


class OddClient(Client):
    """Sends fields that nobody knows, which change nothing."""

    kind = "with unknown fields"

    async def act(self):
        await self.insist(self.rng.choice(self.pool.requests).with_unknown_fields())


class BadClient(Client):
    """Sends what has to be refused."""

    kind = "bad"

    async def act(self):
        bad = self.rng.choice(self.pool.bad_requests)
        while (await self.attempt(bad))[1] not in (REFUSED, PROBLEM):
            await asyncio.sleep(self._wait_seconds)
        await asyncio.sleep(0.2)

    async def ask(self, request, reader):
        self.drop()
        connection = await self.connect()
        try:
            await connection.send(request.data)
        except ConnectionError:
            pass  # refused before all of it was sent; the answer is there to be read
        status, headers = await connection.read_head()
        body = b"".join([piece async for piece in connection.read_body(headers)])
        if status == 503 and self.was_killed():
            return LOADING
        if status != request.status:
            raise FailedAnswer(f"status {status} instead of {request.status}: {body[:200]}")
        if not json.loads(body)["error"]["message"]:
            raise FailedAnswer(f"an error without a message: {body[:200]}")
        self.drop()
        return REFUSED
