"""The chart rendered by both Helm majors."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from mattermost_migrate.testing.tools import Toolbox

CHART = Path(__file__).parents[3] / "deploy" / "chart"
Render = Callable[..., list[dict[str, Any]]]


@pytest.fixture(params=["helm3", "helm4"])
def render(request: pytest.FixtureRequest, tools: Toolbox) -> Render:
    def rendered(*settings: str) -> list[dict[str, Any]]:
        words = [word for setting in settings for word in ("--set", setting)]
        command = [str(tools[request.param]), "template", "mm", str(CHART), "--namespace", "home"]
        out = subprocess.run(  # noqa: S603 - the Helm that we built
            [*command, "--kube-version", "1.36.0", *words],
            check=False,
            capture_output=True,
            text=True,
        )
        assert out.returncode == 0, out.stderr
        return [obj for obj in yaml.safe_load_all(out.stdout) if obj]

    return rendered


def named(objects: list[dict[str, Any]], kind: str) -> list[str]:
    return sorted(obj["metadata"]["name"] for obj in objects if obj["kind"] == kind)


def pods(objects: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """What every Deployment and Job has its pods be, by its name."""
    return {
        obj["metadata"]["name"]: obj["spec"]["template"]["spec"]
        for obj in objects
        if obj["kind"] in ("Deployment", "Job")
    }


def rules(objects: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    for obj in objects:
        for rule in obj.get("rules") or ():
            yield obj["metadata"]["name"], rule


def test_on_the_network_of_the_node_is_all_that_the_api_server_calls(render: Render) -> None:
    settings = ("conversion.enabled=true", "networkPolicy.apiServerPorts={443}")
    called = {"mattermost-migrate-webhook", "mattermost-migrate-conversion"}

    rendered = render("webhook.hostNetwork=true", *settings)

    found = {name: spec.get("hostNetwork") for name, spec in pods(rendered).items()}
    assert {name for name, host in found.items() if host} == called
    # No policy holds for such pods, and none can name them.
    assert named(rendered, "NetworkPolicy") == ["mattermost-migrate-controller"]
    (policy,) = (each for each in rendered if each["kind"] == "NetworkPolicy")
    assert [each for each in policy["spec"]["egress"] if "to" in each] == []
    assert {9443, 9444} <= {
        port["port"] for each in policy["spec"]["egress"] for port in each["ports"]
    }
    assert len(named(render(*settings), "NetworkPolicy")) == 3


@pytest.mark.parametrize(
    ("network", "rolling"),
    [
        pytest.param("false", {"maxUnavailable": 0, "maxSurge": 1}, id="of pods"),
        # Two pods cannot have one port of one node, and there may be no node to spare.
        pytest.param("true", {"maxUnavailable": 1, "maxSurge": 0}, id="of nodes"),
    ],
)
def test_an_update_needs_no_node_more_than_there_are_replicas(
    render: Render, network: str, rolling: dict[str, int]
) -> None:
    objects = render(f"webhook.hostNetwork={network}", "conversion.enabled=true")

    found = {
        obj["metadata"]["name"]: obj["spec"]["strategy"]["rollingUpdate"]
        for obj in objects
        if obj["kind"] == "Deployment"
    }
    assert found == {
        "mattermost-migrate-controller": {"maxUnavailable": 0, "maxSurge": 1},
        "mattermost-migrate-webhook": rolling,
        "mattermost-migrate-conversion": rolling,
    }


@pytest.mark.parametrize(
    ("said", "host", "bound"),
    [(None, "*", "*"), ("::", "::", "[::]"), ("0.0.0.0", "0.0.0.0", "0.0.0.0")],  # noqa: S104
)
def test_every_pod_listens_on_the_same_address(
    render: Render, said: str | None, host: str, bound: str
) -> None:
    settings = ("conversion.enabled=true", *([f"bindAddress={said}"] if said else ()))

    found = pods(render(*settings))

    told = {name: " ".join(spec["containers"][0].get("args", ())) for name, spec in found.items()}
    assert f"--metrics-host={host} " in told["mattermost-migrate-controller"] + " "
    assert f"--bind={bound}:9443 " in told["mattermost-migrate-webhook"]
    assert f"--bind={bound}:9444 " in told["mattermost-migrate-conversion"]


def test_no_role_has_a_star_and_nobody_lists_secrets(render: Render) -> None:
    for name, rule in rules(render()):
        assert "*" not in str(rule), name
        if "secrets" in rule["resources"]:
            assert not {"list", "watch"} & set(rule["verbs"]), name


@pytest.mark.parametrize("reads", ["true", "false"])
def test_the_webhook_gets_secrets_only_where_it_is_to(render: Render, reads: str) -> None:
    objects = render(f"webhook.readSecrets={reads}")
    granted = [
        rule["verbs"]
        for name, rule in rules(objects)
        if name == "mattermost-migrate-webhook" and "secrets" in rule["resources"]
    ]
    pod = pods(objects)["mattermost-migrate-webhook"]

    assert granted == ([["get"]] if reads == "true" else [])
    assert ("--no-read-secrets" in pod["containers"][0]["args"]) is (reads == "false")


def test_both_processes_run_twice_and_the_webhook_never_less(render: Render) -> None:
    objects = render()
    deployments = {o["metadata"]["name"]: o["spec"] for o in objects if o["kind"] == "Deployment"}

    assert {name: spec["replicas"] for name, spec in deployments.items()} == {
        "mattermost-migrate-controller": 2,
        "mattermost-migrate-webhook": 2,
    }
    rolling = deployments["mattermost-migrate-webhook"]["strategy"]["rollingUpdate"]
    assert rolling["maxUnavailable"] == 0
    assert named(objects, "PodDisruptionBudget") == [
        "mattermost-migrate-controller",
        "mattermost-migrate-webhook",
    ]


def test_processes_can_be_left_out_and_rights_stay(render: Render) -> None:
    objects = render(
        "controller.enabled=false", "webhook.enabled=false", "webhook.url=https://127.0.0.1:9443"
    )

    for kind in ("Deployment", "Service", "PodDisruptionBudget", "CronJob", "Job"):
        assert named(objects, kind) == []
    assert named(objects, "ServiceAccount") == [
        "mattermost-migrate-controller",
        "mattermost-migrate-conversion",
        "mattermost-migrate-webhook",
    ]
    (configuration,) = [o for o in objects if o["kind"] == "ValidatingWebhookConfiguration"]
    assert [webhook["clientConfig"] for webhook in configuration["webhooks"]] == [
        {"url": f"https://127.0.0.1:9443/validate/{kind}"}
        for kind in ("clusterinstallation", "mattermost", "installationmigration")
    ]


def test_the_webhook_is_called_for_our_three_kinds_only_and_not_for_the_controller_nor_kubernetes(
    render: Render,
) -> None:
    (configuration,) = [o for o in render() if o["kind"] == "ValidatingWebhookConfiguration"]
    webhooks = configuration["webhooks"]

    assert [webhook["rules"][0]["resources"] for webhook in webhooks] == [
        ["clusterinstallations"],
        ["mattermosts"],
        ["installationmigrations"],
    ]
    for webhook in webhooks:
        assert webhook["failurePolicy"] == "Ignore"
        assert webhook["timeoutSeconds"] <= 5
        ours, kubernetes = (each["expression"] for each in webhook["matchConditions"])
        user = "system:serviceaccount:home:mattermost-migrate-controller"
        assert ours == f"request.userInfo.username != '{user}'"
        assert re.findall("'([^']+)'", kubernetes) == [
            "system:kube-controller-manager",
            "system:serviceaccount:kube-system:generic-garbage-collector",
            "system:serviceaccount:kube-system:namespace-controller",
        ]


def test_policies_can_be_left_out(render: Render) -> None:
    assert len(named(render(), "ValidatingAdmissionPolicyBinding")) == 4
    assert named(render("policy.enabled=false"), "ValidatingAdmissionPolicyBinding") == []


@pytest.mark.parametrize("provider", ["cert-manager", "none"])
def test_other_providers_of_certificates_are_left_alone(render: Render, provider: str) -> None:
    objects = render(f"certificates.provider={provider}")

    assert "mattermost-migrate-certs" not in named(objects, "ClusterRole")
    assert "--certificates=none" in str(objects)
    assert named(objects, "Certificate") == (
        ["mattermost-migrate-ca", "mattermost-migrate-webhook"] if provider != "none" else []
    )


@pytest.mark.parametrize(
    ("url", "names", "addresses"),
    [
        pytest.param("https://hooks.example.com:9443", ["hooks.example.com"], None, id="a name"),
        pytest.param("https://hooks.example.com/mm", ["hooks.example.com"], None, id="and no port"),
        pytest.param("https://192.0.2.7:9443", [], ["192.0.2.7"], id="IPv4"),
        pytest.param("https://[2001:db8::7]", [], ["2001:db8::7"], id="IPv6"),
        pytest.param("", [], None, id="none"),
    ],
)
def test_cert_manager_vouches_for_the_host_that_is_called(
    render: Render, url: str, names: list[str], addresses: list[str] | None
) -> None:
    objects = render("certificates.provider=cert-manager", f"webhook.url={url}")

    (served,) = (
        obj["spec"]
        for obj in objects
        if obj["metadata"]["name"] == "mattermost-migrate-webhook" and obj["kind"] == "Certificate"
    )
    service = "mattermost-migrate-webhook.home.svc"
    assert served["dnsNames"] == [service, f"{service}.cluster.local", *names]
    assert served.get("ipAddresses") == addresses


@pytest.mark.parametrize(
    ("settings", "port"),
    [
        pytest.param(("webhook.url=https://hooks.example.com:8443",), 8443, id="a URL"),
        pytest.param(("webhook.url=https://[2001:db8::7]:8443",), 8443, id="a URL with an address"),
        pytest.param(("webhook.url=https://hooks.example.com",), 443, id="a URL without a port"),
        pytest.param(("webhook.externalName=hooks.example.com",), 443, id="an alias"),
        pytest.param(
            ("webhook.externalName=hooks.example.com", "webhook.port=8443"), 8443, id="its port"
        ),
        pytest.param((), None, id="neither"),
    ],
)
def test_the_controller_reaches_a_webhook_elsewhere(
    render: Render, settings: tuple[str, ...], port: int | None
) -> None:
    """It asks there whether the new certificate is served, before it lets go of the old CA."""
    objects = render("networkPolicy.apiServerPorts={6443}", *settings)

    reached = {
        obj["metadata"]["name"]: {
            each["port"]
            for rule in obj["spec"]["egress"]
            if "to" not in rule
            for each in rule["ports"]
        }
        for obj in objects
        if obj["kind"] == "NetworkPolicy"
    }
    assert reached == {
        "mattermost-migrate-controller": {6443, 53} | ({port} if port else set()),
        "mattermost-migrate-webhook": {6443, 53},
    }


def test_a_ca_that_cert_manager_renews_keeps_its_key(render: Render) -> None:
    """Pods serve a certificate for a minute yet that the CA signed before it was renewed."""
    certificates = {
        obj["metadata"]["name"]: obj["spec"]
        for obj in render("certificates.provider=cert-manager")
        if obj["kind"] == "Certificate"
    }

    assert certificates["mattermost-migrate-ca"]["isCA"]
    assert certificates["mattermost-migrate-ca"]["privateKey"]["rotationPolicy"] == "Never"
    assert certificates["mattermost-migrate-webhook"]["privateKey"]["rotationPolicy"] == "Always"


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        pytest.param(("webhook.caBundle=Zm9v",), [], id="builtin"),
        pytest.param(
            ("certificates.provider=cert-manager",),
            ["--certificate=home/mattermost-migrate-webhook"],
            id="cert-manager",
        ),
        pytest.param(
            ("certificates.provider=none", "webhook.caBundle=Zm9v"), ["--ca-bundle=Zm9v"], id="none"
        ),
        pytest.param(("certificates.provider=none",), [], id="put in by hand"),
    ],
)
def test_whoever_issues_certificates_has_the_preview_s_conversion_trusted(
    render: Render, settings: tuple[str, ...], told: list[str]
) -> None:
    objects = render("conversion.enabled=true", *settings)
    (switch,) = [
        container
        for job in objects
        if job["kind"] == "Job"
        for container in job["spec"]["template"]["spec"]["containers"]
        if "enable" in container["command"]
    ]

    where = ["--namespace=home", "--service=mattermost-migrate-conversion"]
    assert switch["args"] == [*where, *told]
    for kind in ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"):
        (configuration,) = [obj for obj in objects if obj["kind"] == kind]
        asked = (configuration["metadata"].get("annotations") or {}).values()
        assert [f"--certificate={each}" for each in asked] == [
            each for each in told if each.startswith("--certificate=")
        ]


def test_words_that_are_not_known_are_refused(render: Render) -> None:
    with pytest.raises(AssertionError, match="failurePolicy"):
        render("webhook.failurePolicy=Perhaps")


@pytest.mark.parametrize(
    ("settings", "jobs"),
    [
        pytest.param(
            ("conversion.enabled=true",),
            {"enable": "post-install,post-upgrade,post-rollback", "disable": "pre-delete"},
            id="on",
        ),
        pytest.param((), {"disable": "post-upgrade,pre-rollback"}, id="off"),
        pytest.param(
            ("webhook.enabled=false",),
            {"disable": "post-upgrade,pre-rollback"},
            id="off, and the webhook elsewhere",
        ),
    ],
)
def test_the_preview_version_is_switched_by_jobs(
    render: Render, settings: tuple[str, ...], jobs: dict[str, str]
) -> None:
    objects = render(*settings)
    found = {
        job["spec"]["template"]["spec"]["containers"][0]["command"][1]: job["metadata"][
            "annotations"
        ]["helm.sh/hook"]
        for job in objects
        if job["kind"] == "Job"
    }

    assert found == jobs
    served = "mattermost-migrate-conversion" in named(objects, "Deployment")
    assert (
        served
        is ("mattermost-migrate-conversion" in named(objects, "PodDisruptionBudget"))
        is ("enable" in jobs)
    )


@pytest.mark.parametrize("conversion", ["true", "false"])
def test_converter_and_jobs_run_where_the_webhook_does(render: Render, conversion: str) -> None:
    placed = pods(
        render(
            f"conversion.enabled={conversion}",
            "webhook.nodeSelector.pool=infra",
            "webhook.tolerations[0].operator=Exists",
            "webhook.affinity.podAntiAffinity.a=b",
            "webhook.priorityClassName=high",
        )
    )
    del placed["mattermost-migrate-controller"]

    assert len(placed) == (4 if conversion == "true" else 2)
    for name, pod in placed.items():
        assert pod.get("nodeSelector") == {"pool": "infra"}, name
        assert pod.get("tolerations") == [{"operator": "Exists"}], name
        assert pod.get("affinity"), name
        assert pod.get("priorityClassName") == "high", name


@pytest.mark.parametrize("conversion", ["true", "false"])
def test_every_process_that_runs_is_read_by_prometheus(render: Render, conversion: str) -> None:
    objects = render("monitoring.podMonitors=true", f"conversion.enabled={conversion}")

    assert named(objects, "PodMonitor") == named(objects, "Deployment")
    for monitor in (obj["spec"] for obj in objects if obj["kind"] == "PodMonitor"):
        (selected,) = (
            obj["spec"]["template"]["spec"]["containers"][0]
            for obj in objects
            if obj["kind"] == "Deployment" and obj["spec"]["selector"] == monitor["selector"]
        )
        (endpoint,) = monitor["podMetricsEndpoints"]
        assert endpoint["port"] in {port["name"] for port in selected["ports"]}
