"""The manifests are valid, and every one of them, whoever made it, keeps the promises of deploy/kubernetes."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.deploy.manifests import (
    KUBERNETES,
    LEAST_VALUES,
    SETS,
    Document,
    carpd_of,
    charted,
    documents_of,
    kustomized,
    pod_of,
    variables_of,
    workload_of,
)
from triocarp.daemon.scripts import GRACE_S
from triocarp.daemon.settings import SCRIPT_TIMEOUT_S_DEFAULT

if TYPE_CHECKING:
    from pathlib import Path

SECURITY = {
    "runAsUser": 0,
    "runAsGroup": 0,
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"], "add": ["NET_ADMIN", "NET_RAW"]},
}
LEAVING_S = 2 * (SCRIPT_TIMEOUT_S_DEFAULT + GRACE_S)
"""What carpd allows itself to leave, where it has scripts."""

VERSIONS = ("1.29", "1.31", "1.33", "1.35", "1.37")
"""Of Kubernetes: from the one that the chart asks for on."""

WITH_ADVSKEW_BY_NODE = ("kustomize examples/daemonset", "chart DaemonSet with all")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", SETS)
def test_the_api_would_take_each_manifest(name: str, version: str) -> None:
    """Each document is as its kind's schema has it, with no field that the schema does not have."""
    validator = pytest.importorskip("kubernetes_validate")
    for document in documents_of(name):
        if document["kind"] != "NetworkAttachmentDefinition":  # multus brings its schema into the cluster
            validator.validate(document, version, strict=True)


def test_the_validator_notices() -> None:
    """The validator refuses a field in the wrong place, and a value of the wrong type."""
    validator = pytest.importorskip("kubernetes_validate")
    misplaced, mistyped = documents_of("static pod") + documents_of("static pod")
    misplaced["spec"]["capabilities"] = SECURITY["capabilities"]
    mistyped["spec"]["containers"][0]["securityContext"]["runAsUser"] = "root"
    for wrong in (misplaced, mistyped):
        with pytest.raises(validator.ValidationError):
            validator.validate(wrong, VERSIONS[-1], strict=True)


@pytest.mark.parametrize("name", SETS)
def test_carpd_is_allowed_two_things(name: str) -> None:
    """It has NET_ADMIN and NET_RAW and no other privilege; of the host it has the network at most."""
    documents = documents_of(name)
    pod = pod_of(documents)
    assert carpd_of(documents)["securityContext"] == SECURITY
    assert pod["securityContext"] == {"seccompProfile": {"type": "RuntimeDefault"}}
    assert not pod.keys() & {"hostPID", "hostIPC", "shareProcessNamespace", "serviceAccountName"}
    assert pod.get("hostNetwork", False) is (workload_of(documents)["kind"] != "Deployment")
    assert all(mount["readOnly"] for mount in carpd_of(documents)["volumeMounts"])


@pytest.mark.parametrize("name", SETS)
def test_it_runs_without_the_api_server(name: str) -> None:
    """A pod that runs needs neither the API server, nor the cluster's name server, nor the registry."""
    documents = documents_of(name)
    pod = pod_of(documents)
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False
    assert not {each["kind"] for each in documents} & {"ServiceAccount", "Role", "RoleBinding", "ClusterRole"}
    assert carpd_of(documents)["imagePullPolicy"] == "IfNotPresent"
    assert pod.get("dnsPolicy") == ("Default" if pod.get("hostNetwork") else None)
    for probe in ("readinessProbe", "livenessProbe"):
        assert carpd_of(documents)[probe].keys() & {"exec", "httpGet", "tcpSocket", "grpc"} == {"exec"}


@pytest.mark.parametrize("name", SETS)
def test_the_password_is_the_operators(name: str) -> None:
    """The password comes as a file from what the operator made; no manifest has one, or makes one."""
    documents = documents_of(name)
    assert "Secret" not in {each["kind"] for each in documents}
    variables = variables_of(documents)
    assert "UCARP_PASS" not in variables
    assert variables["UCARP_PASS_FILE"] == "/etc/carpd/secret/password"
    (volume,) = [each for each in pod_of(documents)["volumes"] if each["name"] == "password"]
    (mount,) = [each for each in carpd_of(documents)["volumeMounts"] if each["name"] == "password"]
    assert mount["mountPath"] == "/etc/carpd/secret"
    if workload_of(documents)["kind"] == "Pod":
        assert volume["hostPath"] == {"path": "/etc/carpd/secret", "type": "Directory"}
    else:
        assert volume["secret"]["secretName"] == "carpd-password"
        assert volume["secret"]["defaultMode"] == 0o400


@pytest.mark.parametrize("name", SETS)
def test_there_is_time_to_leave(name: str) -> None:
    """The grace period is longer than carpd allows itself to leave, scripts included."""
    assert pod_of(documents_of(name))["terminationGracePeriodSeconds"] > LEAVING_S


@pytest.mark.parametrize("name", SETS)
def test_it_goes_before_others(name: str) -> None:
    """The pod has a priority class, and resources that it is sure of; nothing throttles it."""
    documents = documents_of(name)
    own_network = workload_of(documents)["kind"] == "Deployment"
    known = {"system-cluster-critical" if own_network else "system-node-critical", "mine"}
    assert pod_of(documents)["priorityClassName"] in known
    resources = carpd_of(documents)["resources"]
    assert resources["requests"].keys() == {"cpu", "memory"}
    assert resources["limits"].keys() == {"memory"}


@pytest.mark.parametrize("name", [name for name in SETS if name != "static pod"])
def test_it_runs_where_the_operator_says(name: str) -> None:
    """The pods go to nodes with the label, those of the control plane among them."""
    pod = pod_of(documents_of(name))
    assert pod["nodeSelector"] == {"triocarp/carpd": "true"}
    control_plane = {"key": "node-role.kubernetes.io/control-plane", "operator": "Exists", "effect": "NoSchedule"}
    assert pod["tolerations"] == [control_plane]


@pytest.mark.parametrize("name", SETS)
def test_all_sets_are_one(name: str) -> None:
    """Probes and resources are the same in all sets, and both probes ask the same question."""
    one, other = carpd_of(documents_of(name)), carpd_of(documents_of("static pod"))
    for key in ("readinessProbe", "livenessProbe", "resources"):
        assert one[key] == other[key]
    assert one["readinessProbe"]["exec"] == one["livenessProbe"]["exec"]


@pytest.mark.parametrize("name", [name for name in SETS if name != "static pod"])
def test_an_update_takes_one_pod_after_the_other(name: str) -> None:
    """An update stops one pod, puts none beside it, and waits longer than the dead time before the next."""
    documents = documents_of(name)
    specification = workload_of(documents)["spec"]
    strategy = specification["updateStrategy" if workload_of(documents)["kind"] == "DaemonSet" else "strategy"]
    assert strategy == {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}}
    variables = variables_of(documents)
    assert not variables.keys() & {"CARPD_ADVBASE", "CARPD_DEAD_RATIO"}
    assert specification["minReadySeconds"] > 3 * 1 + 254 / 256


@pytest.mark.parametrize("name", [name for name in SETS if "eployment" in name])
def test_two_pods_on_two_nodes(name: str) -> None:
    """A Deployment has two pods, never both on one node; a drain may take one at a time, and is not stuck."""
    documents = documents_of(name)
    workload = workload_of(documents)
    selector = workload["spec"]["selector"]
    labels = workload["spec"]["template"]["metadata"]["labels"]
    assert labels.items() >= selector["matchLabels"].items()
    assert workload["spec"]["replicas"] == 2
    (term,) = pod_of(documents)["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert term == {"topologyKey": "kubernetes.io/hostname", "labelSelector": selector}
    (budget,) = [each for each in documents if each["kind"] == "PodDisruptionBudget"]
    expected = {"maxUnavailable": 1, "unhealthyPodEvictionPolicy": "AlwaysAllow", "selector": selector}
    assert budget["spec"] == expected


@pytest.mark.parametrize("name", [name for name in SETS if "eployment" in name])
def test_the_address_is_in_the_network_of_multus(name: str) -> None:
    """A Deployment's pods have an interface of multus, by a name that we give, and carpd is told that name."""
    documents = documents_of(name)
    annotations = workload_of(documents)["spec"]["template"]["metadata"]["annotations"]
    network, _, interface = annotations["k8s.v1.cni.cncf.io/networks"].partition("@")
    assert network
    assert interface == variables_of(documents)["UCARP_INTERFACE"] == "net1"


def test_the_network_of_the_example() -> None:
    """The example's network is the one that the pods ask for, and gives nobody the virtual address."""
    documents = documents_of("kustomize examples/deployment")
    (network,) = [each for each in documents if each["kind"] == "NetworkAttachmentDefinition"]
    annotations = workload_of(documents)["spec"]["template"]["metadata"]["annotations"]
    assert annotations["k8s.v1.cni.cncf.io/networks"] == f"{network['metadata']['name']}@net1"
    plugin = json.loads(network["spec"]["config"])
    assert (plugin["name"], plugin["type"], plugin["mode"]) == ("carpd-lan", "macvlan", "bridge")
    assert plugin["ipam"]["range_start"] > variables_of(documents)["UCARP_ADDR"]


@pytest.mark.parametrize("name", ["kustomize examples/deployment", "chart Deployment with all"])
def test_the_application_outlives_carpd(name: str) -> None:
    """What answers on the address is a sidecar: Kubernetes starts it before carpd, and stops it after carpd."""
    (application,) = pod_of(documents_of(name))["initContainers"]
    assert application["restartPolicy"] == "Always"


def run_start_command(container: Document, directory: Path, node: str) -> subprocess.CompletedProcess[str]:
    """Run the command of a container on a node, with a carpd that tells what it was told."""
    directory.mkdir()
    carpd = directory / "carpd"
    carpd.write_text('#!/bin/sh\necho "$@" "$CARPD_ADVSKEW"\n', encoding="utf-8")
    carpd.chmod(0o755)
    advskews = directory / "advskew"
    advskews.mkdir()
    (advskews / "node-a").write_text("7", encoding="utf-8")
    (advskews / "node-wrong").mkdir()
    (script,) = container["args"]
    assert container["command"] == ["/bin/sh", "-c"]
    return subprocess.run(
        ["/bin/sh", "-c", script.replace("/etc/carpd/advskew", str(advskews))],
        env={"PATH": f"{directory}:/usr/bin:/bin", "NODE_NAME": node, "CARPD_ADVSKEW": "100"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("name", WITH_ADVSKEW_BY_NODE)
def test_a_node_has_its_own_advskew(name: str, tmp_path: Path) -> None:
    """A carpd is told the advskew of its node, 100 where there is none; where it cannot be read, none starts."""
    documents = documents_of(name)
    container = carpd_of(documents)
    listed = run_start_command(container, tmp_path / "listed", "node-a")
    assert listed.stdout == "--environment 7\n"
    unlisted = run_start_command(container, tmp_path / "unlisted", "node-c")
    assert unlisted.stdout == "--environment 100\n"
    wrong = run_start_command(container, tmp_path / "wrong", "node-wrong")
    assert wrong.returncode
    assert not wrong.stdout


@pytest.mark.parametrize("name", WITH_ADVSKEW_BY_NODE)
def test_the_advskews_are_where_carpd_looks(name: str) -> None:
    """The map of nodes is mounted where the command reads it; nodes without an entry come last; all preempt."""
    documents = documents_of(name)
    (advskews,) = [each for each in documents if each["kind"] == "ConfigMap"]
    (volume,) = [each for each in pod_of(documents)["volumes"] if each["name"] == "advskew"]
    (mount,) = [each for each in carpd_of(documents)["volumeMounts"] if each["name"] == "advskew"]
    assert volume["configMap"]["name"] == advskews["metadata"]["name"]
    assert mount["mountPath"] == "/etc/carpd/advskew"
    assert {int(value) for value in advskews["data"].values()} == {0, 50}
    assert variables_of(documents).items() >= {"CARPD_ADVSKEW": "100", "CARPD_PREEMPT": "yes"}.items()
    (node,) = [each for each in carpd_of(documents)["env"] if each["name"] == "NODE_NAME"]
    assert node["valueFrom"] == {"fieldRef": {"fieldPath": "spec.nodeName"}}


def test_the_commands_are_one() -> None:
    """The chart starts carpd with the command that the component has."""
    one, other = (carpd_of(documents_of(name)) for name in WITH_ADVSKEW_BY_NODE)
    assert one["args"] == other["args"]


def test_another_advskew_is_an_update() -> None:
    """Who changes the map of nodes gets new pods, for a pod reads it at its start."""

    def template(advskew: int) -> Document:
        values = LEAST_VALUES | {"advskewByNode": {"node-a": advskew}}
        found: Document = workload_of(charted(values))["spec"]["template"]
        return found

    assert template(7) == template(7) != template(8)


@pytest.mark.parametrize("base", ["daemonset", "deployment"])
def test_preferred_nodes_suit_both_shapes(base: str, tmp_path: Path) -> None:
    """The component of preferred nodes changes a DaemonSet and a Deployment alike."""
    # kustomize takes relative paths only, and follows links.
    (tmp_path / "ours").symlink_to(KUBERNETES / "kustomize")
    (tmp_path / "kustomization.yaml").write_text(
        f"resources: [ours/{base}]\ncomponents: [ours/preferred-nodes]\n", encoding="utf-8"
    )
    assert "--environment" in carpd_of(kustomized(tmp_path))["args"][0]


@pytest.mark.parametrize("base", ["daemonset", "deployment"])
def test_two_copies_do_not_meet(base: str, tmp_path: Path) -> None:
    """A second copy with a suffix and a label of its own selects its own pods only, as the README says."""
    (tmp_path / "ours").symlink_to(KUBERNETES / "kustomize")
    (tmp_path / "kustomization.yaml").write_text(
        f"resources: [ours/{base}]\nnameSuffix: -second\n"
        "labels: [{includeSelectors: true, pairs: {app.kubernetes.io/instance: second}}]\n",
        encoding="utf-8",
    )
    documents = kustomized(tmp_path)
    assert {each["metadata"]["name"] for each in documents} == {"carpd-second"}
    selectors = [workload_of(documents)["spec"]["selector"]]
    if base == "deployment":
        (term,) = pod_of(documents)["affinity"]["podAntiAffinity"][
            "requiredDuringSchedulingIgnoredDuringExecution"
        ]
        selectors += [term["labelSelector"], documents[1]["spec"]["selector"]]
    own = {"app.kubernetes.io/name": "carpd", "app.kubernetes.io/instance": "second"}
    assert all(selector == {"matchLabels": own} for selector in selectors)
