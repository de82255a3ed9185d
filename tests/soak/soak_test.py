#!/usr/bin/env python3
"""The judges of a soak find what they are there to find."""

import asyncio
import dataclasses
import json
import types
import unittest

import clients
from answers import Answer, AnswerReader, FailedAnswer, fold_messages
from field import Field
from server import LEAK_BYTES, Sample, find_growth, find_leaks
from session import Death
from workload import Request

ASK = Request("ask", "/v1/chat/completions", {"stream": True})


def event(**delta):
    return b"data: " + json.dumps({"choices": [{"index": 0, "delta": delta}]}).encode() + b"\n\n"


STREAM = event(reasoning_content="Hm") + b": alive\n\n" + event(content="né") + b"data: [DONE]\n\n"
HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


def read(*pieces):
    reader = AnswerReader(ASK.path, streams=True)
    for piece in pieces:
        reader.feed(piece)
    return reader.finish()


class AnswersTest(unittest.TestCase):
    def test_a_stream_may_be_cut_anywhere(self):
        for at in range(len(STREAM)):
            answer = read(STREAM[:at], STREAM[at:])
            self.assertEqual(answer.parts, {"0 reasoning": "Hm", "0 content": "né"})
            self.assertTrue(answer.has_ended)
            self.assertIsNone(read(STREAM[:at]).find_departure(answer))

    def test_a_wrong_byte_is_found(self):
        right, wrong = Answer({"0 content": "abc"}), Answer({"0 content": "abd"})
        self.assertIn("'abd' instead of 'abc'", wrong.find_difference(right))
        self.assertIn("does not begin", wrong.find_departure(right))

    def test_so_is_one_that_is_missing_or_too_many(self):
        right = Answer({"0 content": "abc"})
        for parts in ({}, {"0 content": "ab"}, {"0 content": "abc", "1 content": "a"}):
            self.assertIsNotNone(Answer(parts).find_difference(right))

    def test_another_prompt_is_found(self):
        right = Answer({"0 content": "a"}, {"prompt_tokens": 5})
        self.assertIsNotNone(
            Answer({"0 content": "a"}, {"prompt_tokens": 6}).find_difference(right)
        )

    def test_a_block_that_says_nothing_is_none(self):
        call = {"type": "tool_use", "name": "set_lamp", "input": {}}
        blocks = ({"type": "text", "text": ""}, call)
        answer = Answer()
        for index, block in enumerate(blocks):
            start = {"type": "content_block_start", "index": index, "content_block": block}
            fold_messages(start, answer)
        self.assertEqual(answer.parts, {"0 name": "set_lamp"})

    def test_an_error_in_a_stream_is_a_failure(self):
        with self.assertRaises(FailedAnswer):
            read(b'data: {"error": {"message": "no"}}\n\n')


class LeaksTest(unittest.TestCase):
    SAMPLE = Sample(at=0, rss_bytes=100 << 20, kv_bytes=50 << 20, descriptors=11, threads=5,
                    running=0, waiting=0, promised_bytes=0, disk_failures=0)  # fmt: skip

    def grow(self, **values):
        return dataclasses.replace(self.SAMPLE, **values)

    def test_the_memory_of_sequences_may_fill_up(self):
        size, more = self.SAMPLE.rss_bytes, 100 << 20
        full = self.grow(rss_bytes=size + more, kv_bytes=self.SAMPLE.kv_bytes + more)
        self.assertEqual(find_growth(self.SAMPLE, full), [])
        grown = self.grow(rss_bytes=size + LEAK_BYTES + 1)
        self.assertEqual(len(find_growth(self.SAMPLE, grown)), 1)

    def test_whatever_stays_is_found(self):
        self.assertEqual(find_leaks(self.SAMPLE, self.SAMPLE), [])
        stays = {"descriptors": 12, "threads": 6, "running": 1, "waiting": 1, "promised_bytes": 1}
        for name, value in stays.items():
            self.assertEqual(len(find_leaks(self.SAMPLE, self.grow(**{name: value}))), 1, name)


class DeathTest(unittest.TestCase):
    def test_what_was_written_has_to_be_found(self):
        death = Death(
            at=0, seconds=1, was_full=False, positions=[10, 990, 1030], session_tokens=1000
        )
        death.end(prompt=1020, cached=500)
        self.assertEqual(death.known_tokens, 990)
        death.positions = [10]
        death.end(prompt=1020, cached=500)
        self.assertEqual(death.known_tokens, 980)


class OutcomesTest(unittest.TestCase):
    """A client against a server that says something prescribed and closes the connection."""

    def attempt(self, said, references={"ask": read(STREAM)}, kill=False, stays=False):
        async def run():
            async def answer(reader, writer):
                answering.append(asyncio.current_task())
                await reader.readuntil(b"\r\n\r\n")
                writer.write(said)
                server.epoch += kill
                if stays:
                    await reader.read()
                writer.close()

            answering = []
            listening = await asyncio.start_server(answer, "127.0.0.1", 0)
            port = listening.sockets[0].getsockname()[1]
            server = types.SimpleNamespace(port=port, epoch=1, is_up=True, has_died=False)
            field = Field(server, 0, references)
            client = clients.Client(field, 0, None)
            _, outcome = await client.attempt(ASK)
            client.drop()
            listening.close()
            await asyncio.gather(*answering)
            return outcome, field.problems

        return asyncio.run(run())

    def test_a_right_answer(self):
        said = HEAD + chunk(STREAM) + chunk(b"")
        self.assertEqual(self.attempt(said), (clients.COMPLETE, []))

    def test_a_wrong_answer(self):
        said = HEAD + chunk(STREAM.replace(b"Hm", b"Hn")) + chunk(b"")
        self.assertEqual(len(self.attempt(said)[1]), 1)

    def test_a_cut(self):
        said = HEAD + chunk(STREAM[:60])
        self.assertEqual(self.attempt(said)[0], clients.PROBLEM)
        self.assertEqual(self.attempt(said, kill=True), (clients.CUT, []))

    def test_a_cut_after_a_wrong_byte(self):
        said = HEAD + chunk(STREAM.replace(b"Hm", b"Hn"))
        self.assertEqual(len(self.attempt(said, kill=True)[1]), 1)

    def test_a_stream_without_its_end(self):
        said = HEAD + chunk(STREAM.replace(b"data: [DONE]\n\n", b"")) + chunk(b"")
        self.assertEqual(self.attempt(said)[0], clients.PROBLEM)

    def test_a_status_that_is_not_meant(self):
        for status, outcome in (
            (429, clients.BUSY),
            (500, clients.PROBLEM),
            (503, clients.PROBLEM),
        ):
            said = b"HTTP/1.1 %d X\r\nContent-Length: 2\r\n\r\n{}" % status
            self.assertEqual(self.attempt(said)[0], outcome)

    def test_silence(self):
        clients.HANG_SECONDS, usual = 0.2, clients.HANG_SECONDS
        try:
            self.assertEqual(self.attempt(HEAD, stays=True)[0], clients.PROBLEM)
        finally:
            clients.HANG_SECONDS = usual


if __name__ == "__main__":
    unittest.main()
