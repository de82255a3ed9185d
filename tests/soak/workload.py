"""Requests, good and bad, made up from a seed."""

import dataclasses
import json
import random

WORDS = (
    "amber anvil apple arrow badge basil beach birch blade bloom board brick brook cabin candle"
    " canyon cedar chalk cliff cloud coral crane creek crown daisy delta drift eagle ember fable"
).split()
MAX_BODY_BYTES = 8 << 20  # that the server is told to take
# What breaks parsers: markers of the prompt format as text, quotes, and bytes beyond ASCII.
THORNS = ("<｜User｜>", "</think>", "<｜DSML｜tool_calls>", '"\\u0000"', "naïve 漢字 🙂", "\t\r\n", "\\")

TOOLS = (
    ("get_weather", "The weather of a city", {"city": {"type": "string"}}),
    ("find_order", "An order by its number", {"id": {"type": "integer"}}),
    ("read_note", "The text kept under a name", {"name": {"type": "string"}}),
    (
        "set_lamp",
        "Switch the lamp of a room",
        {"room": {"type": "string"}, "on": {"type": "boolean"}, "level": {"type": "integer"}},
    ),
)


def schema_of(properties):
    return {"type": "object", "properties": properties, "required": list(properties)}


def openai_tools():
    return [
        {
            "type": "function",
            "function": {"name": name, "description": what, "parameters": schema_of(properties)},
        }
        for name, what, properties in TOOLS
    ]


@dataclasses.dataclass(frozen=True)
class Request:
    """A request that is to be answered, the same each time."""

    name: str
    path: str
    body: dict

    @property
    def streams(self):
        return bool(self.body.get("stream"))

    def with_unknown_fields(self):
        odd = {"x_unknown": {"deep": [1, None, "two"]}, "logit_bias_of_mars": -1}
        return dataclasses.replace(self, body={**self.body, **odd})

    def encode(self):
        return json.dumps(self.body).encode()


def make_text(rng, words):
    """Lines of words, facts among them, and a thorn now and then."""
    lines = []
    while words > 0:
        count = min(words, rng.randint(4, 14))
        words -= count
        line = " ".join(rng.choices(WORDS, k=count))
        if rng.random() < 0.2:
            line = f"The code of {line} is {rng.randint(1000, 9999)}."
        if rng.random() < 0.05:
            line += " " + rng.choice(THORNS)
        lines.append(line)
    return "\n".join(lines)


class Pool:
    """The distinct requests of a soak. Texts are shared by several, so that prefixes are, too."""

    def __init__(self, seed, count, most_words, context):
        self._rng = random.Random(f"{seed} pool")
        self._texts = [
            make_text(self._rng, int(most_words * 2**-step)) for step in (0, 1, 1, 2, 2, 3, 4, 5)
        ]
        kinds = (self._recall, self._think, self._call, self._fill_schema, self._complete,
                 self._tell_probabilities, self._use_messages, self._use_responses)  # fmt: skip
        self.requests = [kinds[n % len(kinds)](n) for n in range(count)]
        # Their answers are large enough to be read slowly, and to be left in the middle.
        self.long_requests = [r for r in self.requests if r.name.startswith("probabilities")]
        self.bad_requests = make_bad_requests(context)

    def _question(self):
        text = self._rng.choice(self._texts)
        return f"{text}\nCode of {self._rng.choice(WORDS)} {self._rng.choice(WORDS)}?"

    def _chat(self, name, content, **fields):
        if self._rng.random() < 0.6:
            fields |= {"stream": True, "stream_options": {"include_usage": True}}
        messages = [{"role": "user", "content": content}]
        body = {"messages": messages, "max_tokens": 96, "seed": self._rng.randint(0, 9999)}
        return Request(name, "/v1/chat/completions", {**body, **fields})

    def _recall(self, n):
        return self._chat(f"recall {n}", self._question(), temperature=0, reasoning_effort="none")

    def _think(self, n):
        return self._chat(f"think {n}", self._question(), n=1 + n % 2)

    def _call(self, n):
        fields = {"tools": openai_tools(), "tool_choice": "required", "thinking_budget": 32}
        return self._chat(f"call {n}", f"What is the weather in {n}?", **fields)

    def _fill_schema(self, n):
        properties = {"code": {"type": "integer", "maximum": 9999}, "ok": {"type": "boolean"},
                      "kind": {"enum": ["sun", "rain"]}}  # fmt: skip
        schema = {"name": "facts", "schema": schema_of(properties)}
        return self._chat(f"schema {n}", self._question(), reasoning_effort="none",
                          response_format={"type": "json_schema", "json_schema": schema})  # fmt: skip

    def _complete(self, n):
        body = {"prompt": [self._question(), f"Number {n}"], "max_tokens": 64, "seed": n,
                "stream": n % 3 > 0}  # fmt: skip
        return Request(f"completion {n}", "/v1/completions", body)

    def _tell_probabilities(self, n):
        fields = {"logprobs": True, "top_logprobs": 20, "max_tokens": 200, "ignore_eos": True}
        return self._chat(f"probabilities {n}", self._question(), **fields)

    def _use_messages(self, n):
        tools = [{"name": name, "description": what, "input_schema": schema_of(properties)}
                 for name, what, properties in TOOLS]  # fmt: skip
        messages = [{"role": "user", "content": f"Switch the lamp of room {n} on."}]
        body = {"messages": messages, "tools": tools, "tool_choice": {"type": "any"},
                "max_tokens": 96, "temperature": 0, "stream": n % 3 > 0}  # fmt: skip
        return Request(f"messages {n}", "/v1/messages", body)

    # Reasoning is drawn at random, and this API has no seed.
    def _use_responses(self, n):
        body = {"input": self._question(), "max_output_tokens": 96, "temperature": 0,
                "reasoning": {"effort": "none"}, "stream": n % 3 > 0}  # fmt: skip
        return Request(f"responses {n}", "/v1/responses", body)


@dataclasses.dataclass(frozen=True)
class BadRequest:
    """Bytes that are to be refused with `status`."""

    name: str
    data: bytes
    status: int
    path: str = ""
    streams: bool = False


def _post(path, body, *headers):
    head = "\r\n".join((f"POST {path} HTTP/1.1", "Host: 127.0.0.1", *headers,
                        f"Content-Length: {len(body)}", "", ""))  # fmt: skip
    return head.encode() + body


def make_bad_requests(context):
    """One of every kind. A prompt of more words than `context` is too long."""
    chat = "/v1/chat/completions"

    def ask(**fields):
        body = {"messages": [{"role": "user", "content": "a"}], **fields}
        return _post(chat, json.dumps(body).encode())

    nowhere = {"type": "object", "properties": {"a": {"$ref": "#/nowhere"}}}
    wrong_schema = {"type": "json_schema", "json_schema": {"name": "a", "schema": nowhere}}
    too_long = [{"role": "user", "content": "fern " * (context + 1)}]
    chunked = f"POST {chat} HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"
    endless = f"POST {chat} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {10**11}\r\n\r\n"
    return [
        BadRequest("JSON that ends early", _post(chat, b'{"messages": ['), 400),
        BadRequest("bytes that are not UTF-8", _post(chat, b'{"\xff\xfe": 1}'), 400),
        BadRequest("JSON too deep", _post(chat, b"[" * 5000), 400),
        BadRequest("no messages", _post(chat, b'{"model": "x"}'), 400),
        BadRequest("a field of another type", ask(temperature="hot"), 400),
        BadRequest("a field out of range", ask(top_logprobs=21, logprobs=True), 400),
        BadRequest("a schema that leads nowhere", ask(response_format=wrong_schema), 400),
        BadRequest("a prompt too long", ask(messages=too_long), 400),
        BadRequest("an unknown token", _post("/v1/completions", b'{"prompt": [99999999]}'), 400),
        BadRequest("messages of another type", _post("/v1/messages", b'{"messages": 5}'), 400),
        BadRequest("an unknown path", _post("/v1/nothing", b"{}"), 404),
        BadRequest(
            "another method", f"GET {chat} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode(), 405
        ),
        BadRequest("a huge header", _post(chat, b"{}", "X-Huge: " + "a" * 20000), 413),
        BadRequest("a huge body", _post(chat, b" " * (MAX_BODY_BYTES + 1)), 413),
        BadRequest("a body of 100 GB, announced", endless.encode(), 413),
        BadRequest("a broken chunk", chunked.encode(), 400),
        BadRequest("no HTTP", b"\x16\x03\x01 nonsense\r\n\r\n", 400),
        BadRequest("a head that does not end", b"GET / HTTP/1.1\r\nHost:", 408),
    ]
