"""`llmservice check`: what is in force, and what is missing."""

from pathlib import Path

from tests.support.cli_runs import CONFIG, called, run

KEYED = """
[local]
enabled = false
[providers.x]
kind = "compatible"
base_url = "https://host/v1"
api_key_env = "X_API_KEY"
"""


def _check(tmp_path: Path, config: str, **changes: str) -> tuple[int, str, str]:
    file = tmp_path / "c.toml"
    file.write_text(config)
    done = called("check", f"--config={file}", **changes)
    return done.returncode, done.stdout, done.stderr


def test_a_usable_configuration_is_shown_and_0(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text(CONFIG)
    done = run("check", f"--config={file}", LLMSERVICE_GRPC__PORT="1234")
    assert (done.returncode, done.stderr) == (0, "")
    assert "port = 1234" in done.stdout
    assert "[providers.demo]" in done.stdout
    assert done.stdout.endswith("the configuration is valid\n")


def test_limits_and_prices_are_shown_as_they_are_written(tmp_path: Path) -> None:
    more = (
        '[limits.models."openai/gpt-5*"]\ntokens_per_minute = 5\n'
        '[prices."mine/*"]\ninput_usd = 0.1\n'
    )
    code, out, _ = _check(tmp_path, CONFIG + more)
    assert code == 0
    assert (
        '[limits.models."openai/gpt-5*"]\nrequests_per_minute = null\ntokens_per_minute = 5' in out
    )
    assert '[prices."mine/*"]\ninput_usd = 0.1\n' in out


def test_an_invalid_configuration_is_one_line_and_2(tmp_path: Path) -> None:
    code, out, err = _check(tmp_path, "[grpc]\nport = 70000\n")
    assert (code, out) == (2, "")
    (line,) = err.splitlines()
    assert "grpc" in line
    assert "port" in line


def test_a_key_that_is_missing_is_named(tmp_path: Path) -> None:
    code, out, err = _check(tmp_path, CONFIG + KEYED.partition("false")[2])
    assert code == 0
    assert "missing: x: its key: set X_API_KEY" in out
    code, out, err = _check(tmp_path, KEYED)
    assert code == 1
    assert err == "llmservice: no provider can be called\n"


def test_a_key_is_found_where_it_may_be(tmp_path: Path) -> None:
    assert "missing" not in _check(tmp_path, KEYED, X_API_KEY="s3cret")[1]
    key = tmp_path / "key"
    key.write_text("s3cret\n")
    assert "missing" not in _check(tmp_path, KEYED, X_API_KEY_FILE=str(key))[1]
    key.write_text("\n")
    assert "is empty" in _check(tmp_path, KEYED, X_API_KEY_FILE=str(key))[1]
    assert "cannot be read" in _check(tmp_path, KEYED, X_API_KEY_FILE=str(tmp_path / "none"))[1]


def test_traces_that_cannot_be_sent_are_named(tmp_path: Path) -> None:
    traces = CONFIG + '[traces]\nenabled = true\nheaders_env = "COLLECTOR_HEADERS"\n'
    code, _, err = _check(tmp_path, traces)
    assert code == 1
    assert "set COLLECTOR_HEADERS" in err
    assert _check(tmp_path, traces, COLLECTOR_HEADERS="a=b")[0] == 0


def test_secrets_are_never_printed(tmp_path: Path) -> None:
    code, out, err = _check(tmp_path, KEYED, X_API_KEY="s3cret")
    assert code == 0
    assert "s3cret" not in out + err
    code, out, err = _check(tmp_path, KEYED.replace("//host", "//user:s3cret@host"))
    assert code == 2
    assert "s3cret" not in out + err
    misplaced = KEYED.replace("X_API_KEY", "sk-live-s3cret")
    code, out, err = _check(tmp_path, misplaced)
    assert code == 1
    assert "s3cret" not in out + err
    assert "api_key_env must be the name of a variable" in out


def test_a_public_name_that_is_to_use_a_key_that_is_not_there_is_named(tmp_path: Path) -> None:
    route = '{ target = "x/m", keys = [2] }'
    config = CONFIG + KEYED.partition("false")[2] + f"[models.fast]\nroutes = [{route}]\n"
    code, _, err = _check(tmp_path, config, X_API_KEY="one")
    assert code == 1
    assert "models.fast.routes[0].keys: there is no key 2 of x, it has 1" in err
    code, out, _ = _check(tmp_path, config, X_API_KEY="one,two")
    assert code == 0, "both are there"
    assert out.endswith("the configuration is valid\n")
    code, out, _ = _check(tmp_path, config)
    assert code == 0, "without any the provider is missing, which is said"
    assert "missing: x: its key: set X_API_KEY" in out
