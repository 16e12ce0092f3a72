"""The composition for one machine: it fits its schema, and what it mounts and names is there."""

import os
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from entrypoints.settings.loading import load_settings
from tests.support.deploy_tools import DEPLOY, good, tool, yaml

COMPOSE = DEPLOY / "compose"


@pytest.fixture(scope="module")
def composition() -> dict[str, Any]:
    found: dict[str, Any] = yaml(COMPOSE / "compose.yaml")
    return found


def test_it_fits_the_schema() -> None:
    good(tool("check-jsonschema", "--builtin-schema=vendor.compose-spec", COMPOSE / "compose.yaml"))


def test_what_is_mounted_is_there(composition: dict[str, Any]) -> None:
    mounts = [
        volume.split(":")[0]
        for service in composition["services"].values()
        for volume in service.get("volumes", ())
    ]
    for each in mounts:
        assert each in composition["volumes"] or (COMPOSE / each).exists(), each


def test_nothing_is_published_beyond_this_machine(composition: dict[str, Any]) -> None:
    for service in composition["services"].values():
        assert all(each.startswith("127.0.0.1:") for each in service.get("ports", ()))


def test_what_others_wait_for_can_say_that_it_is_well(composition: dict[str, Any]) -> None:
    services = composition["services"]
    for service in services.values():
        for name, how in service.get("depends_on", {}).items():
            assert how == {"condition": "service_healthy"}
            assert "healthcheck" in services[name]


def test_the_settings_are_in_force_with_what_the_composition_says(
    composition: dict[str, Any],
) -> None:
    service = composition["services"]["llmservice"]
    environment = {name: str(value) for name, value in service["environment"].items()}
    environment["LLMSERVICE_CONFIG"] = str(COMPOSE / "llmservice.toml")
    settings = load_settings(environment=environment)
    assert settings.limits.store == settings.response_cache.store == "redis"
    assert f"{settings.account.database_env}_FILE" in environment
    # The program ends by itself before it is killed.
    assert settings.grpc.drain_grace_s + 10 <= int(service["stop_grace_period"].removesuffix("s"))


def test_what_is_secret_is_made_once_and_for_its_owner_alone(
    tmp_path: Path, composition: dict[str, Any]
) -> None:
    folder = tmp_path / "compose"
    shutil.copytree(COMPOSE, folder, ignore=shutil.ignore_patterns("secrets"))
    docker = tmp_path / "docker"
    docker.write_text(f'#!/bin/sh\necho "$*" >>{tmp_path}/asked\n')
    docker.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.defpath}"}

    def up() -> dict[str, str]:
        subprocess.run(
            [folder / "up.sh"], check=True, env=environment, timeout=20, capture_output=True
        )
        return {each.name: each.read_text() for each in (folder / "secrets").iterdir()}

    made = up()
    assert {f"./secrets/{name}" for name in made} == {
        each["file"] for each in composition["secrets"].values()
    }
    assert len(made["postgres_password"]) == 48
    assert made["postgres_password"] in made["database_url"]
    assert stat.S_IMODE((folder / "secrets").stat().st_mode) == 0o700
    asked = (tmp_path / "asked").read_text()
    assert asked.index("--wait postgres redis") < asked.index("keys create admin")
    assert up() == made
