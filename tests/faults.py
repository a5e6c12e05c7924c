"""Broken files and full disks, as they come in life."""

import io


class FullDisk(io.RawIOBase):
    """A file object whose `n`-th write fails, and every one after it, as on a full disk."""

    name = "full.mp4"

    def __init__(self, n, seekable=True):
        self.file, self.left, self._seekable = io.BytesIO(), n, seekable

    def write(self, data):
        if self.left == 0:
            raise OSError(28, "No space left on device")
        self.left -= 1
        return self.file.write(data)

    def writable(self):
        return True

    def seekable(self):
        return self._seekable

    def seek(self, *where):
        return self.file.seek(*where)

    def tell(self):
        return self.file.tell()


class Pipe(io.RawIOBase):
    """What comes out of a pipe: bytes in order, no seeking."""

    name = "pipe"

    def __init__(self, data):
        self.file = io.BytesIO(data)

    def readable(self):
        return True

    def readinto(self, buffer):
        return self.file.readinto(buffer)

    def seekable(self):
        return False


def damaged(data, at, length=200):
    """The bytes with `length` of them turned over from `at` on."""
    return data[:at] + bytes(255 - byte for byte in data[at : at + length]) + data[at + length :]
