"""What is different between two trees of settings is named, and its value is not."""

from entrypoints.settings.changes import changed_paths
from entrypoints.settings.loading import structure

DEMO = {"kind": "scripted", "models": {"m": [{"say": "secret"}]}}


def test_every_difference_is_named_by_its_path() -> None:
    old = structure({"grpc": {"port": 1}, "providers": {"gone": DEMO, "same": DEMO}})
    new = structure(
        {
            "grpc": {"port": 2, "tls": {"certificate": "c"}},
            "local": {"enabled": False},
            "providers": {"same": DEMO, "here": DEMO},
        }
    )
    assert list(changed_paths(old, new)) == [
        "grpc.port",
        "grpc.tls.certificate",
        "local.enabled",
        "providers.gone",
        "providers.here",
    ]


def test_what_is_the_same_has_no_differences() -> None:
    tree = {"providers": {"demo": DEMO}}
    assert list(changed_paths(structure(tree), structure(tree))) == []
