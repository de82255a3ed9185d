"""What all clients of a soak share: the server, what is right, and what has come of it."""

import asyncio
import collections

MOST_PROBLEMS = 50
MOST_CHARACTERS = 600


class Gate:
    """Clients are inside while they ask; closed, it lets nobody in."""

    def __init__(self):
        self._opened = asyncio.Event()
        self._emptied = asyncio.Event()
        self._inside = 0
        self._opened.set()

    @property
    def is_open(self):
        return self._opened.is_set()

    async def __aenter__(self):
        await self._opened.wait()
        self._inside += 1

    async def __aexit__(self, *error):
        self._inside -= 1
        if self._inside == 0:
            self._emptied.set()

    async def close(self):
        """Returns when nobody is inside."""
        self._opened.clear()
        while self._inside:
            self._emptied.clear()
            await self._emptied.wait()

    def open(self):
        self._opened.set()


class Field:
    """With `references` None it collects them: the answers of a quiet run."""

    def __init__(self, server, seed, references=None):
        self.server = server
        self.seed = seed
        self.is_quiet = references is None
        self.references = {} if references is None else references
        self.gate = Gate()
        self.is_over = False
        self.counts = collections.Counter()  # by (kind of client, outcome)
        self.answers = 0  # that were compared
        self.beginnings = 0  # answers that were cut off and begin as they should
        self.problems = []

    def report(self, problem):
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(problem[:MOST_CHARACTERS])

    def judge(self, kind, request, answer):
        """Of an answer that has been delivered in full."""
        self.answers += 1
        if self.is_quiet:
            self.references[request.name] = answer
        elif difference := answer.find_difference(self.references[request.name]):
            self.report(f"{kind}, {request.name}: {difference}")

    def judge_beginning(self, kind, request, answer):
        """Of what has come of an answer that was cut off."""
        self.beginnings += 1
        if departure := answer.find_departure(self.references[request.name]):
            self.report(f"{kind}, {request.name}, cut off: {departure}")
