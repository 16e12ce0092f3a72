"""Secrets are hidden, known or not, and what is no secret stays."""

import re

import pytest

from adapters.telemetry.redaction import PERSONAL, SECRETS, Redaction
from adapters.wire.failures import HIDDEN

BODY = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6"
LOOKS_SECRET = [
    f"sk-{BODY}",
    f"sk-ant-api03-{BODY}",
    f"sk-or-v1-{BODY}",
    f"llmsk_{BODY}",
    f"AIza{BODY}",
    f"gsk_{BODY}",
    f"ghp_{BODY}",
    f"hf_{BODY}",
    f"xoxb-{BODY}",
    "AKIAIOSFODNN7EXAMPLE",
    f"eyJhbGciOiJIUzI1NiJ9.{BODY}.{BODY}",
]


@pytest.mark.parametrize("secret", LOOKS_SECRET)
def test_what_looks_like_a_key_is_hidden_wherever_it_stands(secret: str) -> None:
    told = Redaction().text(f'{{"message":"key {secret}, and ({secret})"}}')
    assert secret not in told
    assert told == f'{{"message":"key {HIDDEN}, and ({HIDDEN})"}}'


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("authorization: Bearer abc123def", f"authorization: Bearer {HIDDEN}"),
        ("Basic dXNlcjpwYXNz=", f"Basic {HIDDEN}"),
        ("postgresql://me:hunter2@db/x", f"postgresql://{HIDDEN}@db/x"),
        ("redis://:hunter2@cache:6379/0", f"redis://{HIDDEN}@cache:6379/0"),
        ("https://h/v1?key=abcdef&x=1", f"https://h/v1?key={HIDDEN}&x=1"),
        ("password=hunter2 host=db", f"password={HIDDEN} host=db"),
        ('{"api_key": "hunter22"}', f'{{"api_key": "{HIDDEN}"}}'),
        (
            '{"m":"{\\"password\\": \\"hunter22\\"}"}',
            f'{{"m":"{{\\"password\\": \\"{HIDDEN}\\"}}"}}',
        ),
        ("x-api-key: hunter22", f"x-api-key: {HIDDEN}"),
        ("client_secret='hunter22'", f"client_secret='{HIDDEN}'"),
    ],
)
def test_what_stands_where_secrets_stand_is_hidden(text: str, shown: str) -> None:
    assert Redaction().text(text) == shown


def test_a_private_key_is_hidden_whole() -> None:
    key = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow+/==\nabc\n-----END RSA PRIVATE KEY-----"
    assert "MIIEow" not in Redaction().text(f"loaded {key}")
    assert "MIIEow" not in Redaction().text(f"loaded {key}".replace("\n", "\\n"))


@pytest.mark.parametrize(
    "text",
    [
        "call",
        "set OPENAI_API_KEY, or OPENAI_API_KEY_FILE to a file that holds it",
        '{"input_tokens":7,"output_tokens":12,"request_id":"0123456789abcdef0123456789abcdef"}',
        "basic English and bearer bonds",
        "anthropic/claude-sonnet-4-5-20250929 failed PROVIDER_OVERLOADED 503 0.21s",
        "https://api.openai.com/v1/chat/completions",
        "spiffe://example.org/service",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert Redaction().text(text) == text


def test_known_secrets_are_hidden_in_every_form_and_the_longest_first() -> None:
    hiding = Redaction(('quoted"secret\\1', "plainsecret", "plainsecret-and-more", "short"))
    assert hiding.known("plainsecret-and-more plainsecret short") == f"{HIDDEN} {HIDDEN} short"
    assert hiding.known('{"a":"quoted\\"secret\\\\1"}') == f'{{"a":"{HIDDEN}"}}'
    assert "plainsecret" not in repr(hiding)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("write to ann.b+c@mail.example.org!", "write to [e-mail]!"),
        ("card 4111 1111 1111 1111.", "card [card]."),
        ("DE89 3704 0044 0532 0130 00", "[account]"),
        ("call +49 (30) 123456-78 now", "call [phone] now"),
        ("in 2026 it was 12345 of 99", "in 2026 it was 12345 of 99"),
    ],
)
def test_what_is_personal_is_hidden_where_that_is_asked(text: str, shown: str) -> None:
    assert Redaction((), PERSONAL).text(text) == shown


@pytest.mark.parametrize("rules", [SECRETS, PERSONAL])
@pytest.mark.parametrize(
    "piece", ["a", "a.", "a@", "1 ", "sk-", "://", "bearer ", "-----BEGIN ", "+1"]
)
def test_hostile_text_takes_no_more_than_its_length(
    rules: list[tuple[re.Pattern[str], str]], piece: str
) -> None:
    # With a pattern that tries everything, this would not end before the tests' time is up.
    assert Redaction((), rules).text(piece * 20_000) is not None
