"""A socket in the file system: takes the place of a dead server's, never of a living one's.

Between two servers that start at once the folder's lock decides; nobody can connect before the permissions
are set, because a socket that is bound but does not listen refuses.
"""

import errno
import fcntl
import os
import socket
import stat
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path

import trio

_LOCK_S = 1.0


async def bound_unix_socket(stack: ExitStack, path: str, mode: int) -> socket.socket:
    """Return a socket bound to `path`; `stack` closes it, and removes its file if it is still ours.

    Raises:
        OSError: A living server listens there (EADDRINUSE), what is there is no socket (EEXIST), or the
            folder does not allow it.
    """
    async with _folder_locked(Path(path).parent):
        return _bound(stack, Path(path), mode)


def _bound(stack: ExitStack, path: Path, mode: int) -> socket.socket:
    _clear(path)
    bound = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
    bound.bind(str(path))
    made = path.lstat()
    stack.callback(_remove_own, path, (made.st_dev, made.st_ino))
    path.chmod(mode)
    return bound


@asynccontextmanager
async def _folder_locked(folder: Path) -> AsyncIterator[None]:
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        # Others hold it for an instant; whoever holds it for longer is none of us, and is not waited for.
        with trio.move_on_after(_LOCK_S):
            while not _locked(opened):  # noqa: ASYNC110 - a lock of the file system tells nobody
                await trio.sleep(0.01)
        yield
    finally:
        os.close(opened)


def _locked(opened: int) -> bool:
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _clear(path: Path) -> None:
    try:
        there = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(there.st_mode):
        raise OSError(errno.EEXIST, "something else than a socket is there")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as visitor:
        visitor.setblocking(False)
        try:
            visitor.connect(str(path))
        except ConnectionRefusedError:
            # Nobody listens any more: what is left of a server that was killed.
            path.unlink()
            return
        except FileNotFoundError:
            return
        except BlockingIOError:
            # Somebody lives, and is busy.
            pass
    raise OSError(errno.EADDRINUSE, "a living server listens there")


def _remove_own(path: Path, made: tuple[int, int]) -> None:
    with suppress(OSError):
        there = path.lstat()
        if (there.st_dev, there.st_ino) == made:
            path.unlink()
