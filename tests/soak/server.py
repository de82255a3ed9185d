"""The server under test: a process that is killed and started again on the same port."""

import asyncio
import collections
import dataclasses
import json
import pathlib
import re
import signal
import time

import connection

START_SECONDS = 60
# What a process may take more after minutes of requests no longer than those before, beside the
# memory of sequences: remembered answers, and pages that the allocator keeps.
LEAK_BYTES = 16 << 20
METRIC = re.compile(r"^([\w:]+)(?:\{([^}]*)\})? (\S+)$", re.MULTILINE)


@dataclasses.dataclass
class Sample:
    """What the process takes, and what it says of itself."""

    at: float  # seconds, of time.monotonic
    rss_bytes: int
    kv_bytes: int
    descriptors: int
    threads: int
    running: int
    waiting: int
    promised_bytes: int
    disk_failures: int

    @property
    def other_bytes(self):
        """Memory beside what sequences take."""
        return self.rss_bytes - self.kv_bytes


def find_leaks(first, last):
    """What there is more of, or of what there should be none, with nothing under way."""
    leaks = []
    for name in ("descriptors", "threads"):
        if getattr(last, name) != getattr(first, name):
            leaks.append(f"{name}: {getattr(last, name)}, and {getattr(first, name)} before")
    for name in ("running", "waiting", "promised_bytes"):
        if getattr(last, name) != 0:
            leaks.append(f"{name}: {getattr(last, name)} with nothing under way")
    return leaks


def find_growth(first, last):
    """Memory that was taken between two samples after which requests were no longer than before."""
    grown = last.other_bytes - first.other_bytes
    return [f"memory: {grown} bytes more"] if grown > LEAK_BYTES else []


class Server:
    """`fathom serve` with some options. `epoch` grows whenever it goes or comes."""

    def __init__(self, program, options, disk=None):
        self.port = 0
        self.epoch = 0
        self.is_up = False
        self.has_died = False  # by itself
        self.tier = None  # of its kernels
        self.problems = []
        self.cache_lines = []  # what it logged of files that it could not write or read
        self.failure_lines = []
        self.requests = collections.Counter()  # that it logged, by status
        self._program = program
        self._options = options
        self._disk = disk
        self._process = None
        self._tasks = []

    async def __aenter__(self):
        return self

    async def __aexit__(self, *error):
        if self._process and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def start(self):
        self._process = await asyncio.create_subprocess_exec(
            self._program, "serve", "--port", str(self.port), *self._options,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            restore_signals=self._disk is None or self._disk.restores_signals,
        )  # fmt: skip
        if self._disk:
            self._disk.attach(self._process.pid)
        self._tasks = [
            asyncio.create_task(self._read_log(self._process.stderr)),
            asyncio.create_task(self._watch(self._process)),
        ]
        async with asyncio.timeout(START_SECONDS):
            line = (await self._process.stdout.readline()).decode()
            if not line.startswith("Listening on "):
                raise RuntimeError("the server does not start: " + "; ".join(self.problems))
            self.port = int(line.rpartition(":")[2])
            while (await connection.get(self.port, "/health"))[0] != 200:
                await asyncio.sleep(0.02)
        self.is_up = True
        self.epoch += 1

    async def kill(self):
        """kill -9."""
        await self._end(signal.SIGKILL, -signal.SIGKILL)

    async def stop(self):
        await self._end(signal.SIGTERM, 0)

    async def _end(self, number, expected):
        if self.has_died:
            return
        self.is_up = False
        self.epoch += 1
        self._process.send_signal(number)
        await asyncio.gather(*self._tasks)
        if self._process.returncode != expected:
            self.problems.append(f"the server ended with {self._process.returncode}")

    async def _watch(self, process):
        status = await process.wait()
        if self.is_up:
            self.is_up = False
            self.has_died = True
            self.problems.append(f"the server ended by itself, with {status}")

    async def _read_log(self, stream):
        async for line in stream:
            if not line.startswith(b"{"):
                self.problems.append("the server says: " + line.decode(errors="replace").strip())
                continue
            record = json.loads(line)
            if record["event"] == "request":
                self.requests[record["status"]] += 1
            elif record["event"] == "ready":
                self.tier = record["isa"]
            elif record["event"] == "cache":
                self.cache_lines.append(record["message"])
            elif record["event"] == "failure":
                self.failure_lines.append(record["message"])

    async def read_metrics(self):
        """The value by name, and by name and the reason where there is one."""
        _, body = await connection.get(self.port, "/metrics")
        values = {}
        for name, labels, value in METRIC.findall(body.decode()):
            reason = re.search(r'finished_reason="(\w+)"', labels)
            values[f"{name} {reason[1]}" if reason else name] = float(value)
        return values

    async def sample(self):
        folder = pathlib.Path(f"/proc/{self._process.pid}")
        status = dict(re.findall(r"^(\w+):\s+(\d+)", (folder / "status").read_text(), re.MULTILINE))
        descriptors = len(list((folder / "fd").iterdir()))
        metrics = await self.read_metrics()
        return Sample(
            at=time.monotonic(),
            rss_bytes=int(status["VmRSS"]) * 1024,
            kv_bytes=int(metrics["fathom:kv_bytes"]),
            descriptors=descriptors,
            threads=int(status["Threads"]),
            running=int(metrics["vllm:num_requests_running"]),
            waiting=int(metrics["vllm:num_requests_waiting"]),
            promised_bytes=int(metrics["fathom:kv_promised_bytes"]),
            disk_failures=int(metrics["fathom:disk_failures_total"]),
        )
