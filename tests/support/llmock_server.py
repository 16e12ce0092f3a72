"""A mock of the providers that nobody here wrote, as a process of its own: the right envelopes, and faults.

It lives in an environment of its own, `.llmock`, which ``./justw llmock`` sets up in seconds. Without it the
tests that want it are skipped and say so; where `CI` is set they fail.
"""

import json
import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.request import Request, urlopen

import attrs
import pytest

from tests.support.cli_runs import ROOT
from tests.support.planted import planted

PROGRAM = ROOT / ".llmock" / "bin" / "llmock"
MISSING = "llmock is not there: run `./justw llmock`, which sets it up in seconds"


@attrs.frozen
class Llmock:
    """A running mock.

    Attributes:
        url: Of its root.
    """

    url: str

    def environment(self) -> dict[str, str]:
        """Return the variables that lead the three providers' traffic here."""
        return {
            "OPENAI_BASE_URL": f"{self.url}/v1",
            "OPENAI_API_KEY": planted("sk-openai"),
            "ANTHROPIC_BASE_URL": f"{self.url}/anthropic",
            "ANTHROPIC_API_KEY": planted("sk-anthropic"),
            "GEMINI_BASE_URL": f"{self.url}/gemini",
            "GEMINI_API_KEY": planted("sk-gemini"),
        }

    def script(self, *behaviors: dict[str, Any]) -> None:
        """Forget all that was, and do `behaviors` to the next requests."""
        self._asked("POST", "reset")
        if behaviors:
            self._asked("POST", "scenario", {"behaviors": behaviors})

    def requests(self) -> Sequence[dict[str, Any]]:
        """Return what was asked since the last `script`, oldest first."""
        found: list[dict[str, Any]] = self._asked("GET", "requests")["requests"]
        return found

    def findings(self) -> set[str]:
        """Return what it holds against whoever asked."""
        return {each["code"] for each in self._asked("GET", "verdict")["findings"]}

    def _asked(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = Request(f"{self.url}/_llmock/{path}", data, method=method)
        with urlopen(request, timeout=10) as answer:
            return json.loads(answer.read() or b"null")


@contextmanager
def open_llmock() -> Iterator[Llmock]:
    """Run the mock on a free port while the block runs."""
    if not PROGRAM.exists():
        if os.environ.get("CI"):
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    with subprocess.Popen(
        [PROGRAM, "serve", "--port", "0", "--log-level", "info"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={"PATH": os.defpath, "PYTHONUNBUFFERED": "1"},
    ) as process:
        try:
            assert process.stderr is not None
            found = (re.search(r"running on (http://\S+)", line) for line in process.stderr)
            running = next(filter(None, found))
            yield Llmock(running[1])
        finally:
            # It would wait for the answers that it holds back.
            process.kill()
