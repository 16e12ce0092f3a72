"""What is hidden in all that is told to those who watch: secrets that are known, and what looks like one.

Laws: hiding works on text as it leaves, so nothing gets by it; every pattern takes time that is linear in
the text; what stands for a secret tells nothing of it, not even its length.
"""

import re
from collections.abc import Iterable, Sequence
from typing import TypeAlias

import attrs
import orjson

from adapters.wire.failures import HIDDEN

LEAST_SECRET = 8
"""What is shorter is a word that may stand anywhere: to hide it would tear lines apart."""

Rule: TypeAlias = tuple[re.Pattern[str], str]
"""What is looked for, and what stands in its place."""

_TOKEN = r"[A-Za-z0-9_-]"
SECRETS: Sequence[Rule] = (
    # A private key in PEM; its lines may have been escaped in JSON.
    (
        re.compile(r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[A-Za-z0-9+/=\s\\:,-]{0,16384}"),
        HIDDEN,
    ),
    # The user of an address, and its password.
    (re.compile(r"(?<=://)[^/\s\"'@]{1,1024}@"), f"{HIDDEN}@"),
    # Not "basic English": what is shown to prove something has a digit somewhere.
    (
        re.compile(
            r"\b(bearer|basic)\s{1,4}(?=[a-z._~+/-]{0,256}[0-9=])[a-z0-9._~+/=-]{6,}", re.IGNORECASE
        ),
        rf"\1 {HIDDEN}",
    ),
    # `password: ...`, `"api_key": "..."`, `?key=...`, `x-api-key=...`
    (
        re.compile(
            r"\b((?:[a-z0-9]{1,16}[_-])?(?:api[_-]?key|password|passwd|passphrase|secret|"
            r"(?:access|auth|refresh|id|client)[_-]?(?:token|secret))\\?[\"']?\s{0,4}[:=]\s{0,4}\\?[\"']?"
            r"|(?<=[?&])(?:key|token|sig|signature)=)"
            r"(?!\[hidden\])[^\s\"'\\,;&)}\]]{4,}",
            re.IGNORECASE,
        ),
        rf"\1{HIDDEN}",
    ),
    # Keys by the marks that their makers give them.
    (re.compile(rf"\b(?:sk|pk|rk|xai|glpat|llmsk)[-_]{_TOKEN}{{12,}}"), HIDDEN),
    (re.compile(rf"\b(?:gsk|hf|gh[opsur]|github_pat|npm|pypi)[_-]{_TOKEN}{{16,}}"), HIDDEN),
    (re.compile(rf"\bAIza{_TOKEN}{{20,}}"), HIDDEN),
    (re.compile(rf"\bxox[abeoprs]-{_TOKEN}{{10,}}"), HIDDEN),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"), HIDDEN),
    (re.compile(rf"\beyJ{_TOKEN}{{8,}}\.{_TOKEN}{{4,}}(?:\.{_TOKEN}{{0,}})?"), HIDDEN),
)
"""Hidden in every line."""
PERSONAL: Sequence[Rule] = (
    (re.compile(r"\b[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}"), "[e-mail]"),
    (re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b"), "[account]"),
    (re.compile(r"\b\d(?:[ -]?\d){12,18}\b"), "[card]"),
    (re.compile(r"(?<![\w.])\+\d(?:[ ()./-]{0,2}\d){7,14}\b"), "[phone]"),
)
"""Hidden in the content of calls, too, unless told otherwise."""


def _written(secrets: Iterable[str]) -> Sequence[str]:
    """Return each secret in the ways it is written in lines; the longest first: one may hold another."""
    told = {each for each in secrets if len(each) >= LEAST_SECRET}
    escaped = {orjson.dumps(each).decode()[1:-1] for each in told}
    return sorted(told | escaped, key=lambda each: (-len(each), each))


@attrs.frozen
class Redaction:
    """Hides what is not for those who read.

    Attributes:
        secrets: Known ones; shorter than `LEAST_SECRET` are left out.
        rules: In the order in which they are looked for.
    """

    secrets: Sequence[str] = attrs.field(default=(), repr=False, converter=_written)
    rules: Sequence[Rule] = SECRETS

    def known(self, text: str) -> str:
        """Return `text` without the known secrets; costs next to nothing."""
        for secret in self.secrets:
            if secret in text:
                text = text.replace(secret, HIDDEN)
        return text

    def text(self, text: str) -> str:
        """Return `text` without the known secrets and without what looks like one."""
        text = self.known(text)
        for pattern, instead in self.rules:
            text = pattern.sub(instead, text)
        return text
