"""Standard output, written as text arrives and without stopping the event loop.

Law: what blocks (a pipe nobody reads, a terminal that is paused) is waited for, so that Ctrl-C still works.
"""

import os
import stat
import sys

import anyio
import attrs

from entrypoints.cli.endings import shown

# Linux reports a pipe as writable when this much fits (PIPE_BUF, pipe(7)): such a write never blocks.
_PIECE = 4096


@attrs.define
class Output:
    """Writes text to a file descriptor; on a terminal, only what a terminal does not obey.

    Attributes:
        at_line_start: Whether what was written so far ends a line.
    """

    _descriptor: int
    _encoding: str
    _is_terminal: bool
    _may_block: bool
    at_line_start: bool = True

    @classmethod
    def stdout(cls) -> "Output":
        """Return the standard output; nothing else may write to it meanwhile."""
        sys.stdout.flush()
        descriptor = sys.stdout.fileno()
        mode = os.fstat(descriptor).st_mode
        is_terminal = os.isatty(descriptor)
        return cls(
            descriptor,
            sys.stdout.encoding,
            is_terminal,
            is_terminal or stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode),
        )

    async def write(self, text: str) -> None:
        """Write `text`.

        Raises:
            BrokenPipeError: The reader is gone.
        """
        if self._is_terminal:
            text = shown(text)
        if not text:
            return
        data = text.encode(self._encoding, "replace")
        for start in range(0, len(data), _PIECE):
            await self._write(data[start : start + _PIECE])
        self.at_line_start = text.endswith("\n")

    async def end_line(self) -> None:
        """Start a new line, unless there is one."""
        if not self.at_line_start:
            await self.write("\n")

    def abandon_line(self) -> None:
        """Start a new line where a person would see that there is none; for ends that cannot wait."""
        if self._is_terminal and not self.at_line_start:
            os.write(self._descriptor, b"\n")
            self.at_line_start = True

    async def _write(self, piece: bytes) -> None:
        while piece:
            if self._may_block:
                await anyio.wait_writable(self._descriptor)
            piece = piece[os.write(self._descriptor, piece) :]
