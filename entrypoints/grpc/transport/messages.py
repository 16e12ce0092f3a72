"""Length-prefixed messages, cut anywhere by the peer's frames.

Laws: the cost is linear in what was received. Nothing longer than the limit is ever kept or inflated, and
nothing is inflated before somebody wants it. However the bytes were cut, the same messages come out.
Source: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md (Length-Prefixed-Message)
"""

import struct
import zlib
from collections.abc import Mapping
from typing import TypeAlias

import attrs
from purerpc import RpcFailedError, Status, StatusCode

PREFIX = struct.Struct(">BI")
PREFIX_SIZE = PREFIX.size
_WINDOW_BITS: Mapping[str, int] = {"gzip": 31, "deflate": 15}


# The higher levels of zlib take several times as long and save little more.
_LEVEL = 1
# From here on compressing takes longer than other calls should have to wait.
_SLOW_SIZE = 128 * 1024


def frame_message(payload: bytes) -> bytes:
    """Return `payload` with its prefix, uncompressed."""
    return PREFIX.pack(0, len(payload)) + payload


@attrs.frozen
class MessageWriter:
    """Turns messages into body bytes.

    Attributes:
        max_size: Longest message, before compression, in bytes.
        gzip_from: Shortest message that is compressed, in bytes; None: none is.
    """

    max_size: int = 16 * 1024 * 1024
    gzip_from: int | None = None

    def check(self, payload: bytes) -> None:
        """Refuse what is too long.

        Raises:
            RpcFailedError: It is.
        """
        if len(payload) > self.max_size:
            raise _failed(
                StatusCode.RESOURCE_EXHAUSTED,
                f"the answer has a message of {len(payload)} bytes, longer than {self.max_size}",
            )

    def is_slow(self, payload: bytes) -> bool:
        """Return whether `frame` holds up the event loop."""
        return self.gzip_from is not None and len(payload) >= max(self.gzip_from, _SLOW_SIZE)

    def frame(self, payload: bytes) -> bytes:
        """Return `payload` with its prefix, compressed if that is asked for and makes it shorter."""
        if self.gzip_from is not None and len(payload) >= self.gzip_from:
            packed = zlib.compress(payload, _LEVEL, _WINDOW_BITS["gzip"])
            if len(packed) < len(payload):
                return PREFIX.pack(1, len(packed)) + packed
        return PREFIX.pack(0, len(payload)) + payload


@attrs.frozen
class Compressed:
    """A message whose prefix says that it is compressed."""

    payload: bytes

    def __len__(self) -> int:
        """Return its size on the wire, without the prefix."""
        return len(self.payload)


Packed: TypeAlias = bytes | Compressed
"""A message as it came."""


@attrs.define
class MessageReader:
    """Turns body bytes into messages.

    Attributes:
        max_size: Longest message, before and after decompression, in bytes.
        encoding: How compressed messages are compressed.
        failure: Why nothing can be read any more; what came before it is good.
        rest: What has come of a message that is not complete.
    """

    max_size: int
    encoding: str = "identity"
    failure: Exception | None = None
    rest: bytearray = attrs.field(factory=bytearray)

    def feed(self, data: bytes) -> list[bytes]:
        """Return the messages that `data` completes.

        Raises:
            RpcFailedError: A message is too long, or is compressed in a way
                that was not announced or is broken.
        """
        found = [self.unpacked(each) for each in self.split(data)]
        if self.failure is not None:
            raise self.failure
        return found

    def split(self, data: bytes) -> list[Packed]:
        """Return the messages that `data` completes, still compressed."""
        if self.failure is not None:
            return []
        if not self.rest and len(data) >= PREFIX_SIZE:
            # The usual case: one frame holds one whole message, which is not copied twice.
            flag, size = PREFIX.unpack_from(data)
            if size == len(data) - PREFIX_SIZE and size <= self.max_size and flag == 0:
                return [data[PREFIX_SIZE:]]
        self.rest += data
        found: list[Packed] = []
        start = 0
        with memoryview(self.rest) as view:
            while len(view) - start >= PREFIX_SIZE:
                flag, size = PREFIX.unpack_from(view, start)
                self.failure = self._refusal(flag, size)
                end = start + PREFIX_SIZE + size
                if self.failure is not None or len(view) < end:
                    break
                payload = bytes(view[start + PREFIX_SIZE : end])
                found.append(Compressed(payload) if flag else payload)
                start = end
        if self.failure is not None:
            start = len(self.rest)
        del self.rest[:start]
        return found

    def unpacked(self, message: Packed) -> bytes:
        """Return `message` without its compression.

        Raises:
            RpcFailedError: It is too long, or broken.
        """
        if isinstance(message, bytes):
            return message
        inflater = zlib.decompressobj(_WINDOW_BITS[self.encoding])
        try:
            inflated = inflater.decompress(message.payload, self.max_size + 1)
        except zlib.error:
            raise _failed(StatusCode.INTERNAL, f"a message is not valid {self.encoding}") from None
        if len(inflated) > self.max_size:
            raise _failed(
                StatusCode.RESOURCE_EXHAUSTED,
                f"a message inflates to more than {self.max_size} bytes",
            )
        if not inflater.eof:
            raise _failed(StatusCode.INTERNAL, f"a message is not complete {self.encoding}")
        return inflated

    def _refusal(self, flag: int, size: int) -> RpcFailedError | None:
        if size > self.max_size:
            return _failed(
                StatusCode.RESOURCE_EXHAUSTED,
                f"a message of {size} bytes is longer than {self.max_size}",
            )
        if flag == 0 or (flag == 1 and self.encoding in _WINDOW_BITS):
            return None
        return _failed(
            StatusCode.INTERNAL, "a message is compressed, but no grpc-encoding was announced"
        )


def _failed(code: StatusCode, message: str) -> RpcFailedError:
    return RpcFailedError(Status(code, message))
