"""Dashboard, alerts and metrics by Prometheus' own tools: what is asked for exists, nothing is warned of."""

import importlib.util
import json
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

from tests.support.cli_runs import CONFIG, Running, serving, wait_until
from tests.support.http_side import http_address
from tests.support.system_gateway import ask, stub

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "deploy/prometheus/llmservice.rules.yml"
DASHBOARD = ROOT / "deploy/grafana/llmservice.json"
MADE_BY = ROOT / "deploy/grafana/dashboard.py"
_NAME = re.compile(r"\b(?:llm|gen_ai|process|python)_[a-z_]+")
_SUFFIX = re.compile(r"_(bucket|count|sum|total)$")
_LABELS = re.compile(r"\{[^}]*\}|\bby \([^)]*\)")

_OF_WORKERS = {"llm_worker_up", "llm_worker_starts", "llm_worker_streams_active"}


def tool(name: str) -> str:
    """Return Debian's program; the tests are skipped where it is not installed."""
    found = shutil.which(name)
    if found is None:
        why = f"{name} is not installed: apt-get install prometheus"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    return found


def ran(*words: str, text: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words, input=text, capture_output=True, text=True, check=False, timeout=30, cwd=ROOT
    )


def asked_for(expr: str) -> set[str]:
    """Return the metrics that a query names, without the ends of counters and histograms."""
    return {_SUFFIX.sub("", name) for name in _NAME.findall(_LABELS.sub("", expr))}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with serving(tmp_path_factory.mktemp("deploy"), CONFIG) as running:
        with stub(running.address) as client:
            list(client.stream(ask("demo", "hello")))
        yield running


@pytest.fixture(scope="module")
def address(server: Running) -> str:
    return http_address(server)


@pytest.fixture(scope="module")
def text(address: str) -> str:
    with urlopen(f"http://{address}/metrics", timeout=20) as answer:
        return str(answer.read().decode())


def exist(text: str) -> set[str]:
    """Return all that is there; what only some servers have among it."""
    told = set(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE))
    return {_SUFFIX.sub("", name) for name in told} | {"llm_limiter_away"} | _OF_WORKERS


def test_the_metrics_are_as_they_should_be(text: str) -> None:
    done = ran(tool("promtool"), "check", "metrics", text=text)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_rules_and_the_configuration_are_valid() -> None:
    for kind, file in (("rules", RULES), ("config", RULES.with_name("prometheus.yml"))):
        done = ran(tool("promtool"), "check", kind, str(file))
        assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_about_metrics_that_are_there(text: str) -> None:
    exprs = re.findall(r"expr: (?:\|\n((?: {10,}.*\n)+)|(.*))", RULES.read_text())
    wanted = set().union(*(asked_for("".join(each)) for each in exprs))
    assert len(exprs) == RULES.read_text().count("- alert:")
    assert len(wanted) > 8
    assert wanted <= exist(text)


def test_every_panel_shows_metrics_that_are_there(text: str) -> None:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    for panel in panels:
        for target in panel["targets"]:
            wanted = asked_for(target["expr"])
            assert wanted, panel["title"]
            assert wanted <= exist(text), panel["title"]


def test_the_dashboard_is_what_its_code_makes() -> None:
    spec = importlib.util.spec_from_file_location("dashboard", MADE_BY)
    assert spec is not None
    assert spec.loader is not None
    made: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    assert json.loads(DASHBOARD.read_text()) == made.dashboard(), "run deploy/grafana/dashboard.py"
    places = [each["gridPos"] for each in made.dashboard()["panels"]]
    assert all(each["x"] + each["w"] <= made.WIDTH for each in places)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_real_prometheus_scrapes_without_a_warning(address: str, tmp_path: Path) -> None:
    config = tmp_path / "prometheus.yml"
    config.write_text(
        "global: {scrape_interval: 1s}\n"
        f"rule_files: [{RULES}]\n"
        "scrape_configs:\n"
        "  - job_name: llmservice\n"
        f"    static_configs: [{{targets: ['{address}']}}]\n"
    )
    port, log = free_port(), tmp_path / "log"
    words = [
        tool("prometheus"),
        f"--config.file={config}",
        f"--storage.tsdb.path={tmp_path}/data",
        f"--web.listen-address=127.0.0.1:{port}",
        "--enable-feature=exemplar-storage",
        "--log.format=json",
    ]
    with log.open("wb") as file:
        process = subprocess.Popen(words, stdout=file, stderr=file)
    with process:
        try:
            wait_until(lambda: found(port, "llm_ready") == 1, f"scrape: {log.read_text()}")
            assert found(port, "up") == 1
            assert found(port, 'sum(llm_rpc_requests_total{code="OK"})') == 1
            (target,) = asked(port, "targets")["activeTargets"]
            assert (target["health"], target["lastError"]) == ("up", "")
            rules = [each for group in asked(port, "rules")["groups"] for each in group["rules"]]
            assert [each["name"] for each in rules if each["health"] == "err"] == []
        finally:
            process.terminate()
    levels = {json.loads(line)["level"].lower() for line in log.read_text().splitlines()}
    # It warns of its own end.
    warned = [
        line
        for line in log.read_text().splitlines()
        if '"level":"warn"' in line.lower() and "SIGTERM" not in line
    ]
    assert "error" not in levels
    assert warned == []


def asked(port: int, what: str, **query: str) -> Any:
    with urlopen(f"http://127.0.0.1:{port}/api/v1/{what}?{urlencode(query)}", timeout=5) as answer:
        return json.load(answer)["data"]


def found(port: int, expr: str) -> float | None:
    """Return what a query gives; None: nothing, or nobody is there."""
    try:
        result = asked(port, "query", query=expr)["result"]
    except (URLError, ConnectionError):
        time.sleep(0.1)
        return None
    return float(result[0]["value"][1]) if result else None
