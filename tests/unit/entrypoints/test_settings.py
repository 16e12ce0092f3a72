"""All settings, from a file and from the environment."""

from collections.abc import Mapping
from pathlib import Path

import attrs
import pytest

from adapters.scripted.script import Say
from adapters.wire.overrides import Override
from entrypoints.settings.compatible import CompatibleSettings
from entrypoints.settings.loading import SettingsError, load_settings, structure
from entrypoints.settings.providers import ScriptedSettings
from entrypoints.settings.tree import Settings

HOUSE = """
[providers.house]
kind = "compatible"
base_url = "https://models.house/v1"
"""


def loaded(folder: Path, text: str = "", environment: Mapping[str, str] | None = None) -> Settings:
    """Return the settings of a file that holds `text`."""
    file = folder / "settings.toml"
    file.write_text(text, encoding="utf-8")
    return load_settings(file, environment or {})


def wrong(folder: Path, text: str = "", environment: Mapping[str, str] | None = None) -> list[str]:
    """Return what is wrong, one sentence each, after its path."""
    with pytest.raises(SettingsError) as caught:
        loaded(folder, text, environment)
    return str(caught.value).split("; ")


# ------------------------------------------------------------------ defaults and files


def test_without_any_setting_the_contracts_safe_defaults_hold(tmp_path: Path) -> None:
    settings = loaded(tmp_path)
    assert settings == Settings()
    assert (settings.grpc.host, settings.grpc.port) == ("127.0.0.1", 50051)
    assert settings.grpc.http2_engine == "auto"
    assert settings.local.enabled
    assert settings.providers == {}


def test_a_file_that_is_not_asked_for_need_not_be_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_settings(None, {}) == Settings()


def test_the_file_in_the_current_folder_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("llmservice.toml").write_text("[grpc]\nport = 1\n")
    assert load_settings(None, {}).grpc.port == 1


def test_the_file_that_the_environment_names_goes_before_the_current_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("llmservice.toml").write_text("[grpc]\nport = 1\n")
    Path("other.toml").write_text("[grpc]\nport = 2\n")
    Path("third.toml").write_text("[grpc]\nport = 3\n")
    environment = {"LLMSERVICE_CONFIG": "other.toml"}
    assert load_settings(None, environment).grpc.port == 2
    assert load_settings(Path("third.toml"), environment).grpc.port == 3


@pytest.mark.parametrize("named_by", ["argument", "environment"])
def test_a_file_that_is_asked_for_must_be_there(named_by: str, tmp_path: Path) -> None:
    missing = tmp_path / "missing.toml"
    path = missing if named_by == "argument" else None
    environment = {"LLMSERVICE_CONFIG": str(missing)} if named_by == "environment" else {}
    with pytest.raises(SettingsError, match=r"missing\.toml: cannot be read"):
        load_settings(path, environment)


@pytest.mark.parametrize("content", [b"x =", b"[grpc\n", b"\xff\xfe", b"a = 1\na = 2"])
def test_a_file_that_is_no_toml_says_so(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "bad.toml"
    file.write_bytes(content)
    with pytest.raises(SettingsError, match=r"bad\.toml: is not valid TOML"):
        load_settings(file, {})


# ------------------------------------------------------------------ the environment


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    settings = loaded(
        tmp_path,
        "[grpc]\nport = 1\nmax_streams = 7\n",
        {"LLMSERVICE_GRPC__PORT": "2", "LLMSERVICE_TIMEOUTS__IDLE_S": "1.5"},
    )
    assert (settings.grpc.port, settings.grpc.max_streams) == (2, 7)
    assert settings.timeouts.idle_s == 1.5


@pytest.mark.parametrize(
    ("text", "value"),
    [("true", True), ("TRUE", True), ("1", True), ("false", False), ("False", False), ("0", False)],
)
def test_the_environment_says_yes_and_no(text: str, value: bool, tmp_path: Path) -> None:
    assert loaded(tmp_path, "", {"LLMSERVICE_LOCAL__ENABLED": text}).local.enabled is value


def test_the_environment_can_set_up_a_provider(tmp_path: Path) -> None:
    settings = loaded(
        tmp_path,
        "",
        {
            "LLMSERVICE_PROVIDERS__HOUSE__KIND": "compatible",
            "LLMSERVICE_PROVIDERS__HOUSE__BASE_URL": "http://127.0.0.1:8080/v1",
            "LLMSERVICE_PROVIDERS__HOUSE__MODELS": '["a", "b"]',
        },
    )
    assert settings.providers == {
        "house": CompatibleSettings(
            base_url="http://127.0.0.1:8080/v1", models=(Override("a"), Override("b"))
        )
    }


def test_variables_that_are_not_ours_or_not_of_the_tree_are_left_alone(tmp_path: Path) -> None:
    environment = {
        "PATH": "/bin",
        "OPENAI_API_KEY": "sk-secret",
        "LLMSERVICE_LOG_LEVEL": "DEBUG",
        "LLMSERVICE_TARGET": "host:1",
    }
    assert loaded(tmp_path, "", environment) == Settings()


@pytest.mark.parametrize(
    ("environment", "begins"),
    [
        ({"LLMSERVICE_GRPC__PRT": "1"}, "grpc.prt: is not known: did you mean port?"),
        ({"LLMSERVICE_GRCP__PORT": "1"}, "grcp: is not known"),
        ({"LLMSERVICE_PORT": "1"}, "LLMSERVICE_PORT: is not known"),
        ({"LLMSERVICE_GRPC": "{port = 1}"}, "LLMSERVICE_GRPC: is not known"),
        ({"LLMSERVICE___PORT": "1"}, "LLMSERVICE___PORT: is not known"),
        ({"LLMSERVICE_GRPC__PORT__X": "1"}, "LLMSERVICE_GRPC__PORT__X: port is a value"),
        ({"LLMSERVICE_GRPC__PORT": "many"}, "grpc.port: must be a whole number"),
        ({"LLMSERVICE_PROVIDERS__X__MODELS": "['a'"}, "LLMSERVICE_PROVIDERS__X__MODELS: is not"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_the_environment_gets_wrong_is_named(
    environment: Mapping[str, str], begins: str, tmp_path: Path
) -> None:
    with pytest.raises(SettingsError) as caught:
        loaded(tmp_path, "[grpc]\nport = 1\n", environment)
    assert str(caught.value).startswith(begins)


# ------------------------------------------------------------------ what is wrong


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[grpc]\nprt = 1", "grpc.prt: is not known: did you mean port?"),
        ("[grcp]\nport = 1", "grcp: is not known: did you mean grpc?"),
        (
            "port = 1",
            "port: is not known: there are "
            + ", ".join(each.name for each in attrs.fields(Settings)),
        ),
        ("grpc = 5", "grpc: has the wrong type"),
        ("[grpc]\nport = '5x'", "grpc.port: must be a whole number"),
        ("[grpc]\nport = 1.0", "grpc.port: must be a whole number"),
        ("[grpc]\nport = true", "grpc.port: must be a whole number"),
        ("[grpc]\nport = '1_0'", "grpc.port: must be a whole number"),
        ("[grpc]\nport = 65536", "grpc.port: must be <= 65535: 65536"),
        ("[grpc]\nport = -1", "grpc.port: must be >= 0: -1"),
        (
            "[grpc]\nlisten = ['[::1]:1', '[::1]:1']",
            "grpc.listen: names [::1]:1 twice",
        ),
        ("[grpc]\nunix_mode = '888'", 'grpc.unix_mode: must be three octal digits, e.g. "0600"'),
        ("[grpc]\nhost = 1", "grpc.host: must be a string"),
        ("[grpc]\nmax_message_bytes = 1", "grpc.max_message_bytes: must be >= 1024: 1"),
        ("[local]\nenabled = 'maybe'", "local.enabled: must be true or false"),
        ("[local]\nenabled = 1", "local.enabled: must be true or false"),
        ("[timeouts]\nidle_s = 0", "timeouts.idle_s: must be > 0: 0.0"),
        ("[timeouts]\nidle_s = nan", "timeouts.idle_s: must be > 0: nan"),
        ("[timeouts]\nidle_s = true", "timeouts.idle_s: must be a number"),
        ("[timeouts]\nidle_s = 'long'", "timeouts.idle_s: must be a number"),
        ("[timeouts]\nidle_s = []", "timeouts.idle_s: must be a number"),
        ("[limits]\nmax_queue_s = -1", "limits.max_queue_s: must be >= 0: -1.0"),
        ("[limits]\nparallel_calls = 0", "limits.parallel_calls: must be >= 1: 0"),
        (
            "[limits.models.'openai/*']\ntokens_per_minute = 'x'",
            "limits.models.openai/*.tokens_per_minute: must be a whole number",
        ),
        (
            "[limits.providers.opnai]\nparallel_calls = 1",
            (
                "limits: there is no provider 'opnai', only anthropic, deepseek, gemini, groq, "
                "local, mistral,"
                " openai, openrouter"
            ),
        ),
        ("providers = 5", "providers: has the wrong type"),
        ("[providers]\nx = 5", "providers.x: must be a table"),
        (
            "[providers.x]\n",
            (
                "providers.x.kind: must be one of: compatible, scripted, "
                "openai, anthropic, gemini, openrouter, mistral, deepseek, groq"
            ),
        ),
        (
            "[providers.x]\nkind = 'y'",
            (
                "providers.x.kind: must be one of: compatible, scripted, "
                "openai, anthropic, gemini, openrouter, mistral, deepseek, groq"
            ),
        ),
        ("[providers.x]\nkind = 'compatible'", "providers.x.base_url: is missing"),
        ("[providers.x]\nkind = 'scripted'", "providers.x.models: is missing"),
        (
            f"{HOUSE}api_key = 'sk'",
            "providers.house.api_key: is not known: did you mean api_key_env?",
        ),
        (
            f"{HOUSE}models = 'a'",
            "providers.house.models: must be a list of strings, or a table by name",
        ),
        (
            f"{HOUSE}models = [1]",
            "providers.house.models: must be a list of strings, or a table by name",
        ),
        (
            f"{HOUSE}allow_plain_http = 'yes'",
            "providers.house.allow_plain_http: must be true or false",
        ),
        (
            "[providers.x]\nkind = 'scripted'\nmodels = {a = [{say = 'x'}, {say = 5}]}",
            "providers.x.models.a[1].say: must be a string",
        ),
        (
            "[providers.x]\nkind = 'scripted'\nmodels = {a = 5}",
            "providers.x.models.a: has the wrong type",
        ),
    ],
)
def test_what_is_wrong_is_named_by_its_path(text: str, sentence: str, tmp_path: Path) -> None:
    assert wrong(tmp_path, text) == [sentence]


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("[grpc]\nhttp2_engine = 'h3'", "grpc.http2_engine: must be in"),
        ("[providers.x]\nkind = 'compatible'\nbase_url = 'ftp://x'", "providers.x.base_url: must"),
        ("[providers.x]\nkind = 'compatible'\nbase_url = 'https://'", "providers.x.base_url: must"),
        (f"{HOUSE}max_tokens_field = 'x'", "providers.house.max_tokens_field: must be in"),
        ("[providers.x]\nkind = 'scripted'\nmodels = {}", "providers.x: Length of 'models'"),
        (
            "[providers.x]\nkind = 'scripted'\nmodels = {a = [{shout = 'x'}]}",
            "providers.x.models.a[0]: ",
        ),
    ],
)
def test_a_value_that_is_none_of_those_allowed_is_named(
    text: str, path: str, tmp_path: Path
) -> None:
    (sentence,) = wrong(tmp_path, text)
    assert sentence.startswith(path)


def test_all_that_is_wrong_is_named_at_once(tmp_path: Path) -> None:
    text = "[grpc]\nhost = 5\nport = 'x'\n[local]\nenabled = 'maybe'\n"
    assert wrong(tmp_path, text) == [
        "grpc.host: must be a string",
        "grpc.port: must be a whole number",
        "local.enabled: must be true or false",
    ]


# ------------------------------------------------------------------ providers


def test_each_kind_of_provider_has_its_settings(tmp_path: Path) -> None:
    settings = loaded(
        tmp_path,
        f"{HOUSE}models = ['a']\napi_key_env = 'HOUSE_KEY'\n"
        "[providers.stage]\nkind = 'scripted'\nmodels = {m = [{say = 'hi'}]}\n",
    )
    assert settings.providers == {
        "house": CompatibleSettings(
            base_url="https://models.house/v1", models=(Override("a"),), api_key_env="HOUSE_KEY"
        ),
        "stage": ScriptedSettings(models={"m": (Say("hi"),)}),
    }


@pytest.mark.parametrize(
    ("address", "taken"),
    [
        ("https://models.house/v1", True),
        ("http://127.0.0.1:8080/v1", True),
        ("http://localhost:8080/v1", True),
        ("http://[::1]:8080/v1", True),
        ("http://models.house/v1", False),
        ("http://10.0.0.1/v1", False),
    ],
)
def test_plain_http_is_for_loopback_unless_allowed(
    address: str, taken: bool, tmp_path: Path
) -> None:
    text = f"[providers.x]\nkind = 'compatible'\nbase_url = '{address}'\n"
    assert loaded(tmp_path, f"{text}allow_plain_http = true\n").providers
    if taken:
        assert loaded(tmp_path, text).providers
    else:
        (sentence,) = wrong(tmp_path, text)
        assert sentence.startswith("providers.x.base_url: is plain http")


@pytest.mark.parametrize("name", ["House", "my house", "-x", "a/b", "é", "x" * 65])
def test_a_provider_must_have_a_name_that_calls_can_use(name: str, tmp_path: Path) -> None:
    text = f'[providers."{name}"]\nkind = "compatible"\nbase_url = "https://x/v1"\n'
    (sentence,) = wrong(tmp_path, text)
    assert sentence.startswith("providers: name ")


@pytest.mark.parametrize("name", ["x", "9", "my-house_2", "x" * 64])
def test_a_fit_name_is_taken(name: str, tmp_path: Path) -> None:
    text = f'[providers."{name}"]\nkind = "compatible"\nbase_url = "https://x/v1"\n'
    assert list(loaded(tmp_path, text).providers) == [name]


def test_the_name_local_is_free_only_where_the_embedded_model_is_off(tmp_path: Path) -> None:
    text = '[providers.local]\nkind = "compatible"\nbase_url = "https://x/v1"\n'
    (sentence,) = wrong(tmp_path, text)
    assert sentence.startswith("providers: name local")
    assert loaded(tmp_path, f"{text}[local]\nenabled = false\n").providers


def test_an_address_cannot_hold_a_password(tmp_path: Path) -> None:
    text = '[providers.x]\nkind = "compatible"\nbase_url = "https://me:secret@x/v1"\n'
    (sentence,) = wrong(tmp_path, text)
    assert sentence.startswith("providers.x.base_url: must")


def test_the_given_tree_is_not_changed() -> None:
    tree = {"providers": {"x": {"kind": "compatible", "base_url": "https://x"}}}
    structure(tree)
    assert tree == {"providers": {"x": {"kind": "compatible", "base_url": "https://x"}}}


def test_no_secret_becomes_a_setting(tmp_path: Path) -> None:
    environment = {"OPENAI_API_KEY": "sk-secret", "HOUSE_KEY": "sk-secret"}
    settings = loaded(tmp_path, f"{HOUSE}api_key_env = 'HOUSE_KEY'", environment)
    assert "secret" not in repr(settings)
    assert "HOUSE_KEY" in repr(settings)
