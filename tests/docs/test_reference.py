"""The generated pages say everything: each setting, command, field, failure and metric, and what it means."""

import re
from collections.abc import Mapping
from pathlib import Path

import attrs
import pytest

from docs.generate import command_line, configuration, errors, interface, metrics, models
from docs.generate.__main__ import pages
from docs.generate.markdown import attributes, table
from docs.generate.repository import moved
from domain.model.errors import ErrorReason
from entrypoints.cli.arguments import parser
from entrypoints.grpc.pb import llm_service_pb2 as pb
from entrypoints.natives import NATIVES
from entrypoints.settings.loading import load_settings, structure
from entrypoints.settings.tree import Settings
from tests.support.cli_runs import ROOT

PROTO = ROOT / "proto" / "llmservice" / "v1" / "llm_service.proto"


@pytest.fixture(scope="module")
def told() -> Mapping[str, str]:
    return pages()


def test_every_setting_has_its_row_and_its_meaning() -> None:
    for path, owner in configuration.sections():
        for name, kind, _, default, meaning in configuration.rows_of(owner):
            assert kind, f"{path}.{name}"
            assert default, f"{path}.{name}"
            assert len(meaning) > 5, f"{path}.{name} has no meaning: write it into the docstring"


def test_every_section_of_the_tree_is_there() -> None:
    paths = {path.partition(".")[0] for path, _ in configuration.sections()}
    assert paths | {"providers"} == {field.name for field in attrs.fields(Settings)}
    assert {"grpc.tls", "callers.NAME", "limits.providers.NAME"} <= {
        path for path, _ in configuration.sections()
    }


def test_facts_of_models_and_options_of_providers_have_a_meaning(told: Mapping[str, str]) -> None:
    rows = re.findall(r"^\| `\w+` \|.*$", told["reference/configuration.md"], re.MULTILINE)
    assert len(rows) > 200
    assert [row for row in rows if row.endswith("|  |")] == []


@pytest.mark.parametrize(
    ("section", "name", "shown"),
    [
        ("grpc", "port", ("whole number", "", "`50051`")),
        ("grpc", "handshake_s", ("number", "seconds", "`10`")),
        ("retry", "budget_ratio", ("number", "share, 1 is all", "`0.2`")),
        ("callers.NAME", "budget_usd_per_day", ("number", "US dollars a day", "unset")),
        ("callers.NAME", "allow", ("list of texts", "", "`[]`")),
        ("models.NAME", "routes", ("list", "", "*needed*")),
    ],
)
def test_a_row_says_type_unit_and_default(
    section: str, name: str, shown: tuple[str, str, str]
) -> None:
    owner = dict(configuration.sections())[section]
    (row,) = [each for each in configuration.rows_of(owner) if each[0] == f"`{name}`"]
    assert row[1:4] == shown


def test_bounds_are_said_as_the_validators_have_them(told: Mapping[str, str]) -> None:
    page = told["reference/configuration.md"]
    assert "(at least 0, at most 65535)" in page
    assert '(one of "batched", "strict")' in page


def test_defaults_that_are_shown_are_the_defaults() -> None:
    for path, owner in configuration.sections():
        if not path[0].isupper() and "NAME" not in path and "PROVIDER" not in path:
            node: object = structure({})
            for step in path.split("."):
                node = getattr(node, step)
            assert isinstance(node, owner)
            assert node == owner()


def test_a_list_in_a_variable_is_written_as_the_page_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load_settings(environment={"LLMSERVICE_LOGS__HIDE": '["a", "b"]'})
    assert settings.logs.hide == ("a", "b")


def test_every_command_and_option_is_there(told: Mapping[str, str]) -> None:
    page = told["reference/command-line.md"]
    for command in command_line.commands(parser()):
        assert f"## `{command.prog}`" in page
        for option in command_line.options(command):
            assert option.help, f"{command.prog} {option.dest}"
            assert all(spelled in page for spelled in option.option_strings)
    assert "SUPPRESS" not in page
    assert "--link" not in page


def test_a_variable_of_the_builder_is_no_default(monkeypatch: pytest.MonkeyPatch) -> None:
    before = command_line.page()
    monkeypatch.setenv("LLMSERVICE_TARGET", "elsewhere:1")
    assert command_line.page() == before


def test_every_field_method_and_value_of_the_wire_is_there(told: Mapping[str, str]) -> None:
    page = told["reference/api.md"]
    for message in pb.DESCRIPTOR.message_types_by_name.values():
        part = page.partition(f"\n### {message.name}\n")[2].partition("\n### ")[0]
        for field in message.fields:
            assert f"| `{field.name}` | " in part, f"{message.name}.{field.name}"
            assert f" | {field.number} |" in part
    for enum in pb.DESCRIPTOR.enum_types_by_name.values():
        assert all(f"| `{value.name}` |" in page for value in enum.values)
    for service in pb.DESCRIPTOR.services_by_name.values():
        assert all(f"| `{method.name}` |" in page for method in service.methods)


def test_every_field_of_the_wire_has_a_meaning(told: Mapping[str, str]) -> None:
    rows = re.findall(r"^\| `(\w+)` \|(?:.*)\| (.*) \|$", told["reference/api.md"], re.MULTILINE)
    assert len(rows) > 250
    plain = {"REASONING_EFFORT_MINIMAL", "REASONING_EFFORT_LOW"}
    plain |= {"REASONING_EFFORT_MEDIUM", "REASONING_EFFORT_HIGH"}
    assert {name for name, meaning in rows if not meaning.strip()} == plain


def test_comments_of_the_wire_are_told(told: Mapping[str, str]) -> None:
    page = told["reference/api.md"]
    assert "`labels` | map of string to string | 22 | attribution: at most 16" in page
    assert "| `temperature` | optional float | 4 | Tuning: all optional" in page
    assert "One of `source`" in page
    assert "stream of [LLMStreamResponse](#llmstreamresponse)" in page


def test_a_proto_that_cannot_be_read_is_an_error(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.proto").write_text("nonsense")
    with pytest.raises(ValueError, match="cannot be read"):
        interface.page(tmp_path / "bad.proto")
    assert "bad.proto" in capfd.readouterr().err


def test_every_reason_has_a_meaning_and_a_row() -> None:
    assert errors.WHAT.keys() == set(ErrorReason)
    page = errors.page()
    for reason in ErrorReason:
        assert f"| `{reason.name}` | {reason.value} |" in page
    assert "| `POLICY_RATE_LIMITED` | 22 | `RESOURCE_EXHAUSTED` | yes | elsewhere |" in page


def test_every_metric_has_its_row() -> None:
    page = metrics.page()
    assert len(metrics.specs()) > 30
    for spec in metrics.specs():
        assert f"| `{metrics.shown(spec)}` |" in page
        assert spec.text.endswith(".")
    assert "`llm_cost_usd_total`" in page


def test_every_provider_is_there_with_the_models_that_are_known_of_it(
    told: Mapping[str, str],
) -> None:
    page = told["reference/models.md"]
    for name, native in NATIVES.items():
        assert f"| `{name}` | `{native.home.key_variable}` |" in page
        assert all(f"| `{each.model}` |" in page for each in models.models_of(name, native))


def test_what_breaks_a_table_is_kept_out_of_it(told: Mapping[str, str]) -> None:
    for place, page in told.items():
        columns = 0
        for line in page.splitlines():
            cells = len(re.findall(r"(?<!\\)\|", line)) if line.startswith("|") else 0
            assert not cells or not columns or cells == columns, f"{place}: {line}"
            columns = cells


def test_links_of_pages_from_elsewhere_are_led_to_where_they_are_now() -> None:
    assert moved("[a](docs/adr/0001-x.md#y)") == "[a](adr/0001-x.md#y)"
    assert moved("[a](CONTRIBUTING.md)") == "[a](contributing.md)"
    assert moved("[a](https://example.org/A.md) [b](#c)") == "[a](https://example.org/A.md) [b](#c)"


def test_a_docstring_is_read_as_it_is_written() -> None:
    said = """What it is.

    Attributes:
        one: First, with ``code`` and
            a second line: it has a colon.
        two: Second.

    Raises:
        three: Not this.
    """
    assert attributes(said) == {
        "one": "First, with `code` and a second line: it has a colon.",
        "two": "Second.",
    }
    assert table(("a", "b"), [("1", "")]) == "| a |\n| --- |\n| 1 |\n"
