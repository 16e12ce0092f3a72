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
    ("text", "target"),
    [
        ("dns:host:1", Target("host", 1)),
        ("dns:///host:1", Target("host", 1)),
        ("dns:///host", Target("host")),
        ("ipv4:127.0.0.1:1", Target("127.0.0.1", 1)),
        ("ipv6:[::1]:1", Target("::1", 1)),
        ("http://host", Target("host", 80, secure=False)),
        ("https://host", Target("host", 443, secure=True)),
        ("https://[::1]:8443/", Target("::1", 8443, secure=True)),
        ("grpc://host", Target("host", secure=False)),
        ("grpcs://host:1", Target("host", 1, secure=True)),
    ],
)
def test_grpcs_own_names_are_understood(text: str, target: Target) -> None:
    assert Target.parse(text) == target


@pytest.mark.parametrize(
    ("text", "path", "shown"),
    [
        ("unix:/run/a.sock", "/run/a.sock", "unix:/run/a.sock"),
        ("unix:///run/a.sock", "/run/a.sock", "unix:/run/a.sock"),
        ("unix:a.sock", "a.sock", "unix:a.sock"),
        ("unix-abstract:a", "\0a", "unix-abstract:a"),
    ],
)
def test_sockets_of_this_machine(text: str, path: str, shown: str) -> None:
    target = Target.parse(text)
    assert (target.path, target.authority) == (path, "localhost")
    assert str(target) == shown
    assert Target.parse(shown) == target


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
        "ftp://host:1",
        "https://",
        "https://user@host",
        "https://host/path",
        "https://host:1?x",
        "dns://8.8.8.8/host",
        "ipv4:1.2.3.4:5,1.2.3.5:5",
        "unix:",
        "unix://socket",
        "unix-abstract:",
        "a b:1",
        "hö:1",
    ],
)
def test_nonsense_is_refused_in_words(text: str) -> None:
    with pytest.raises(ValueError, match="target"):
        Target.parse(text)
