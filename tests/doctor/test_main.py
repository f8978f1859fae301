"""``carpd doctor`` as a command: what it takes, what it prints, how it ends."""

from __future__ import annotations

import json
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import pytest

from tests.doctor.patients import facts, sysctls
from triocarp.daemon import main as carpd
from triocarp.doctor.gathering import devices_of, mentions, program_of
from triocarp.doctor.main import main

if TYPE_CHECKING:
    from pathlib import Path

    from triocarp.core import IPAddress
    from triocarp.daemon.settings import Settings
    from triocarp.doctor.facts import Facts

FLAGS = ("-i", "eth0", "-s", "10.0.0.1", "-v", "7", "-p", "love", "-a", "10.0.0.100")


class Host:
    """Gathers the same facts each time, and notes how long it was to listen."""

    def __init__(self, **changes: Any) -> None:  # noqa: ANN401 - whatever the field is
        self.changes = changes
        self.listened: list[float] = []

    def __call__(self, settings: Settings, *, listen_s: float) -> Facts:
        """Gather."""
        assert settings.node.virtual_hosts[0].vhid == 7
        self.listened.append(listen_s)
        return facts(**self.changes)


def test_a_sound_host_is_exit_status_0(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """One line for each finding, with its verdict first."""
    password = tmp_path / "password"
    password.write_bytes(b"love")
    password.chmod(0o600)
    words = [*FLAGS, "-o", str(password)]
    assert main(words, gather_facts=Host()) == 0
    out = capsys.readouterr().out
    assert all(line.startswith("fine") for line in out.splitlines())


def test_a_host_with_something_to_mend_is_exit_status_1(capsys: pytest.CaptureFixture[str]) -> None:
    """The line below says how."""
    assert main(FLAGS, gather_facts=Host(interfaces=sysctls(arp_ignore=8))) == 1
    out = capsys.readouterr().out
    assert "mend    arp_ignore eth0: it is 8" in out
    assert "        -> sysctl -w net.ipv4.conf.eth0.arp_ignore=0" in out


def test_what_carpd_would_warn_of_is_noted(capsys: pytest.CaptureFixture[str]) -> None:
    """Such as a word without an option, which somebody took for a file."""
    assert main([*FLAGS, "carpd.toml"], gather_facts=Host()) == 0
    out = capsys.readouterr().out
    assert "note    settings: the password on the command line" in out
    assert "note    settings: a word that belongs to no option" in out


def test_json_says_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    """With a field for each of what the lines hold."""
    host = Host(interfaces=sysctls(arp_ignore=8))
    assert main([*FLAGS, "--json", "--listen", "0.5"], gather_facts=host) == 1
    found = json.loads(capsys.readouterr().out)["findings"]
    (finding,) = [each for each in found if each["verdict"] == "mend"]
    assert set(finding) == {"check", "about", "verdict", "found", "mend"}
    assert host.listened == [0.5]


def test_settings_with_which_carpd_would_not_start_are_to_be_mended(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Each mistake is a finding."""
    file = tmp_path / "carpd.toml"
    file.write_text("[[virtual_host]]\nvhid = 0\n", encoding="utf-8")
    assert main(["--config", str(file)], gather_facts=Host()) == 1
    assert "mend    settings: " in capsys.readouterr().out


def test_what_the_host_lacks_is_told_with_wrong_settings(capsys: pytest.CaptureFixture[str]) -> None:
    """As carpd itself would; nobody shall mend the one and then find the other."""
    assert main([*FLAGS, "-i", "nowhere0", "-o", "/nowhere/password"], gather_facts=Host()) == 1
    found = [line for line in capsys.readouterr().out.splitlines() if line.startswith("mend")]
    assert ["passfile" in found[0], "nowhere0: no such interface" in found[1], len(found)] == [True, True, 2]


def test_a_journal_that_cannot_be_written_is_to_be_mended(capsys: pytest.CaptureFixture[str]) -> None:
    """Carpd does not start with it."""
    host = Host(journal="No such file or directory")
    assert main([*FLAGS, "--journal", "/nowhere/j"], gather_facts=host) == 1
    assert "mend    journal: /nowhere/j: No such file or directory" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [[], ["--nonsense"], ["--listen", "x", *FLAGS], ["--listen=-1"], ["--listen", "nan"], [*FLAGS, "--listen"]],
)
def test_a_command_that_is_not_understood_is_exit_status_2(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """And nothing is looked at."""
    host = Host()
    assert main(words, gather_facts=host) == 2
    assert not host.listened
    assert not capsys.readouterr().out


def test_it_is_carpds_word(capsys: pytest.CaptureFixture[str]) -> None:
    """`carpd doctor --help` tells the usage."""
    for words in (["--help"], [*FLAGS, "--help"]):
        assert carpd.main(["doctor", *words]) == 0
        assert "usage: carpd doctor" in capsys.readouterr().out


@pytest.mark.parametrize("words", [("-a", "10.0.0.100"), ("--addr=10.0.0.100",), ("-a10.0.0.100",)])
def test_the_addresses_that_a_command_line_names_are_found(words: tuple[str, ...]) -> None:
    """However the option is written; not those that only look alike."""
    virtual: list[IPAddress] = [ip_address("10.0.0.100"), ip_address("10.0.0.10"), ip_address("0.0.0.100")]
    found = program_of("ucarp", ("/usr/sbin/ucarp", "-p", "hunter2", *words), virtual)
    assert found is not None
    assert (found.name, found.addresses) == ("ucarp", ("10.0.0.100",))
    assert "hunter2" not in repr(found)
    # Where carpd is installed as ucarp the kernel calls it so, too.
    assert program_of("ucarp", ("/opt/triocarp/bin/python3", "/usr/sbin/ucarp", *words), virtual) is None


def test_the_interfaces_of_chains_are_read_from_what_nft_prints() -> None:
    """One or several, in the ways of its versions; older ones leave them out of JSON."""
    listing = """
table netdev strict {
\tchain one {
\t\ttype filter hook ingress device "eth0" priority filter; policy drop;
\t\tip protocol 112 accept
\t}
\tchain two {
\t\ttype filter hook egress devices = { eth0, "eth1" } priority 0; policy accept;
\t}
}
table inet other {
\tchain input {
\t\ttype filter hook input priority filter; policy drop;
\t}
}
"""
    assert devices_of(listing) == {
        ("netdev", "strict", "one"): ("eth0",),
        ("netdev", "strict", "two"): ("eth0", "eth1"),
    }


def test_other_tools_settings_are_searched(tmp_path: Path) -> None:
    """For whole addresses, not in comments; the options that Debian's ucarp reads are no other tool's."""
    files = {
        "etc/network/interfaces": "# 10.0.0.100\niface eth0 inet\n  address 10.0.0.100\n ucarp-vip 10.0.0.100\n",
        "etc/netplan/50.yaml": "network:\n      addresses: [10.0.0.100/24]\n      gateway4: 110.0.0.100\n",
        "etc/keepalived/keepalived.conf": "virtual_ipaddress {\n 2001:db8::1/64 dev eth0\n}\n",
        "etc/systemd/network/a.network": "[Network]\nDNS=10.0.0.100\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    addresses: list[IPAddress] = [ip_address("10.0.0.100"), ip_address("2001:db8::1")]
    found = {
        (str(each.path.relative_to(tmp_path)), each.line, each.assigns) for each in mentions(tmp_path, addresses)
    }
    assert found == {
        ("etc/network/interfaces", 3, True),
        ("etc/netplan/50.yaml", 2, True),
        ("etc/keepalived/keepalived.conf", 2, True),
        ("etc/systemd/network/a.network", 2, False),
    }
