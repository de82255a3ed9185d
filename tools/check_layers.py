#!/usr/bin/env python3
"""Checks that every room under src/ includes only what its level and its CMakeLists.txt allow.

A room may include itself and rooms of lower levels. DEPENDS names every room that its sources
include, and none that no file of the room includes. A test may include any room of its level or
below.
"""

import pathlib
import re
import sys

LEVELS = {
    "base": 0,
    "numerics": 1,
    "text": 1,
    "tensor": 2,
    "data": 2,
    "kernels": 3,
    "checkpoint": 3,
    "kv": 3,
    "ops": 4,
    "model": 5,
    "engine": 6,
    "api": 7,
    "constraint": 7,
    "train": 6,
    "measure": 7,
    "trace": 7,
    "evaluate": 7,
    "server": 8,
    "load": 8,
    "cli": 9,
    "train_cli": 10,
}

# What `cmake --install` copies: they include one another by bare name, and no room.
PUBLIC_HEADERS = {"src/engine/engine.h", "src/engine/observer.h", "src/engine/request.h"}

INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)
ROOM = re.compile(r"fathom_room\(\s*(\w+)(.*?)\)", re.DOTALL)
KEYWORD = re.compile(r"\b(SOURCES|DEPENDS|LINK|TESTS)\b")
TEST_FILE = re.compile(r"(^|_)test(s|ing)?(_|$)")
SUFFIXES = {".h", ".cpp", ".inc"}


def read_depends(cmake_file):
    """The rooms that the DEPENDS of a room's CMakeLists.txt names."""
    match = ROOM.search(cmake_file.read_text())
    if match is None:
        return None
    parts = KEYWORD.split(match.group(2))
    depends = set()
    for keyword, words in zip(parts[1::2], parts[2::2]):
        if keyword == "DEPENDS":
            depends.update(words.split())
    return depends


def check_file(path, room, root, used, used_by_tests):
    """Yields what is wrong with one file's includes; adds the rooms that it includes to the maps."""
    is_test = TEST_FILE.search(path.stem) is not None
    for include in INCLUDE.findall(path.read_text()):
        target = include.split("/")[0]
        where = f"{path.relative_to(root)}: \"{include}\""
        if path.relative_to(root).as_posix() in PUBLIC_HEADERS:
            if f"src/{room}/{include}" not in PUBLIC_HEADERS:
                yield f"{where} is not a public header"
            continue
        if "/" not in include or target not in LEVELS:
            yield f"{where} does not begin with a room"
        elif not (root / "src" / include).is_file():
            yield f"{where} does not exist"
        elif target == room:
            continue
        elif LEVELS[target] > LEVELS[room] or (LEVELS[target] == LEVELS[room] and not is_test):
            yield f"{where} is at level {LEVELS[target]}, {room} at {LEVELS[room]}"
        else:
            (used_by_tests if is_test else used).setdefault(target, path.relative_to(root))


def check_room(directory, root):
    room = directory.name
    if room not in LEVELS:
        yield f"src/{room}: has no level in tools/check_layers.py"
        return
    depends = read_depends(directory / "CMakeLists.txt")
    if depends is None:
        yield f"src/{room}/CMakeLists.txt: no fathom_room({room} ...)"
        return
    used = {}
    used_by_tests = {}
    for path in sorted(directory.rglob("*")):
        if path.suffix in SUFFIXES:
            yield from check_file(path, room, root, used, used_by_tests)
    for target in sorted(used.keys() - depends):
        yield f"src/{room}/CMakeLists.txt: DEPENDS lacks {target}, which {used[target]} includes"
    for target in sorted(depends - used.keys() - used_by_tests.keys()):
        yield f"src/{room}/CMakeLists.txt: DEPENDS names {target}, which nothing here includes"


def main():
    root = pathlib.Path(__file__).resolve().parent.parent
    rooms = sorted(path for path in (root / "src").iterdir() if (path / "CMakeLists.txt").is_file())
    problems = [problem for room in rooms for problem in check_room(room, root)]
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"check_layers: {len(rooms)} rooms, {len(problems)} problems")
    return 1 if problems or not rooms else 0


if __name__ == "__main__":
    sys.exit(main())
