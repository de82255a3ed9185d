#!/usr/bin/env python3
"""Runs every command that README.md shows in a ```sh block, in order, from the repository's root.

Each block is one bash script that stops at its first failure. A block that needs what the
repository does not hold (a downloaded checkpoint) is marked by the line before it:
    <!-- not run: needs a checkpoint -->
"""

import pathlib
import re
import subprocess
import sys

BLOCK = re.compile(r"^(<!-- not run: [^\n]+ -->\n)?```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TIMEOUT_SECONDS = 2400


def main():
    root = pathlib.Path(__file__).resolve().parent.parent
    blocks = BLOCK.findall((root / "README.md").read_text())
    ran = 0
    for mark, script in blocks:
        if mark:
            continue
        print(script.rstrip().replace("\n", "\n$ ").join(("$ ", "")), flush=True)
        result = subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=root,
                                stdin=subprocess.DEVNULL, timeout=TIMEOUT_SECONDS)
        ran += 1
        if result.returncode != 0:
            print(f"check_readme: exit status {result.returncode}", file=sys.stderr)
            return 1
    print(f"check_readme: {ran} of {len(blocks)} blocks run")
    return 0 if ran > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
