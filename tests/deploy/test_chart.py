"""The chart: what it takes, what it refuses with which words, and that an upgrade is no surprise."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.deploy.manifests import (
    CHART,
    LEAST_VALUES,
    VALUES,
    WEB,
    ChartRefusedError,
    charted,
    pod_of,
    variables_of,
    workload_of,
)
from triocarp.daemon.environment import VARIABLES

DEPLOYMENT = VALUES["Deployment"]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "settings.UCARP_ADDR: the address"),
        (LEAST_VALUES | {"image": {}}, "image.repository: where you keep the image"),
        (LEAST_VALUES | {"password": {}}, "password.existingSecret: the name of a Secret that you made"),
        (LEAST_VALUES | {"kind": "Deployment"}, "network: the name of a NetworkAttachmentDefinition"),
        (LEAST_VALUES | {"kind": "StatefulSet"}, "'DaemonSet', 'Deployment'"),
        (LEAST_VALUES | {"pasword": {}}, "'pasword' not allowed"),
        (LEAST_VALUES | {"settings": {"UCARP_ADDR": "10.0.0.100", "UCARP_VHDI": 1}}, "UCARP_VHDI"),
        (LEAST_VALUES | {"settings": {"UCARP_ADDR": "10.0.0.100", "UCARP_PASS": "x"}}, "UCARP_PASS"),
        (LEAST_VALUES | {"advskewByNode": {"node-a": 255}}, "maximum: got 255, want 254"),
        (DEPLOYMENT | {"replicas": 1}, "minimum: got 1, want 2"),
    ],
)
def test_a_mistake_is_told(values: dict[str, Any], words: str) -> None:
    """What is missing, misspelt or out of range is told by its name, before anything is installed."""
    with pytest.raises(ChartRefusedError) as refusal:
        charted(values)
    assert words in str(refusal.value)


@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
def test_an_upgrade_changes_nothing_by_itself(values: dict[str, Any]) -> None:
    """An upgrade with the same values makes the same manifests as the install: no password or pod is made anew."""
    assert charted(values) == charted(values, revision=2)


def test_the_settings_that_it_takes_are_those_of_the_image() -> None:
    """The schema of the settings has all variables of the image but the password's, which has its own place."""
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    names = schema["properties"]["settings"]["propertyNames"]["enum"]
    assert names == sorted(VARIABLES - {"UCARP_PASS", "UCARP_PASS_FILE"})


@pytest.mark.parametrize("value", [1000000, 4294967295, "1000000"])
def test_a_number_is_written_out(value: int | str) -> None:
    """A large number reaches carpd without an exponent, which Helm would give it."""
    values = LEAST_VALUES | {"settings": {"UCARP_ADDR": "10.0.0.100", "UCARP_RTABLE": value}}
    assert variables_of(charted(values))["UCARP_RTABLE"] == str(value)


def test_the_operators_setting_counts() -> None:
    """What the chart would set itself gives way to the operator's setting."""
    settings = {"UCARP_ADDR": "10.0.0.100", "UCARP_INTERFACE": "net2", "CARPD_PREEMPT": "no", "CARPD_ADVSKEW": 200}
    values = DEPLOYMENT | {"settings": settings, "advskewByNode": {"node-a": 0}}
    assert variables_of(charted(values)).items() >= {name: str(value) for name, value in settings.items()}.items()


@pytest.mark.parametrize(("value", "text"), [(True, "true"), (False, "false"), ("no", "no")])
def test_yes_and_no(value: bool | str, text: str) -> None:
    """A yes without quotes, which YAML takes for true, reaches carpd as something that it takes for yes."""
    values = LEAST_VALUES | {"settings": {"UCARP_ADDR": "10.0.0.100", "CARPD_PREEMPT": value}}
    assert variables_of(charted(values))["CARPD_PREEMPT"] == text


def test_two_releases_do_not_meet() -> None:
    """What a release selects has the release's name: two in one namespace do not take each other's pods."""
    workload = workload_of(charted(LEAST_VALUES))
    assert workload["metadata"]["name"] == "gateway-carpd"
    selector = {"app.kubernetes.io/name": "carpd", "app.kubernetes.io/instance": "gateway"}
    assert workload["spec"]["selector"] == {"matchLabels": selector}
    assert workload["spec"]["template"]["metadata"]["labels"] == selector


def test_the_key_of_the_password() -> None:
    """The password may have another key in its Secret."""
    values = LEAST_VALUES | {"password": {"existingSecret": "ours", "key": "carp"}}
    (volume,) = pod_of(charted(values))["volumes"]
    expected = {"secretName": "ours", "defaultMode": 0o400, "items": [{"key": "carp", "path": "password"}]}
    assert volume["secret"] == expected


def test_an_application_for_a_deployment_only() -> None:
    """On the host's network there is no application of ours: what listens there is the node's."""
    with pytest.raises(ChartRefusedError) as refusal:
        charted(LEAST_VALUES | {"application": [WEB]})
    assert "application: for a Deployment only" in str(refusal.value)
