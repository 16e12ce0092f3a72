"""Which secrets the process knows."""

from pathlib import Path

from entrypoints.known_secrets import known_secrets
from entrypoints.settings.loading import structure

NOTHING = structure({})


def test_variables_called_like_secrets_hold_them() -> None:
    found = known_secrets(
        NOTHING,
        {
            "OPENAI_API_KEY": "first-key, second-key",
            "GITHUB_TOKEN": "token-1",
            "PGPASSWORD": "not-by-name",
            "DB_PASSWORD": "word-1",
            "HOME": "/home/me",
            "MONKEY": "banana",
        },
    )
    assert {"first-key", "second-key", "token-1", "word-1"} <= set(found)
    assert not {"/home/me", "banana"} & set(found)


def test_a_variable_that_the_settings_name_holds_one_whatever_it_is_called(tmp_path: Path) -> None:
    settings = structure(
        {
            "providers": {
                "mine": {
                    "kind": "compatible",
                    "base_url": "https://h/v1",
                    "api_key_env": "MINE",
                    "headers": {"x-gate": {"env": "GATE"}, "x-fixed": "fixed-value"},
                }
            }
        }
    )
    (tmp_path / "key").write_text("from-a-file\n")
    found = known_secrets(settings, {"MINE_FILE": str(tmp_path / "key"), "GATE": "gate-value"})
    assert {"from-a-file", "gate-value", "fixed-value"} <= set(found)


def test_an_address_holds_its_password_as_written_and_as_meant() -> None:
    settings = structure({"account": {"database": "postgresql://me:p%40ssword@db/x"}})
    found = known_secrets(settings, {"SOMEWHERE": "redis://:cache-word@r:6379"})
    assert {"p%40ssword", "p@ssword", "cache-word"} <= set(found)


def test_a_file_that_is_not_there_is_for_others_to_complain_about() -> None:
    assert known_secrets(NOTHING, {"A_KEY_FILE": "/does/not/exist"}) == ()
