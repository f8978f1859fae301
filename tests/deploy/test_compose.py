"""The compose file is one, and keeps the promises that the manifests keep."""

from __future__ import annotations

import re

import pytest

from tests.deploy.manifests import DEPLOY, read
from tests.deploy.test_kubernetes import LEAVING_S

COMPOSE = DEPLOY / "compose" / "compose.yaml"


def test_it_is_a_compose_file() -> None:
    """The file is as the Compose Specification has it; what it refers to is there."""
    compose_spec = pytest.importorskip("compose_spec", reason="there is no wheel of compose-spec for this machine")
    text = COMPOSE.read_text(encoding="utf-8")
    compose_spec.PyCompose.from_yaml(text).validate()
    for wrong in (text.replace("cap_add", "cap_ad"), text.replace("secrets: [password]", "secrets: [pass]")):
        with pytest.raises(ValueError, match=r"cap_ad|pass"):
            compose_spec.PyCompose.from_yaml(wrong).validate()


def test_it_keeps_the_promises() -> None:
    """It has two capabilities and no other privilege, the host's network, time to leave, a password in a file."""
    (file,) = read(COMPOSE)
    carpd = file["services"]["carpd"]
    assert (carpd["user"], carpd["cap_drop"], carpd["cap_add"]) == ("0:0", ["ALL"], ["NET_ADMIN", "NET_RAW"])
    assert carpd["security_opt"] == ["no-new-privileges:true"]
    assert carpd["read_only"] is True
    assert "privileged" not in carpd
    assert carpd["network_mode"] == "host"
    assert carpd["restart"] == "unless-stopped"
    seconds = re.fullmatch(r"(\d+)s", carpd["stop_grace_period"])
    assert seconds is not None
    assert int(seconds[1]) > LEAVING_S
    assert carpd["environment"]["UCARP_PASS_FILE"] == "/run/secrets/password"
    assert "UCARP_PASS" not in carpd["environment"]
    assert (COMPOSE.parent / carpd["build"]).resolve() == DEPLOY.parent
