#!/usr/bin/env python3
"""Soaks a real `fathom serve`: many clients, good and bad, and one session of very many tool calls,
while the server is killed and its disk is full. Every answer has to be the one of a quiet run.

usage: soak.py FATHOM MODEL [--short | --record]
    --short   a minute of it
    --record  the long form; writes docs/soak.md and docs/images/soak.svg
"""

import asyncio
import contextlib
import dataclasses
import signal
import sys
import tempfile
import time

import clients
import disk
import report
from connection import CUTS
from field import Field
from server import Server, find_growth, find_leaks
from session import Death, SessionClient
from workload import MAX_BODY_BYTES, Pool

SEED = 4
REST_SECONDS = 60


@dataclasses.dataclass(frozen=True)
class Form:
    """How much of it. `plan` is what happens once the session has taken so many turns."""

    name: str
    calls: int
    result_tokens: int
    least_tokens: int  # of the session at its end
    steady_seconds: int  # for which the crowd goes on after that
    context: int
    requests: int  # that differ
    most_words: int  # of their texts
    clients: dict  # how many of each kind
    max_batch: int  # these two together so few that there is not always room
    max_queue: int
    kv_memory: str  # so little that it is full most of the time
    disk_bytes: int
    plan: tuple


SHORT = Form(
    name="short",
    calls=36,
    result_tokens=300,
    least_tokens=10000,
    steady_seconds=10,
    context=32768,
    requests=24,
    most_words=500,
    clients={
        clients.Client: 8,
        clients.OddClient: 2,
        clients.SlowClient: 2,
        clients.VanishingClient: 3,
        clients.BadClient: 3,
    },
    max_batch=8,
    max_queue=6,
    kv_memory="48M",
    disk_bytes=64 << 20,
    plan=((10, "kill"), (14, "fill"), (18, "kill"), (21, "free"), (24, "rest")),
)
LONG = Form(
    name="long",
    calls=500,
    result_tokens=340,
    least_tokens=200000,
    steady_seconds=150,
    context=262144,
    requests=96,
    most_words=5000,
    clients={
        clients.Client: 32,
        clients.OddClient: 8,
        clients.SlowClient: 8,
        clients.VanishingClient: 8,
        clients.BadClient: 8,
    },
    max_batch=32,
    max_queue=24,
    kv_memory="128M",
    disk_bytes=512 << 20,
    plan=(
        (60, "kill"),
        (110, "fill"),
        (140, "kill"),
        (170, "free"),
        (220, "kill"),
        (280, "kill"),
        (320, "rest"),
        (400, "rest"),
    ),
)


class Soak:
    """One run of a form."""

    def __init__(self, form, program, model, folder):
        self.form = form
        self.pool = Pool(SEED, form.requests, form.most_words, form.context)
        self.disk = disk.make_disk(folder, form.disk_bytes)
        self.samples = []
        self.deaths = []
        self.rests = []  # samples with nothing under way, of the last process
        self.full_spans = []  # seconds in which the disk was full
        self.lost_while_full = 0  # what the server said it could not write
        self._program = program
        self._options = ["--model", model, "--context", str(form.context),
                         "--max-batch", str(form.max_batch), "--max-queue", str(form.max_queue),
                         "--kv-memory", form.kv_memory, "--max-body", str(MAX_BODY_BYTES)]  # fmt: skip
        self.field = None
        self.session = None
        self.began = None  # seconds, of time.monotonic
        self.quiet_seconds = self.loud_seconds = 0

    async def run(self):
        """Returns the problems."""
        began = time.monotonic()
        references = await self._collect_references()
        self.quiet_seconds = time.monotonic() - began
        options = self._options + ["--kv-dir", str(self.disk.folder)]
        async with Server(self._program, options, self.disk) as server:
            self.field = Field(server, SEED, references)
            self.began = time.monotonic()
            await server.start()
            await self._soak(server)
            self.loud_seconds = time.monotonic() - self.began
            await server.stop()
        self._check_end()
        return self.field.problems + server.problems

    async def _collect_references(self):
        """The answers of a server that has nothing else to do, one request after the other."""
        async with Server(self._program, self._options) as server:
            await server.start()
            quiet = Field(server, SEED)
            asker = clients.Client(quiet, 0, self.pool)
            for request in self.pool.requests:
                await asker.insist(request)
            asker.drop()
            await SessionClient(quiet, self.form.calls, self.form.result_tokens).run()
            await server.stop()
        if quiet.problems or server.problems:
            raise RuntimeError("the quiet run: " + "; ".join(quiet.problems + server.problems))
        return quiet.references

    async def _soak(self, server):
        self.session = SessionClient(self.field, self.form.calls, self.form.result_tokens)
        crowd = [kind(self.field, number, self.pool)
                 for kind, count in self.form.clients.items() for number in range(count)]  # fmt: skip
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(self._watch(server))
            others = [group.create_task(client.run()) for client in crowd]
            planned = group.create_task(self._follow_plan(server))
            await self.session.run()
            await planned
            if not self.session.has_failed:
                await self._rest(server)
                await self.session.repeat(self.form.steady_seconds)
            self.field.is_over = True
            await asyncio.gather(*others)
            if not self.session.has_failed:
                await self._rest(server)
            watching.cancel()

    async def _watch(self, server):
        while True:
            with contextlib.suppress(*CUTS, ProcessLookupError, KeyError):
                if server.is_up:
                    self.samples.append(await server.sample())
            await asyncio.sleep(0.5)

    async def _follow_plan(self, server):
        actions = {"kill": self._kill, "fill": self._fill, "free": self._free, "rest": self._rest}
        for turn, action in self.form.plan:
            while self.session.turns < turn:
                if self.session.has_failed:
                    return
                await asyncio.sleep(0.05)
            await asyncio.sleep(self.session.rng.uniform(0, 0.3))
            print(f"soak: turn {self.session.turns}: {action}", flush=True)
            await actions[action](server)

    async def _kill(self, server):
        began = time.monotonic()
        await server.kill()
        positions = disk.list_positions(self.disk.folder)
        await server.start()
        death = Death(began, time.monotonic() - began, self.disk.is_full, positions,
                      self.session.prompt_tokens)  # fmt: skip
        self.session.death = death
        self.deaths.append(death)
        if (await server.sample()).disk_failures:
            self.field.report(f"files that a killed server left: {server.cache_lines[-1]}")

    async def _fill(self, server):
        self.disk.fill()
        self._said = len(server.cache_lines) + len(server.failure_lines)
        self._filled = time.monotonic()

    async def _free(self, server):
        self.disk.free()
        self.full_spans.append((self._filled, time.monotonic()))
        self.lost_while_full += len(server.cache_lines) + len(server.failure_lines) - self._said

    async def _rest(self, server):
        """Lets everybody finish, and waits until nothing more is given back."""
        await self.field.gate.close()
        before = None
        for _ in range(REST_SECONDS):
            now = await server.sample()
            same = before and (now.descriptors, now.threads) == (before.descriptors, before.threads)
            if same and now.running == now.waiting == now.promised_bytes == 0:
                break
            before = now
            await asyncio.sleep(1)
        else:
            self.field.report(f"no rest after {REST_SECONDS} s: {now}")
        self.rests.append(now)
        self.field.gate.open()

    def _check_end(self):
        if self.session.has_failed:
            return
        first, before, last = self.rests[0], *self.rests[-2:]
        for leak in find_leaks(first, last) + find_growth(before, last):
            self.field.report(leak)
        if self.lost_while_full == 0:
            self.field.report("the disk was full, and nothing that the server wrote failed")
        if self.session.prompt_tokens < self.form.least_tokens:
            self.field.report(f"the session has {self.session.prompt_tokens} tokens only")


def main():
    flags = [argument for argument in sys.argv[1:] if argument.startswith("--")]
    places = [argument for argument in sys.argv[1:] if not argument.startswith("--")]
    if len(places) != 2 or not set(flags) <= {"--short", "--record"}:
        print(__doc__, file=sys.stderr)
        return 2
    # So that the server ends with it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    form = SHORT if "--short" in flags else LONG
    with tempfile.TemporaryDirectory(prefix="fathom-soak-") as folder:
        soak = Soak(form, places[0], places[1], folder)
        try:
            problems = asyncio.run(soak.run())
        finally:
            soak.disk.close()
    print(report.tell(soak, problems))
    if "--record" in flags and not problems:
        report.record(soak)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
