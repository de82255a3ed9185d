"""A directory for the cache whose disk can be made full."""

import os
import pathlib
import resource
import struct
import subprocess

HEAD = struct.Struct("<8sII")


class TmpfsDisk:
    """A small file system of its own. Full means: a file takes what is left of it."""

    restores_signals = True

    def __init__(self, folder, size_bytes):
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size_bytes},mode=700", "tmpfs", folder],
                       check=True, capture_output=True)  # fmt: skip
        self.folder = pathlib.Path(folder)
        self.kind = f"a tmpfs of {size_bytes >> 20} MiB, which a file fills up"
        self.is_full = False
        self._balloon = self.folder / "balloon"

    def attach(self, pid):
        """Nothing to do for a process that begins to use it."""

    def fill(self):
        block = bytes(1 << 20)
        with open(self._balloon, "ab", buffering=0) as balloon:
            try:
                while True:
                    balloon.write(block)
            except OSError:
                pass
        if os.statvfs(self.folder).f_bavail > 0:
            raise RuntimeError(f"{self.folder} could not be filled")
        self.is_full = True

    def free(self):
        self.is_full = False
        self._balloon.unlink()

    def close(self):
        subprocess.run(["umount", self.folder], check=True)


class LimitedDisk:
    """Where nothing may be mounted. Full means: the server may not make a file longer (EFBIG)."""

    restores_signals = False  # SIGXFSZ stays ignored, as Python has it

    def __init__(self, folder, reason):
        self.folder = pathlib.Path(folder)
        self.kind = f"a limit of 0 bytes for files (no tmpfs: {reason})"
        self._pid = None
        self.is_full = False

    def attach(self, pid):
        self._pid = pid
        self._limit()

    def fill(self):
        self.is_full = True
        self._limit()

    def free(self):
        self.is_full = False
        self._limit()

    def close(self):
        """Nothing was mounted."""

    def _limit(self):
        most = 0 if self.is_full else resource.RLIM_INFINITY
        resource.prlimit(self._pid, resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))


def make_disk(folder, size_bytes):
    """A real file system if the process may mount one."""
    try:
        return TmpfsDisk(folder, size_bytes)
    except subprocess.CalledProcessError as error:
        return LimitedDisk(folder, error.stderr.decode().splitlines()[0])


def list_positions(folder):
    """Tokens of every position that a process left in files (docs/formats/session.md)."""
    lengths = []
    for path in pathlib.Path(folder).glob("*/*.prefix"):
        with open(path, "rb") as file:
            _, _, sections = HEAD.unpack(file.read(HEAD.size))
            file.seek(24 + 32 * sections + 16 + 16)
            lengths.append(int.from_bytes(file.read(8), "little"))
    return sorted(lengths)
