"""One agent's session of very many tool calls, in which the client plays the tools."""

import dataclasses
import json
import random
import time

import connection
from clients import Client, COMPLETE
from workload import Request, make_text, openai_tools

CHAT = "/v1/chat/completions"


# Positions are kept every so many tokens (docs/design/prefix-cache.md). One beside such a one, as
# the end of a prompt may be, is worth little and goes first when memory is short.
BLOCK_TOKENS = 2048
# A position is written once a conversation has grown by a hundredth, and one may be being written as the process is killed.
KEPT_SHARE = 0.98


@dataclasses.dataclass
class Death:
    """A kill, and what of the session was there after it."""

    at: float  # seconds, of time.monotonic
    seconds: float  # until the server answered again
    was_full: bool  # the disk
    positions: list  # in files, by their tokens
    session_tokens: int  # of the last prompt before
    written_tokens: int = 0  # of the next prompt, that were in files
    cached_tokens: int = 0  # of the next prompt

    def end(self, prompt, cached):
        self.written_tokens = max((n for n in self.positions if n < prompt), default=0)
        self.cached_tokens = cached

    @property
    def known_tokens(self):
        """What the next prompt finds at least. On a full disk files make room for others."""
        least = int(KEPT_SHARE * self.session_tokens)
        return 0 if self.was_full else max(self.written_tokens, least)


class SessionClient(Client):
    """Takes turns until it has made `calls` calls, with results of about `result_tokens` each."""

    kind = "session"

    def __init__(self, field, calls, result_tokens):
        super().__init__(field, 0, None)
        self.calls = calls
        self.turns = 0
        self.has_failed = False
        self.prompt_tokens = 0  # of the last turn
        self.cached_tokens = 0  # of all turns
        self.lost_tokens = []  # of the turn before, computed again, where there was no kill
        self.all_prompt_tokens = 0
        self.death = None  # of the server, since the last turn
        self._result_tokens = result_tokens
        self._words_per_token = None
        self._last = None  # request
        self._messages = [{"role": "user", "content": "Look everything up, one after the other."}]

    async def run(self):
        await self._measure_words()
        while self.turns < self.calls and not self.has_failed:
            async with self.field.gate:
                await self._take_turn()
            if not self.field.gate.is_open:
                self.drop()
        self.drop()

    async def _measure_words(self):
        text = make_text(random.Random(f"{self.field.seed} sample"), 2000)
        tokenize = Request("tokenize", "/tokenize", {"content": text})
        made = await connection.Connection.open(self.field.server.port)
        await made.send(connection.make_request(tokenize.path, tokenize.encode(), close=True))
        _, headers = await made.read_head()
        body = b"".join([piece async for piece in made.read_body(headers)])
        self._words_per_token = 2000 / json.loads(body)["count"]
        made.close()

    async def _take_turn(self):
        body = {"messages": list(self._messages), "tools": openai_tools(), "tool_choice": "required",
                "parallel_tool_calls": False, "max_tokens": 160, "temperature": 0,
                "reasoning_effort": "none", "stream": True,
                "stream_options": {"include_usage": True}}  # fmt: skip
        self._last = Request(f"turn {self.turns}", CHAT, body)
        answer = await self.insist(self._last)
        if answer is None or not answer.call_ids:
            self.field.report(f"session, turn {self.turns}: no call came of it")
            self.has_failed = True
            return
        self._check_cache(answer.usage)
        self._go_on(answer)
        self.turns += 1

    async def repeat(self, seconds):
        """Asks the last turn again and again: the longest request there is."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self.has_failed:
            async with self.field.gate:
                answer = await self.insist(self._last)
            self.has_failed = answer is None
        self.drop()

    def _check_cache(self, usage):
        """Hardly anything of the turn before is computed twice, nor after a kill."""
        prompt = usage["prompt_tokens"]
        cached = usage["prompt_tokens_details"]["cached_tokens"]
        # The last token of a prompt is computed again: its logits are asked for.
        known = self.prompt_tokens - 1
        if not self.death:
            if cached < known:
                self.lost_tokens.append(known - cached)
            known -= BLOCK_TOKENS
        else:
            self.death.end(prompt, cached)
            known = self.death.known_tokens
            self.death = None
        if cached < known:
            self.field.report(f"session, turn {self.turns}: {cached} of {known} tokens were cached")
        self.prompt_tokens = prompt
        self.cached_tokens += cached
        self.all_prompt_tokens += prompt

    def _go_on(self, answer):
        parts = answer.parts
        call = {"name": parts["0 call 0 name"], "arguments": parts["0 call 0 arguments"]}
        self._messages.append({
            "role": "assistant",
            "content": parts.get("0 content"),
            "tool_calls": [{"id": answer.call_ids[0], "type": "function", "function": call}],
        })  # fmt: skip
        rng = random.Random(f"{self.field.seed} result {self.turns}")
        tokens = self._result_tokens * rng.uniform(0.5, 1.5)
        self._messages.append({
            "role": "tool",
            "tool_call_id": answer.call_ids[0],
            "content": make_text(rng, int(tokens * self._words_per_token)),
        })  # fmt: skip
