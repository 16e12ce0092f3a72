"""The file that says where a server is, for as long as it is there."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from loguru import logger

from entrypoints.cli.endings import OperationFailed


@contextmanager
def told_in(path: Path | None, text: str) -> Iterator[None]:
    """Have `text` in the file at `path` while the block runs; it appears whole or not at all.

    Raises:
        OperationFailed: It cannot be written.
    """
    if path is None:
        yield
        return
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        unfinished.write_text(text, encoding="ascii")
        unfinished.replace(path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise OperationFailed(f"cannot write {path}: {error.strerror}") from error
    try:
        yield
    finally:
        _remove_own(path, text)


def _remove_own(path: Path, text: str) -> None:
    try:
        # Another server may have taken the file over.
        if path.read_text(encoding="ascii") == text:
            path.unlink()
    except (OSError, UnicodeDecodeError):
        logger.bind(path=str(path)).warning("the address file could not be removed")
