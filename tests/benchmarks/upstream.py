"""The provider of the benchmarks: answers as fast as can be, so that it is not what is measured.

It is nginx where that is installed (Debian: nginx-light, and libnginx-mod-http-echo for streams that take
their time), else a server of sockets and bytes. Both answer the same at the same paths.
"""

import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs

from tests.benchmarks.process import pinned
from tests.benchmarks.table import ROOT
from tests.support.servers import free_port

CHUNKS = 64
PACES_S = {"paced": 0.05, "brisk": 0.005}
KINDS = ("whole", "burst", *PACES_S)
"""First part of the paths: ``/whole/v1/chat/completions`` and so on."""
MODEL = "bench-model"
_ECHO = Path("/usr/lib/nginx/modules/ngx_http_echo_module.so")


@attrs.frozen
class Upstream:
    """A running provider.

    Attributes:
        port: On the loopback.
        software: What it is.
    """

    port: int
    software: str

    def base_url(self, kind: str) -> str:
        """Return the address of the provider that answers as `kind` says."""
        return f"http://127.0.0.1:{self.port}/{kind}/v1"


def whole_body() -> bytes:
    """Return an answer of some 600 bytes."""
    said = "The quick brown fox jumps over the lazy dog. " * 6
    return _json(
        {
            "id": "chatcmpl-bench",
            "object": "chat.completion",
            "created": 1_700_000_000,
            "model": MODEL,
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": said},
                    "finish_reason": "stop",
                }
            ],
            "usage": _USAGE,
        }
    )


def stream_events() -> list[bytes]:
    """Return the events of a streamed answer: its beginning, `CHUNKS` pieces of text, its end."""
    begin = _chunk({"role": "assistant", "content": ""}, None)
    pieces = [_chunk({"content": f" word{n:02}"}, None) for n in range(CHUNKS)]
    end = _chunk({}, "stop")
    usage = _event({**_ENVELOPE, "choices": [], "usage": _USAGE})
    return [begin, *pieces, end, usage, b"data: [DONE]\n\n"]


@contextmanager
def running(core: int, folder: Path) -> Iterator[Upstream]:
    """Have the provider run on `core` while the block does; `folder` is for its files."""
    found = nginx_program()
    port = free_port()
    if found is None:
        words: list[object] = [sys.executable, "-m", "tests.benchmarks.upstream_server", port]
        with pinned(words, core, folder / "upstream.log") as server:
            server.wait_for_port(port)
            yield Upstream(port, "sockets and bytes")
        return
    _lay_out(folder, port)
    words = [found, "-p", folder, "-c", folder / "nginx.conf", "-e", folder / "nginx-error.log"]
    with pinned(words, core, folder / "upstream.log", folder=ROOT) as server:
        server.wait_for_port(port)
        yield Upstream(port, "nginx")


def nginx_program() -> str | None:
    """Return nginx, where it is there with its echo module."""
    found = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    return found if _ECHO.exists() else None


def _lay_out(folder: Path, port: int) -> None:
    """Write what nginx needs."""
    files = {"whole": whole_body(), "burst": b"".join(stream_events())}
    for name, body in files.items():
        (folder / name).write_bytes(body)
    kinds = {"whole": "application/json", "burst": "text/event-stream"}
    locations = [
        f"location /{name}/ {{ error_page 405 =200 /{name}-file; return 405; }}\n"
        f"location = /{name}-file {{ alias {folder / name}; default_type {kind}; }}"
        for name, kind in kinds.items()
    ]
    locations += [_paced(name, pace_s) for name, pace_s in PACES_S.items()]
    (folder / "nginx.conf").write_text(_CONFIG % (_ECHO, folder, port, "\n".join(locations)))


def _paced(name: str, pace_s: float) -> str:
    first, *pieces = stream_events()[:-3]
    last = b"".join(stream_events()[-3:])
    steps = [f"echo -n {_quoted(first)};", "echo_flush;"]
    for piece in pieces:
        steps += [f"echo_sleep {pace_s};", f"echo -n {_quoted(piece)};", "echo_flush;"]
    steps.append(f"echo -n {_quoted(last)};")
    return f"location /{name}/ {{ default_type text/event-stream; {' '.join(steps)} }}"


def _quoted(text: bytes) -> str:
    return "'" + text.decode().replace("\\", "\\\\").replace("\n", "\\n") + "'"


def _chunk(delta: object, finish: str | None) -> bytes:
    return _event({**_ENVELOPE, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})


def _event(value: object) -> bytes:
    return b"data: " + _json(value) + b"\n\n"


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


_USAGE = {"prompt_tokens": 9, "completion_tokens": 64, "total_tokens": 73}
_ENVELOPE = {
    "id": "chatcmpl-bench",
    "object": "chat.completion.chunk",
    "created": 1_700_000_000,
    "model": MODEL,
}
_CONFIG = """load_module %s;
daemon off; master_process off; pid nginx.pid; error_log nginx-error.log crit;
events { worker_connections 4096; }
http {
  access_log off; tcp_nodelay on; postpone_output 0;
  keepalive_requests 1000000000; keepalive_timeout 3600s;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi; scgi_temp_path scgi; root %s;
  server { listen 127.0.0.1:%d backlog=4096;
%s
  }
}
"""
