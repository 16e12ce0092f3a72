import pytest

from entrypoints.client.target import Target


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:1234", "127.0.0.1", 1234),
        ("localhost", "localhost", 50051),
        ("[::1]:1234", "::1", 1234),
        ("[::1]", "::1", 50051),
        ("::1", "::1", 50051),
        (" host.example:65535 ", "host.example", 65535),
    ],
)
def test_forms(text: str, host: str, port: int) -> None:
    target = Target.parse(text)
    assert target == Target(host, port)
    assert Target.parse(str(target)) == target


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":1",
        "host:",
        "host:x",
        "host:0",
        "host:65536",
        "[::1",
        "[::1]1",
        "http://host:1",
        "a b:1",
        "hö:1",
    ],
)
def test_nonsense_is_refused_in_words(text: str) -> None:
    with pytest.raises(ValueError, match="target"):
        Target.parse(text)
