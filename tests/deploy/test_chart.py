"""The chart: what it renders is what Kubernetes takes, and holds the service's own laws."""

import json
import tomllib
from typing import Any

import pytest

from entrypoints.cli.arguments import parser
from entrypoints.settings.loading import structure
from tests.support.deploy_tools import DEPLOY, rendered, tool, yaml

ALL: dict[str, Any] = {
    "image": {"digest": f"sha256:{'0' * 64}", "pullSecrets": ["registry"]},
    "workers": 4,
    "secrets": {"providers": "keys", "state": "places"},
    "env": {"LLMSERVICE_LOG_LEVEL": "DEBUG"},
    "tls": {"secretName": "cert", "clientCa": "ca", "requireClientCertificate": True},
    "autoscaling": {"enabled": True},
    "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
    "networkPolicy": {"clients": [{"namespaceSelector": {}}]},
    "podLabels": {"team": "red"},
    "nodeSelector": {"kubernetes.io/arch": "amd64"},
    "priorityClassName": "high",
}


def one(objects: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    (found,) = (each for each in objects if each["kind"] == kind)
    return found


@pytest.fixture(scope="module")
def plain() -> list[dict[str, Any]]:
    return rendered({})


@pytest.fixture(scope="module")
def whole() -> list[dict[str, Any]]:
    return rendered(ALL)


def container(objects: list[dict[str, Any]]) -> dict[str, Any]:
    (found,) = one(objects, "Deployment")["spec"]["template"]["spec"]["containers"]
    return dict(found)


def test_everything_switched_on_is_what_kubernetes_takes(whole: list[dict[str, Any]]) -> None:
    kinds = {each["kind"] for each in whole}
    assert kinds >= {
        "ConfigMap",
        "Deployment",
        "HorizontalPodAutoscaler",
        "NetworkPolicy",
        "PodDisruptionBudget",
        "Service",
        "ServiceAccount",
        "ServiceMonitor",
    }
    assert container(whole)["image"].endswith(f"@sha256:{'0' * 64}")
    assert "replicas" not in one(whole, "Deployment")["spec"]


def test_everything_can_be_switched_off() -> None:
    off = {"enabled": False}
    objects = rendered(
        {
            "podDisruptionBudget": off,
            "networkPolicy": off,
            "serviceAccount": {"create": False},
            "service": {"headless": False},
            "topologySpread": False,
        }
    )
    assert {each["kind"] for each in objects} == {"ConfigMap", "Deployment", "Service"}


def test_the_settings_are_ones_that_the_service_takes(plain: list[dict[str, Any]]) -> None:
    text = one(plain, "ConfigMap")["data"]["llmservice.toml"]
    settings = structure(tomllib.loads(text))
    values = yaml(DEPLOY / "chart" / "values.yaml")
    assert settings.grpc.drain_grace_s == values["drain"]["graceSeconds"]


def test_a_pod_drains_before_it_is_killed(plain: list[dict[str, Any]]) -> None:
    drain = yaml(DEPLOY / "chart" / "values.yaml")["drain"]
    pod = one(plain, "Deployment")["spec"]["template"]["spec"]
    assert pod["terminationGracePeriodSeconds"] == sum(drain.values())
    assert container(plain)["lifecycle"]["preStop"]["exec"]["command"] == ["sleep", "5"]


def test_the_program_may_write_nothing_but_its_state(plain: list[dict[str, Any]]) -> None:
    context = container(plain)["securityContext"]
    assert context["readOnlyRootFilesystem"] is True
    assert context["capabilities"] == {"drop": ["ALL"]}
    assert not context["allowPrivilegeEscalation"]
    pod = one(plain, "Deployment")["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    written = [
        each["mountPath"] for each in container(plain)["volumeMounts"] if not each.get("readOnly")
    ]
    assert written == ["/var/lib/llmservice", "/tmp"]


def test_readiness_is_asked_through_grpc_unless_that_is_encrypted(
    plain: list[dict[str, Any]], whole: list[dict[str, Any]]
) -> None:
    assert container(plain)["readinessProbe"]["grpc"] == {"port": 50051}
    assert container(whole)["readinessProbe"]["httpGet"]["path"] == "/readyz"


def test_secrets_come_by_reference_alone(whole: list[dict[str, Any]]) -> None:
    assert not any(each["kind"] == "Secret" for each in whole)
    assert [each["secretRef"]["name"] for each in container(whole)["envFrom"]] == ["keys", "places"]


def test_a_pod_runs_as_many_workers_as_the_values_say(
    plain: list[dict[str, Any]], whole: list[dict[str, Any]]
) -> None:
    for objects, workers in ((plain, 1), (whole, 4)):
        assert parser().parse_args(container(objects)["args"]).workers == workers


def test_changed_settings_make_new_pods() -> None:
    def checksum(config: str) -> str:
        template = one(rendered({"config": config}), "Deployment")["spec"]["template"]
        return str(template["metadata"]["annotations"]["checksum/config"])

    assert checksum("[grpc]\nport = 1") != checksum("[grpc]\nport = 2")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"replicas": -1}, "/replicas"),
        ({"workers": 0}, "/workers"),
        ({"replica": 1}, "replica"),
        ({"image": {"repository": ""}}, "/image/repository"),
        ({"image": {"digest": "latest"}}, "/image/digest"),
    ],
)
def test_values_that_make_no_sense_are_refused_by_name(values: dict[str, Any], said: str) -> None:
    done = tool("python", "tests/support/deploy_chart.py", "deploy/chart", text=json.dumps(values))
    assert done.returncode == 1
    assert said in done.stderr
