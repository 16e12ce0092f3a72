"""What people use instead, each installed into a folder of its own under ``.benchmarks/peers``.

LiteLLM's proxy comes from PyPI, Portkey's gateway from npm. Neither is a dependency of this project: they are
installed when a benchmark is asked to compare, and stay until their folder is removed.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TypeAlias

from tests.benchmarks.contestants import Contestant, asked_over_http
from tests.benchmarks.process import pinned
from tests.benchmarks.table import RESULTS
from tests.benchmarks.upstream import KINDS, MODEL, Upstream
from tests.support.servers import free_port

PEERS = RESULTS / "peers"
PORTKEY = {
    "private": True,
    "dependencies": {"@portkey-ai/gateway": "1.15.2"},
    # With later ones its streams fail.
    "overrides": {"@hono/node-server": "1.13.8"},
}
_KEY = "sk-bench"


def environment_of(name: str, *requirements: str) -> Path:
    """Return the Python of an environment that holds `requirements`, made if it is not there."""
    folder = PEERS / name
    python, done = folder / "bin/python", folder / "installed"
    if not done.exists() or done.read_text() != "\n".join(requirements):
        uv = Path(sys.executable).with_name("uv")
        _run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, folder])
        _run([uv, "pip", "install", "--quiet", "--python", python, *requirements])
        done.write_text("\n".join(requirements))
    return python


@contextmanager
def litellm(upstream: Upstream, core: int, folder: Path) -> Iterator[Contestant]:
    """Have LiteLLM's proxy run, one worker, with a key and nothing else."""
    program = environment_of("litellm", "litellm[proxy]").with_name("litellm")
    config, port = folder / "litellm.json", free_port()
    models = [
        {
            "model_name": kind,
            "litellm_params": {
                "model": f"openai/{MODEL}",
                "api_base": upstream.base_url(kind),
                "api_key": _KEY,
            },
        }
        for kind in KINDS
    ]
    # JSON is YAML, which is what it reads.
    config.write_text(json.dumps({"model_list": models, "general_settings": {"master_key": _KEY}}))
    words = [program, "--config", config, "--host", "127.0.0.1", "--port", port, "--num_workers", 1]
    quiet = {
        "LITELLM_LOG": "ERROR",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_TELEMETRY": "False",
    }
    with pinned(words, core, folder / "litellm.log", environment=quiet) as running:
        running.wait_for_port(port)

        def request(kind: str) -> tuple[str, str, tuple[str, ...]]:
            return "/v1/chat/completions", kind, (f"Authorization: Bearer {_KEY}",)

        yield Contestant("litellm", asked_over_http(port, request), running)


@contextmanager
def portkey(upstream: Upstream, core: int, folder: Path) -> Iterator[Contestant]:
    """Have Portkey's gateway run."""
    home, port = PEERS / "portkey", free_port()
    wanted = json.dumps(PORTKEY, indent=1)
    manifest, done = home / "package.json", home / "installed"
    if not done.exists() or done.read_text() != wanted:
        home.mkdir(parents=True, exist_ok=True)
        manifest.write_text(wanted)
        _run(["npm", "install", "--no-audit", "--no-fund", "--silent"], home)
        done.write_text(wanted)
    gateway = home / "node_modules/@portkey-ai/gateway/build/start-server.js"
    words = ["node", gateway, f"--port={port}", "--headless"]
    trusted = {"TRUSTED_CUSTOM_HOSTS": "127.0.0.1,localhost", "NODE_ENV": "production"}
    with pinned(words, core, folder / "portkey.log", environment=trusted, folder=home) as running:
        running.wait_for_port(port)

        def request(kind: str) -> tuple[str, str, tuple[str, ...]]:
            headers = (
                f"Authorization: Bearer {_KEY}",
                "x-portkey-provider: openai",
                f"x-portkey-custom-host: {upstream.base_url(kind)}",
            )
            return "/v1/chat/completions", MODEL, headers

        yield Contestant("portkey", asked_over_http(port, request), running)


Peer: TypeAlias = Callable[[Upstream, int, Path], AbstractContextManager[Contestant]]
PEERS_BY_NAME: Mapping[str, Peer] = {"litellm": litellm, "portkey": portkey}


def _run(words: Sequence[object], folder: Path | None = None) -> None:
    print("setting up:", *words)
    subprocess.run([str(each) for each in words], cwd=folder, check=True)
