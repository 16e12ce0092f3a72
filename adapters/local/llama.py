"""The seam to `xllamacpp` (llama.cpp's server in this process), which carries no types.

Laws: it is imported here only, and when a model is loaded; its listener takes nobody without a fresh random
key; it prints nothing at load, generation and exit, but for a JSON schema that it cannot use.

Source: https://github.com/xorbitsai/xllamacpp and llama.cpp's tools/server/README.md
"""

import hashlib
import importlib
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from adapters.local.config import LocalConfig
from adapters.local.presence import NO_RUNTIME, require
from domain.model.errors import ErrorReason, NotConfigured, ProviderFailure
from domain.model.json_value import JsonObject

# 1 still prints an error line for every prompt that is too long.
_SILENT = -1


class Llama(Protocol):
    """A loaded model. Dropping the last reference closes its listener and ends its threads."""

    @property
    def listening_address(self) -> str:
        """Base address of its own HTTP listener, e.g. ``http://127.0.0.1:40213``."""
        ...

    def handle_chat_completions(
        self, body: JsonObject, callback: Callable[[Any], bool], /
    ) -> object:
        """Answer `body`; blocks, and releases Python's lock meanwhile.

        `callback` gets each chunk as a dict, errors too (``{"error": ...}``); True stops the answer
        within one token or one batch of the prompt. What it raises is swallowed.

        Raises:
            ValueError: `body` makes no sense, for example its JSON schema.
            TypeError: `body` is no JSON: lone surrogates, or nested too deeply.
        """
        ...

    def handle_embeddings(self, body: JsonObject, /) -> Any:
        """Answer `body` with a dict, errors too (``{"error": ...}``), if loaded for embeddings.

        Blocks, releases Python's lock meanwhile, and cannot be stopped.

        Raises:
            TypeError: `body` is no JSON: lone surrogates.
        """
        ...


_Shape = Callable[[Any, LocalConfig, Any], None]
"""Sets the parameters that say what the model is for; its last argument is the library."""
Loader = Callable[[LocalConfig], Llama]
"""Loads a model; blocks. Raises `ChatError` and nothing else."""


def load_llama(config: LocalConfig, *, api_key: str = "", http_threads: int = 1) -> Llama:
    """Load the model of `config`.

    Blocks for 0.4-1.1 s and holds Python's lock for most of it, so that no other thread runs.

    Args:
        config: Which model, and how much room it gets.
        api_key: Opens the HTTP listener; empty: one that nobody knows.
        http_threads: How many requests the listener serves at once.

    Raises:
        NotConfigured: The extra, the file or the CPU's AVX2 is missing.
        ProviderFailure: The file is there but is not the one that was asked for, or no model.
    """
    return _load(config, _chatting, api_key, http_threads)


def load_embedder(config: LocalConfig) -> Llama:
    """Load the model of `config` to embed texts; as `load_llama`.

    It is a second server, of 110-160 MB, because a text must fit into one batch to be embedded, and the
    batches of chats are kept short so that they can be stopped.
    """
    return _load(config, _embedding, "", 1)


def _load(config: LocalConfig, shape: _Shape, api_key: str, http_threads: int) -> Llama:
    path = require(config)
    try:
        xllamacpp: Any = importlib.import_module("xllamacpp")
    except ImportError as error:
        raise NotConfigured(f"{NO_RUNTIME}; it cannot be imported: {error}") from error
    try:
        if config.sha256:
            _check(path, config.sha256)
        params = _params(xllamacpp.CommonParams(), config, path)
        shape(params, config, xllamacpp)
        params.api_keys = [api_key or secrets.token_hex(32)]
        params.n_threads_http = http_threads
        server = xllamacpp.Server(params)
    except (MemoryError, OSError, RuntimeError) as error:
        raise ProviderFailure(
            f"the embedded model {path.name} cannot be loaded: {error}",
            ErrorReason.PROVIDER_SERVER_ERROR,
            retryable=False,
        ) from error
    # Its destructor waits for ever, holding Python's lock, for an inner loop that has not begun (seen on a
    # busy core). One token, 10 ms, proves that the loop runs.
    server.handle_completions({"prompt": [1], "max_tokens": 1}, _stop)
    llama: Llama = server
    return llama


def _stop(_: object) -> bool:
    return True


def _params(params: Any, config: LocalConfig, path: Path) -> Any:
    params.model.path = str(path)
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = config.threads
    # The default keeps up to 8 GiB of old prompts.
    params.cache_ram_mib = 0
    # Saves 70 ms of the time in which nothing else runs; the first answer is no slower.
    params.warmup = False
    params.verbosity = _SILENT
    # The constructor always listens.
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.ui = False
    return params


def _chatting(params: Any, config: LocalConfig, _: Any) -> None:
    params.n_ctx = config.context_tokens
    params.n_parallel = config.slots
    params.n_batch = params.n_ubatch = config.batch_tokens


def _embedding(params: Any, config: LocalConfig, xllamacpp: Any) -> None:
    params.n_ctx = params.n_batch = params.n_ubatch = config.max_embedded_tokens
    params.n_parallel = 1
    params.embedding = True
    params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN


def _check(path: Path, sha256: str) -> None:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256.lower():
        raise ProviderFailure(
            f"the model file {path.name} has sha256 {found}, not {sha256}",
            ErrorReason.PROVIDER_SERVER_ERROR,
            retryable=False,
        )
