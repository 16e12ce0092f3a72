"""Settings of the log."""

import pytest

from entrypoints.settings.loading import SettingsError, load_settings, structure


@pytest.mark.parametrize(
    ("logs", "said"),
    [
        ({"level": "LOUD"}, "logs.level"),
        ({"format": "xml"}, "logs.format"),
        ({"calls": "some"}, "logs.calls"),
        ({"library_levels": {"httpx": "LOUD"}}, "logs.library_levels.httpx"),
        ({"library_levels": {"no name": "INFO"}}, "no name of a library"),
        ({"hide": ["("]}, r"logs.hide\[0\]: is not a regular expression"),
        ({"hide": ["ok", "x*"]}, r"logs.hide\[1\]: fits nothing at all"),
        ({"content_chars": 0}, "logs.content_chars"),
        ({"max_queue_bytes": 1}, "logs.max_queue_bytes"),
    ],
)
def test_what_makes_no_sense_is_named(logs: dict[str, object], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        structure({"logs": logs})


def test_content_is_not_logged_unless_asked() -> None:
    assert structure({}).logs.content is False


def test_the_environment_sets_them() -> None:
    given = {"LLMSERVICE_LOGS__FORMAT": "text", "LLMSERVICE_LOGS__HIDE": '["internal-\\\\d+"]'}
    logs = load_settings(None, given).logs
    assert (logs.format, logs.hide) == ("text", ("internal-\\d+",))
