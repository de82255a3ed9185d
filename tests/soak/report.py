"""The result of a soak: a table for the terminal, a page and a picture for docs/."""

import os
import pathlib
import re

from clients import OUTCOMES
from server import LEAK_BYTES
from session import BLOCK_TOKENS, KEPT_SHARE

WIDTH, LEFT, PANEL, GAP = 900, 64, 120, 46
POINTS = 400  # of a curve, at most
CURVES = (
    ("Memory, MB: the process (blue), sequences (green)", 1e-6, ("rss_bytes", "kv_bytes")),
    ("Requests: under way (blue), waiting (green)", 1, ("running", "waiting")),
    ("Descriptors (blue), threads (green)", 1, ("descriptors", "threads")),
)
COLOURS = ("#2f6fb7", "#0b9a6d")


def make_table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows])


def tabulate_outcomes(counts):
    kinds = sorted({kind for kind, _ in counts})
    seen = [outcome for outcome in OUTCOMES if any(counts[kind, outcome] for kind in kinds)]
    rows = [[kind] + [f"{counts[kind, outcome]:,}" for outcome in seen] for kind in kinds]
    rows.append(["all"] + [f"{sum(counts[kind, o] for kind in kinds):,}" for o in seen])
    return make_table(["client"] + seen, rows)


def tabulate_deaths(soak):
    head = ["kill -9 after", "disk", "back after", "session", "in files", "cached"]
    rows = [
        [f"{death.at - soak.began:.0f} s", "full" if death.was_full else "", f"{death.seconds:.2f} s",
         f"{death.session_tokens:,}", f"{death.written_tokens:,}", f"{death.cached_tokens:,}"]
        for death in soak.deaths
    ]  # fmt: skip
    return make_table(head, rows)


def tabulate_rests(soak):
    head = [
        "nothing under way after",
        "process",
        "of it sequences",
        "the rest",
        "descriptors",
        "threads",
    ]
    rows = [
        [f"{rest.at - soak.began:.0f} s"]
        + [f"{size / 1e6:.1f} MB" for size in (rest.rss_bytes, rest.kv_bytes, rest.other_bytes)]
        + [rest.descriptors, rest.threads]
        for rest in soak.rests
    ]
    return make_table(head, rows)


def describe_machine():
    cpu = pathlib.Path("/proc/cpuinfo").read_text()
    name, family, model = (
        re.search(rf"^{field}\s*: (.*)$", cpu, re.MULTILINE)[1]
        for field in ("model name", "cpu family", "model")
    )
    memory = int(re.search(r"MemTotal:\s+(\d+)", pathlib.Path("/proc/meminfo").read_text())[1])
    return f"{os.cpu_count()} cores of {name} (family {family}, model {model}), {memory / 2**20:.0f} GiB"


def describe(soak):
    """What was done and what came of it, but for the tables."""
    session, form, field = soak.session, soak.form, soak.field
    crowd = ", ".join(f"{count} {kind.kind}" for kind, count in form.clients.items())
    full = ", ".join(
        f"{begin - soak.began:.0f} to {end - soak.began:.0f} s" for begin, end in soak.full_spans
    )
    return [
        f"{sum(form.clients.values())} clients ({crowd}) and the session, for {soak.loud_seconds / 60:.1f}"
        f" minutes; the quiet run before it took {soak.quiet_seconds / 60:.1f}.",
        f"The session made {session.turns} calls and had {session.prompt_tokens:,} tokens at its end."
        f" Of the {session.all_prompt_tokens:,} tokens of all its prompts"
        f" {session.all_prompt_tokens - session.cached_tokens:,} were computed. Without a kill"
        f" {sum(session.lost_tokens):,} tokens were computed that had been before.",
        f"{len(field.references)} different requests, turns of the session included;"
        f" {field.answers:,} answers were compared in full, {field.beginnings:,} as far as they came.",
        f"The disk ({soak.disk.kind}) was full from {full}; the server named {soak.lost_while_full}"
        " files that it could not write.",
    ]


def tell(soak, problems):
    """For the terminal."""
    parts = describe(soak) + [
        tabulate_outcomes(soak.field.counts), tabulate_deaths(soak), tabulate_rests(soak)
    ]  # fmt: skip
    parts += [f"PROBLEM: {problem}" for problem in problems]
    return "\n".join(parts)


PAGE = """# Soak

<!-- Written by "tests/soak/run.sh --record". -->

`tests/soak/run.sh` lets a crowd loose on `fathom serve` with the bundled model, beside one agent that makes
hundreds of tool calls in one session. Clients leave in the middle, read slowly, send what makes no sense;
the process is killed with `kill -9` and started again on the same port and cache; the cache's disk is full
for a while. `tests/soak/run.sh --short` does a minute of the same and is a step of `.ci/run`.

What has to hold:

- Every answer that was delivered in full is the one that a server gave which had nothing else to do; one
  that was cut off is a beginning of it. With log probabilities, where they were asked for.
- Each attempt ends as one of the columns below. Nothing hangs, and no connection ends by itself without a kill.
- Each turn of the session finds what was computed for the one before, but for at most {block:,} tokens: the
  position at the end of a prompt may have to make room, those at every {block:,} tokens do not. After a kill
  the session finds the longest position that was in files, and at least {share:.0%} of the prompt before; on
  a full disk files make room for others, and nothing is promised. ([Prefix cache](design/prefix-cache.md)
  says what is kept and written.)
- With nothing under way the last process has as many descriptors and threads as at its first rest, and
  `/metrics` shows nothing running, waiting or promised. While the crowd goes on and the session does not
  grow any more, between the last two rests, memory beside that of sequences grows by at most {leak} MiB.
  Before, it does: the scratch of the indexer is used as far as the longest sequence goes, and each position
  lists its pages.
- The server ends with status 0, and logs nothing that it should not.

## What was found

On {machine}, tier {tier}:

{described}

{outcomes}

{deaths}

{rests}

![Memory, requests and descriptors over time](images/soak.svg)

Grey: the disk was full. Red: a kill.
"""


def scale_time(soak):
    """The abscissa of a time."""
    end = max(sample.at for sample in soak.samples)
    return lambda at: LEFT + (WIDTH - LEFT) * (at - soak.began) / (end - soak.began)


def thin(samples, name):
    """Of neighbours the largest."""
    size = -(-len(samples) // POINTS)
    groups = (samples[at : at + size] for at in range(0, len(samples), size))
    return [max(group, key=lambda sample: getattr(sample, name)) for group in groups]


def draw_panel(top, title, scale, names, soak):
    """One chart over time."""
    x = scale_time(soak)
    most = max(getattr(s, name) * scale for s in soak.samples for name in names) or 1

    def y(value):
        return top + PANEL * (1 - value / most)

    out = [f'<text x="{LEFT}" y="{top - 10}" class="title">{title}</text>']
    for begin, end in soak.full_spans:
        out.append(
            f'<path fill="#e4e4e4" d="M{x(begin):.1f} {top}H{x(end):.1f}v{PANEL}H{x(begin):.1f}"/>'
        )
    for death in soak.deaths:
        out.append(f'<path d="M{x(death.at):.1f} {top}v{PANEL}" stroke="#c0392b"/>')
    for value in (0, most / 2, most):
        out.append(f'<path class="grid" d="M{LEFT} {y(value):.1f}H{WIDTH}"/>')
        out.append(f'<text x="{LEFT - 8}" y="{y(value) + 4:.1f}" class="left">{value:.0f}</text>')
    for name, colour in zip(names, COLOURS):
        samples = thin(soak.samples, name)
        points = " ".join(f"{x(s.at):.1f},{y(getattr(s, name) * scale):.1f}" for s in samples)
        out.append(f'<polyline points="{points}" stroke="{colour}"/>')
    return out


def draw(soak):
    height = len(CURVES) * (PANEL + GAP) + 30
    body = []
    for number, curve in enumerate(CURVES):
        body += draw_panel(GAP - 10 + number * (PANEL + GAP), *curve, soak)
    minutes = int((soak.samples[-1].at - soak.began) / 60)
    for minute in range(0, minutes + 1, max(1, minutes // 8)):
        at = scale_time(soak)(soak.began + 60 * minute)
        body.append(f'<text x="{at:.1f}" y="{height - 14}" class="below">{minute} min</text>')
    style = (".title{font-weight:600}.left{text-anchor:end}.below{text-anchor:middle}"
             ".grid{stroke:#ddd}polyline{fill:none;stroke-width:1.2}")  # fmt: skip
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH + 20} {height}" font-size="13"',
        f' font-family="system-ui, sans-serif" fill="#444">\n<style>{style}</style>',
        f'<rect width="{WIDTH + 20}" height="{height}" fill="#fff"/>', *body, "</svg>\n",
    ])  # fmt: skip


def record(soak):
    """Writes docs/soak.md and its picture."""
    docs = pathlib.Path(__file__).resolve().parents[2] / "docs"
    (docs / "images/soak.svg").write_text(draw(soak))
    (docs / "soak.md").write_text(PAGE.format(
        block=BLOCK_TOKENS,
        share=KEPT_SHARE, leak=LEAK_BYTES >> 20, machine=describe_machine(), tier=soak.field.server.tier,
        described="\n".join(f"- {line}" for line in describe(soak)),
        outcomes=tabulate_outcomes(soak.field.counts), deaths=tabulate_deaths(soak),
        rests=tabulate_rests(soak),
    ))  # fmt: skip
