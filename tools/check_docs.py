#!/usr/bin/env python3
"""Checks that every path and every test that README.md, CONTRIBUTING.md and docs/ name exists.

A path is what stands in backticks and has a slash or a known file extension, and what a link
points to. It may be relative to the root, to src/ or to the page; a bare file name may be that of
any file. Outputs under build/, absolute paths, and paths with a placeholder in capitals
(`DIR/config.json`) are left alone. A test is `Suite.Name` in backticks.
"""

import fnmatch
import pathlib
import re
import subprocess
import sys

EXTENSIONS = {
    "c", "cmake", "cpp", "h", "inc", "json", "md", "py", "safetensors", "sh", "toml", "txt", "yml",
}  # fmt: skip
OUTPUT_FOLDERS = {"build", "include"}
# Owners of repositories elsewhere, whose names look like paths.
FOREIGN_OWNERS = {"deepseek-ai", "google", "application"}

CODE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
PATH = re.compile(r"^\.{0,2}/?[A-Za-z_.*][\w.*-]*(/[A-Za-z_.*][\w.*-]*)*/?$")
TEST_NAME = re.compile(r"^[A-Z]\w+\.[A-Z]\w+$")
TEST_BEGIN = re.compile(r"^TEST(?:_[FP])?\((\w+),\s*(\w+)\)", re.MULTILINE)
PLACEHOLDER = re.compile(r"^[A-Z][A-Z_]*$")


def looks_like_path(text):
    if not PATH.match(text):
        return False
    parts = [part for part in text.split("/") if part]
    if any(PLACEHOLDER.match(part.split(".")[0]) for part in parts[:-1]):
        return False
    if len(parts) > 1:
        # `tokens/s` and `a/b` are arithmetic.
        return all(len(part) > 1 for part in parts) and parts[0] not in FOREIGN_OWNERS
    extension = parts[0].rpartition(".")[2] if "." in parts[0][1:] else ""
    return text.endswith("/") or extension in EXTENSIONS


def find_names(text):
    """(line number, name) of every path and every test that a page names."""
    prose = FENCE.sub(lambda match: "\n" * match.group(0).count("\n"), text)
    for number, line in enumerate(prose.split("\n"), 1):
        for code in CODE.findall(line):
            if looks_like_path(code) or TEST_NAME.match(code):
                yield number, code
        for link in LINK.findall(line):
            target = link.split("#")[0]
            if target and "://" not in target and not target.startswith("mailto:"):
                yield number, target


def exists(path, page, files, root):
    parts = [part for part in path.split("/") if part]
    if parts[0] in OUTPUT_FOLDERS:
        return True
    bases = {".", "src", str(page.parent.relative_to(root))}
    for base in bases:
        candidate = pathlib.PurePosixPath(base, path).as_posix()
        folder = (root / candidate).resolve()
        if folder.is_relative_to(root):
            candidate = folder.relative_to(root).as_posix()
        if any(fnmatch.fnmatch(file, candidate) or file.startswith(candidate + "/") for file in files):
            return True
    return len(parts) == 1 and any(fnmatch.fnmatch(pathlib.PurePosixPath(file).name, parts[0])
                                   for file in files)


def find_tests(files, root):
    return {".".join(names) for file in files if file.endswith("_test.cpp")
            for names in TEST_BEGIN.findall((root / file).read_text())}


def main():
    root = pathlib.Path(__file__).resolve().parent.parent
    listing = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                             cwd=root, check=True, capture_output=True, text=True).stdout
    files = [file for file in listing.split("\0") if file]
    pages = [root / file for file in files
             if file in ("README.md", "CONTRIBUTING.md") or fnmatch.fnmatch(file, "docs/*.md")]
    tests = find_tests(files, root)
    named = 0
    problems = 0
    for page in pages:
        for line, name in find_names(page.read_text()):
            named += 1
            if name not in tests and not exists(name, page, files, root):
                problems += 1
                print(f"{page.relative_to(root)}:{line}: {name} does not exist", file=sys.stderr)
    print(f"check_docs: {len(pages)} pages, {named} names, {problems} problems")
    return 1 if problems or not pages else 0


if __name__ == "__main__":
    sys.exit(main())
