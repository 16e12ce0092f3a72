"""Settings of those who may call."""

from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.model.caller import Caller, CallerLimits
from entrypoints.known_callers import authenticates, known_callers
from entrypoints.settings.loading import SettingsError, load_settings
from entrypoints.settings.money import nano_usd, usd
from entrypoints.settings.tree import Settings

DIGEST = sha256(b"token").hexdigest()
MUTUAL = '[grpc.tls]\ncertificate = "server.pem"\nclient_ca = "ca.pem"\n'


def loaded(folder: Path, text: str, **environment: str) -> Settings:
    file = folder / "settings.toml"
    file.write_text(text, encoding="utf-8")
    return load_settings(file, environment)


def wrong(folder: Path, text: str, **environment: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        loaded(folder, text, **environment)
    return str(caught.value).split("; ")


def test_everything_that_can_be_said_of_a_caller_arrives(tmp_path: Path) -> None:
    settings = loaded(
        tmp_path,
        f"""
        {MUTUAL}
        [callers.alice]
        token_sha256 = "{DIGEST.upper()}"
        client_subject = "CN=alice,O=Example"
        scopes = ["usage.read_all"]
        allow = ["openai/*", "local/*"]
        requests_per_minute = 60
        tokens_per_minute = 100000
        parallel_calls = 4
        budget_usd_per_day = 0.1
        budget_usd_per_month = "2.000000001"
        expires = 2030-01-31T18:00:00+01:00
        """,
    )
    assert authenticates(settings)
    (known,) = known_callers(settings.callers)
    assert known.caller == Caller(
        "alice",
        frozenset({"usage.read_all"}),
        ("openai/*", "local/*"),
        CallerLimits(
            requests_per_minute=60,
            tokens_per_minute=100000,
            parallel_calls=4,
            budget_nano_usd_per_day=100_000_000,
            budget_nano_usd_per_month=2_000_000_001,
        ),
    )
    assert known.token_digest.hex() == DIGEST
    assert known.client_subject == "CN=alice,O=Example"
    assert known.expires_s == datetime(2030, 1, 31, 17, tzinfo=UTC).timestamp()


def test_a_caller_with_a_digest_alone_may_use_everything_without_limits(tmp_path: Path) -> None:
    settings = loaded(tmp_path, "", LLMSERVICE_CALLERS__ALICE__TOKEN_SHA256=DIGEST)
    (known,) = known_callers(settings.callers)
    assert known.caller == Caller("alice")
    assert known.expires_s is None


def test_without_callers_nobody_is_asked(tmp_path: Path) -> None:
    assert not authenticates(loaded(tmp_path, ""))


def test_a_date_is_its_first_moment_in_utc(tmp_path: Path) -> None:
    text = f'[callers.a]\ntoken_sha256 = "{DIGEST}"\nexpires = 2030-02-01'
    by_file = loaded(tmp_path, text).callers["a"].expires
    by_variable = loaded(
        tmp_path,
        "",
        LLMSERVICE_CALLERS__A__TOKEN_SHA256=DIGEST,
        LLMSERVICE_CALLERS__A__EXPIRES="2030-02-01",
    )
    assert by_file == by_variable.callers["a"].expires == datetime(2030, 2, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('token_sha256 = "abc"', "callers.a.token_sha256: must be the 64 hex digits"),
        ('client_subject = "billing"', "callers.a.client_subject: 'billing' must be what a"),
        ('scopes = ["Usage"]', "callers.a.scopes: 'Usage' is no scope"),
        ('allow = ["openai"]', "callers.a.allow: 'openai' must be provider/model"),
        ('allow = ["/x"]', "callers.a.allow: '/x' must be provider/model"),
        ("requests_per_minute = 0", "callers.a.requests_per_minute: must be >= 1"),
        ("parallel_calls = 1.5", "callers.a.parallel_calls: must be a whole number"),
        ("budget_usd_per_day = -1", "callers.a.budget_usd_per_day: must be from 0"),
        ("budget_usd_per_day = nan", "callers.a.budget_usd_per_day: must be from 0"),
        ('budget_usd_per_day = "1.0000000001"', "callers.a.budget_usd_per_day: has more than 9"),
        ("budget_usd_per_day = true", "callers.a.budget_usd_per_day: must be an amount"),
        ('budget_usd_per_day = "much"', "callers.a.budget_usd_per_day: must be an amount"),
        ("expires = 2030-01-01T00:00:00", "callers.a.expires: has no offset from UTC"),
        ('expires = "soon"', "callers.a.expires: must be a date"),
        ("expires = 5", "callers.a.expires: must be a date"),
        ("expirse = 5", "callers.a.expirse: is not known"),
    ],
)
def test_what_is_wrong_is_named_by_its_path(tmp_path: Path, line: str, said: str) -> None:
    known = "" if line.startswith("client_subject") else 'client_subject = "CN=a"\n'
    (sentence,) = wrong(tmp_path, f"{MUTUAL}[callers.a]\n{known}{line}\n")
    assert sentence.startswith(said)


def test_a_wrong_digest_is_not_repeated_for_it_may_be_the_token(tmp_path: Path) -> None:
    (sentence,) = wrong(tmp_path, '[callers.a]\ntoken_sha256 = "my-token-itself"\n')
    assert "my-token-itself" not in sentence
    assert "sha256sum" in sentence


def test_a_caller_must_be_known_by_something(tmp_path: Path) -> None:
    assert wrong(tmp_path, "[callers.a]\nparallel_calls = 1\n") == [
        "callers.a: needs token_sha256 or client_subject, by which the caller is known"
    ]


def test_a_certificate_that_nobody_is_asked_for_is_no_way_to_be_known(tmp_path: Path) -> None:
    caller = '[callers.a]\nclient_subject = "CN=a"\n'
    (sentence,) = wrong(tmp_path, caller)
    assert sentence.startswith("callers.a.client_subject: names a certificate")
    assert "grpc.tls.client_ca" in sentence
    assert loaded(tmp_path, MUTUAL + caller).callers["a"].client_subject == "CN=a"


@pytest.mark.parametrize("field", ["token_sha256", "client_subject"])
def test_two_callers_cannot_be_the_same(tmp_path: Path, field: str) -> None:
    shown = DIGEST if field == "token_sha256" else "CN=both"
    (sentence,) = wrong(
        tmp_path, f'{MUTUAL}[callers.a]\n{field} = "{shown}"\n[callers.b-1]\n{field} = "{shown}"\n'
    )
    assert sentence.startswith(f"callers.b-1.{field}: is also that of a: every caller needs")
    assert DIGEST not in sentence


@pytest.mark.parametrize("name", ["anonymous", "a b", "", "é", "x" * 65])
def test_a_name_must_be_fit_for_logs_and_records(tmp_path: Path, name: str) -> None:
    (sentence,) = wrong(tmp_path, f'[callers."{name}"]\ntoken_sha256 = "{DIGEST}"\n')
    assert sentence.startswith("callers: name")


def test_a_digest_is_in_no_repr_of_the_settings(tmp_path: Path) -> None:
    assert DIGEST[:8] not in repr(loaded(tmp_path, f'[callers.a]\ntoken_sha256 = "{DIGEST}"\n'))


@given(st.integers(0, 10**18))
def test_money_is_exact_there_and_back(amount: int) -> None:
    assert nano_usd(usd(amount)) == amount


@given(st.integers(0, 10**9 - 1), st.integers(1, 6))
def test_a_number_means_what_was_written(amount: int, decimals: int) -> None:
    written = f"{amount // 10**decimals}.{amount % 10**decimals:0{decimals}d}"
    assert nano_usd(float(written)) == amount * 10 ** (9 - decimals)


def test_a_number_with_more_digits_than_it_keeps_is_refused() -> None:
    with pytest.raises(ValueError, match="write it as text"):
        nano_usd(12345678.123456789)
