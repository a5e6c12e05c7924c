"""A lock on the name of an output: two runs that write one file would mix their frames."""

import logging
import os
from pathlib import Path

from filelock import FileLock, Timeout

log = logging.getLogger(__name__)


class NameLock:
    """The lock on `path`, held by one run at a time.

    It is a hidden empty file beside `path` that the system locks and that goes with the run. One that is killed leaves
    the file behind, but no lock: the next run takes it over.
    """

    def __init__(self, path: Path) -> None:
        self.file = path.parent / f".{path.name}.peanut-lock"
        self._lock = FileLock(self.file, thread_local=False)  # a stage may be closed by another thread

    def acquire(self) -> bool:
        """Whether the lock is ours now. Raises OSError if there can be no such file."""
        while True:
            seen = os.open(self.file, os.O_RDWR | os.O_CREAT, 0o666)
            try:
                self._lock.acquire(timeout=0)
                if os.path.exists(self.file) and os.path.samestat(os.fstat(seen), os.stat(self.file)):
                    return True
                self._lock.release()  # a lock on a file that its owner has removed meanwhile: no lock
            except Timeout:
                return False
            except NotImplementedError:
                log.warning("%s: this file system has no locks; nothing keeps a second run away.", self.file.parent)
                return True
            finally:
                os.close(seen)

    def release(self) -> None:
        """Remove the file while it is still locked, so that nobody else's can be meant."""
        try:
            self.file.unlink(missing_ok=True)
        except OSError as error:  # Windows does not remove what is open; the lock removes it itself there
            log.debug("%s stays: %s", self.file, error)
        self._lock.release()
