"""Downloads over HTTP that survive cuts: what has come is continued, and the end is checked."""

import shutil
import time
from http.client import HTTPException, HTTPResponse
from io import FileIO
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from peanut.errors import UsageError

TIMEOUT = 30.0  # seconds without a byte
TRIES = 5  # per address
PAUSE = 0.2  # seconds before the second try; each later one waits twice as long
LARGEST = 8 * 2**30  # bytes; more than any published file has


class Failed(Exception):
    """This source does not give the file; another may."""


class _Cut(Exception):
    """The connection ended before the file did: worth another try."""


def download(address: str, part: Path, *, size: int | None = None) -> None:
    """Fetch `address` into `part`, with a progress bar, going on from what `part` holds already.

    size: bytes of the whole file, where known. Raises Failed if the address does not give a file of that size, and
    UsageError if the file cannot be written; then nothing is left.
    """
    for attempt in range(TRIES):
        have = part.stat().st_size if part.exists() else 0
        if size is not None and have == size:
            return
        try:
            _go_on(address, part, have, size)
            return
        except _Cut as error:
            if attempt == TRIES - 1:
                raise Failed(f"{error}, {TRIES} times") from error
            time.sleep(PAUSE * 2**attempt)


def _go_on(address: str, part: Path, have: int, size: int | None) -> None:
    headers = {"User-Agent": "peanut-video", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    try:
        with urlopen(Request(address, headers=headers), timeout=TIMEOUT) as answer:
            start = have if _continues(answer, have) else 0
            total = _total(answer, start, size)
            _receive(answer, part, start, total or size)
    except HTTPError as error:
        if error.code == 416:  # `part` is longer than the file: it is of another version
            part.unlink()
            raise _Cut("what was here did not fit") from error
        if error.code >= 500 or error.code == 429:
            raise _Cut(f"the server answers {error.code} {error.reason}") from error
        raise Failed(_refusal(error)) from error
    except URLError as error:
        raise Failed(f"it cannot be reached ({error.reason})") from error
    except TimeoutError as error:
        raise _Cut(f"nothing came for {TIMEOUT:g} s") from error
    except (HTTPException, OSError) as error:
        raise _Cut(f"the connection broke ({error})") from error
    except UsageError:
        raise
    except ValueError as error:
        raise Failed(f"it is no address ({error})") from error
    length = part.stat().st_size
    if total is not None and length < total:
        raise _Cut(f"the connection ended after {length} of {total} bytes")
    if size is not None and length != size:
        part.unlink()
        raise Failed(f"it has {length} bytes, not {size}")


def _refusal(error: HTTPError) -> str:
    if 300 <= error.code < 400:
        return "it redirects in a circle"
    return f"the server answers {error.code} {error.reason}"


def _continues(answer: HTTPResponse, have: int) -> bool:
    """Whether the server goes on where we asked; otherwise it begins anew (no range requests)."""
    return answer.status == 206 and answer.headers.get("Content-Range", "").startswith(f"bytes {have}-")


def _total(answer: HTTPResponse, start: int, size: int | None) -> int | None:
    """Bytes of the whole file, as the server says. Raises Failed if that is not `size`, or beyond all bounds."""
    if answer.headers.get("Content-Length") is None:
        return None
    total = start + int(answer.headers["Content-Length"])
    if size is not None and total != size:
        raise Failed(f"it has {total} bytes, not {size}")
    if total > LARGEST:
        raise Failed(f"it has {total} bytes, which is more than any published file")
    return total


def _receive(answer: HTTPResponse, part: Path, start: int, total: int | None) -> None:
    from tqdm import tqdm

    room = shutil.disk_usage(part.parent).free
    if total is not None and total - start > room:
        raise UsageError(f"no room for {part}: {total - start} bytes are to come, {room} are free.")
    bar = tqdm(total=total, initial=start, unit="B", unit_scale=True, desc=part.stem, disable=None)
    with _opened(part, start) as out, bar:
        while block := answer.read1(2**16):
            if out.tell() + len(block) > (total or LARGEST):
                raise Failed(f"it is longer than the {total or LARGEST} bytes it should have")
            _write(out, block, part)
            bar.update(len(block))


def _opened(part: Path, start: int) -> FileIO:
    try:
        return part.open("ab" if start else "wb", buffering=0)  # unbuffered: closing it on a full disk must not fail
    except OSError as error:
        raise UsageError(f"{part} cannot be written ({error.strerror}).") from error


def _write(out: FileIO, block: bytes, part: Path) -> None:
    rest = memoryview(block)
    try:
        while rest:
            rest = rest[out.write(rest) :]
    except OSError as error:
        part.unlink()
        raise UsageError(f"{part} cannot be written ({error.strerror}); what had come was removed.") from error
