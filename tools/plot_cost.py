#!/usr/bin/env python3
"""Draws docs/images/cost.svg: cache and operations by context, as `fathom cost` counts them.

usage: tools/plot_cost.py [FATHOM] > docs/images/cost.svg
"""

import json
import math
import subprocess
import sys

CONTEXTS = [1024 << i for i in range(11)]
COLOURS = {"v3.2": "#8a8f98", "gqa8": "#c9a227", "pro": "#2f6fb7", "flash": "#0b9a6d"}
LABELS = {"v3.2": "DeepSeek-V3.2", "gqa8": "BF16 GQA-8", "pro": "V4-Pro", "flash": "V4-Flash"}
WIDTH, HEIGHT = 400, 260
LEFT, TOP = 56, 46


def measure(program):
    """Two charts' lines: {model: [value by context]}."""
    cache = {name: [] for name in ("v3.2", "gqa8", "pro", "flash")}
    work = {name: [] for name in ("v3.2", "pro", "flash")}
    for context in CONTEXTS:
        command = [program, "cost", "--json", "--context", str(context)]
        for model in ("flash", "pro", "v3.2"):
            command += ["--model", model]
        models = {m["name"]: m for m in json.loads(subprocess.check_output(command))["models"]}
        for name in work:
            work[name].append(models[name]["decode"]["fp8_equivalent_flops"] / 1e9)
            cache[name].append(models[name]["kv"]["bytes"] / 1e9)
        cache["gqa8"].append(models["flash"]["kv"]["gqa8_bytes"] / 1e9)
    return cache, work


def context_label(context):
    return f"{context >> 10}K" if context < 1 << 20 else f"{context >> 20}M"


def chart(x0, title, lines, low, high):
    """One chart with both axes logarithmic; `low` and `high` are powers of ten."""

    def x(context):
        span = math.log(CONTEXTS[-1] / CONTEXTS[0])
        return x0 + LEFT + (WIDTH - LEFT) * math.log(context / CONTEXTS[0]) / span

    def y(value):
        return TOP + HEIGHT * (high - math.log10(value)) / (high - low)

    out = [f'<text x="{x0 + LEFT}" y="26" class="title">{title}</text>']
    for power in range(low, high + 1):
        value = 10**power
        out.append(f'<path class="grid" d="M{x0 + LEFT} {y(value):.1f}H{x0 + WIDTH}"/>')
        out.append(f'<text x="{x0 + LEFT - 8}" y="{y(value) + 4:.1f}" class="left">{value:g}</text>')
    for context in CONTEXTS[::2]:
        out.append(
            f'<text x="{x(context):.1f}" y="{TOP + HEIGHT + 20}" class="below">'
            f"{context_label(context)}</text>"
        )
    # Names beside the lines' ends, moved apart where the ends meet.
    label_y = -math.inf
    for name, values in sorted(lines.items(), key=lambda line: y(line[1][-1])):
        label_y = max(label_y + 15, y(values[-1]) + 4)
        points = " ".join(f"{x(c):.1f},{y(v):.1f}" for c, v in zip(CONTEXTS, values))
        out.append(f'<polyline points="{points}" stroke="{COLOURS[name]}"/>')
        out.append(
            f'<text x="{x0 + WIDTH + 6}" y="{label_y:.1f}" '
            f'fill="{COLOURS[name]}">{LABELS[name]}</text>'
        )
    return out


def main():
    cache, work = measure(sys.argv[1] if len(sys.argv) > 1 else "build/release/bin/fathom")
    body = chart(0, "KV cache, GB, by context", cache, -3, 3)
    body += chart(520, "Work per token, 10\u2079 FP8 operations, by context", work, 1, 4)
    print('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1040 350" font-size="13"')
    print(' font-family="system-ui, sans-serif" fill="#444">')
    print("<style>.title{font-weight:600}.left{text-anchor:end}.below{text-anchor:middle}")
    print(".grid{stroke:#ddd}polyline{fill:none;stroke-width:2.5}</style>")
    print('<rect width="1040" height="350" fill="#fff"/>')
    print("\n".join(body))
    print("</svg>")


if __name__ == "__main__":
    main()
