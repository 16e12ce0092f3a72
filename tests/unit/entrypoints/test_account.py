"""Where the account is kept, as the settings say it."""

from pathlib import Path

from entrypoints.account import database_url, journal_path
from entrypoints.settings.account import AccountSettings


def test_no_two_databases_share_a_journal_or_one_beside_it(tmp_path: Path) -> None:
    # The second server on a database takes the name with -2 at its end.
    names = ["usage.db", "usage.sqlite", "usage", "usage-2.db"]
    found: set[Path] = set()
    for name in names:
        settings = AccountSettings(database=f"sqlite:///{tmp_path}/{name}")
        path = journal_path(settings, database_url(settings, {}))
        assert path.parent == tmp_path
        found |= {path, path.with_name(f"{path.stem}-2{path.suffix}")}
    assert len(found) == 2 * len(names)
