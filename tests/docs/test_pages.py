"""The pages say what is so: their programs, tables and names are those of the code."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from dataclasses import replace
from ipaddress import ip_interface
from pathlib import Path
from typing import Any

import pytest

import carpsim.main
import triocarp.core
from carpsim.library import find_scenario
from carpsim.sweep import read_sweep
from carpsim.whatif import OTHER_SETTINGS
from tests.core.hosts import Machine
from tests.docs.pages import DOCS, EXAMPLES, HOSTS, ROOT, lines_of_code, load, read
from triocarp.core import Link, Runner, Started, State
from triocarp.core.journal import Header, LineJournal
from triocarp.core.timing import SECOND
from triocarp.daemon.config_file import read_node_config
from triocarp.daemon.environment import VARIABLES
from triocarp.linux.interface_table import InterfaceTable
from triocarp.linux.rtnetlink_messages import AddressReport, LinkReport

FENCE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
DOCUMENTED = re.compile(r"^\.\. auto(?:class|data|exception|function):: triocarp\.core\.(\w+)$", re.MULTILINE)
LINES_MAX = 40
CONFIGURATION = """
[[virtual_host]]
interface = "eth0"
vhid = 7
password_file = "password"
addresses = ["10.0.0.100/24"]
source = "10.0.0.5"
"""


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.py")), ids=lambda example: example.stem)
def test_the_page_has_the_programs_that_are_checked_and_run(example: Path) -> None:
    """Each program beside the pages stands in one of them, to the letter."""
    programs = [program for page in DOCS.glob("*.md") for program in FENCE.findall(read(page.name))]
    assert example.read_text(encoding="utf-8") in programs


def test_the_page_names_the_settings_that_are_tried() -> None:
    """An operator who is told of no gain knows what was tried."""
    _, _, behind = read("simulator.md").partition("These are tried, unless")
    line = next(line for line in behind.splitlines() if line.startswith("`"))
    assert re.findall(r"`([^`]+)`", line) == list(OTHER_SETTINGS)


@pytest.mark.parametrize("library", HOSTS)
def test_a_host_takes_forty_lines(library: str) -> None:
    """The page promises so, imports not counted."""
    assert lines_of_code(HOSTS[library].read_text(encoding="utf-8")) <= LINES_MAX


def test_both_hosts_have_the_same_ports() -> None:
    """Up to the loop they differ in one import and their own name, as the page says."""
    heads = []
    for library, program in HOSTS.items():
        head, _, _ = program.read_text(encoding="utf-8").partition("async def main")
        imports = {"import select\n", "import asyncio\n", "import trio\n\n"}
        for line in imports:
            head = head.replace(line, "")
        heads.append(head.replace(f"on {library}", "on").replace(f"on_{library}", "on"))
    assert heads[0] == heads[1]


@pytest.mark.parametrize(
    "name", ["test_silence_makes_a_master", "test_who_cannot_hold_the_address_does_not_stay_master"]
)
def test_the_tests_on_the_page_pass(name: str) -> None:
    """What the page gives as an example of testing one's own driver is right."""
    getattr(load(EXAMPLES / "test_my_host.py"), name)()


def test_the_page_has_what_the_observer_says_of_a_real_failover() -> None:
    """The example reads the capture that the page names, and the page shows what it prints."""
    program, capture = EXAMPLES / "who_was_master.py", ROOT / "tests/vectors/09-ucarp-failover-sigkill.pcap"
    said = subprocess.run(
        [sys.executable, program, capture, "20", "10.99.0.252"],
        input="secret\n",
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    page = read("observing.md")
    assert "moved from 10.99.0.1 to 10.99.0.2" in said
    assert f"```text\n{said}```\n" in page
    assert f"{program.relative_to(ROOT)} {capture.relative_to(ROOT)} 20 10.99.0.252" in page


def test_the_event_tables_are_up_to_date() -> None:
    """``docs/event-tables.md`` is what ``docs/event_tables.py`` writes; if not, run that script."""
    assert read("event-tables.md") == load(DOCS / "event_tables.py").write()


def test_the_table_of_keys_is_up_to_date() -> None:
    """``docs/configuration-keys.md`` is what ``docs/configuration_keys.py`` writes; if not, run that script."""
    assert read("configuration-keys.md") == load(DOCS / "configuration_keys.py").write()


def test_the_table_of_scenario_keys_is_up_to_date() -> None:
    """``docs/scenario-keys.md`` is what ``docs/scenario_keys.py`` writes; if not, run that script."""
    assert read("scenario-keys.md") == load(DOCS / "scenario_keys.py").write()


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.toml")), ids=lambda example: example.stem)
def test_the_tutorial_has_the_files_that_are_run(example: Path) -> None:
    """Each file beside the pages stands in the simulator's tutorial, to the letter."""
    assert f"```toml\n{example.read_text(encoding='utf-8')}```\n" in read("simulator.md")


@pytest.mark.parametrize("scenario", ["split-brain-and-heal", "docs/examples/crash.toml"])
def test_the_tutorial_has_what_the_simulator_says(
    scenario: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The page shows what the command prints."""
    monkeypatch.chdir(ROOT)
    assert carpsim.main.main(["run", scenario]) == 0
    assert f"```text\n{capsys.readouterr().out}```\n" in read("simulator.md")


def test_the_sweep_of_the_tutorial_can_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """It names a scenario that is there, and settings that it has."""
    monkeypatch.chdir(ROOT)
    sweep = read_sweep(EXAMPLES / "takeover.toml", find_scenario)
    assert len(list(sweep.runs())) == 400


def test_the_property_of_the_tutorial_holds() -> None:
    """What the page gives as an example of a property is so."""
    load(EXAMPLES / "longest_outage.py").test_users_wait_for_the_dead_time_at_most()


def test_the_citation_names_this_version() -> None:
    """Who cites the project cites the version that they have."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert f"version: {version}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")


def test_the_replay_on_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is printed, in a directory with a configuration and the journal of what it made a host do."""
    monkeypatch.chdir(tmp_path)
    Path("password").write_text("secret\n", encoding="ascii")
    Path("carpd.toml").write_text(CONFIGURATION, encoding="ascii")
    config = read_node_config(Path("carpd.toml"))
    machine = Machine(*config.virtual_hosts, seed=7)
    with Path("carp.journal").open("w", encoding="ascii") as lines:
        header = Header(triocarp="0", seed=7, clock="virtual", config=config)
        journal = LineJournal(header, lambda line: print(line, end="", file=lines))
        machine.runner = Runner(machine.node, replace(machine.record.ports, journal=journal))
        machine.feed(Started())
        machine.link(Link.UP)
        machine.run_for(10 * SECOND)
    program, *_ = FENCE.findall(read("journal.md"))
    names: dict[str, Any] = {}
    exec(program, names)  # noqa: S102 - it is our own page
    (host,) = names["replayed"].node.virtual_hosts.values()
    assert (names["replayed"].runs, host.state) == (1, State.MASTER)


def test_the_configuration_in_the_readme_is_right(tmp_path: Path) -> None:
    """On a host with both interfaces it is accepted, and its virtual hosts move together."""
    (text,) = re.findall(
        r"^```toml\n(.*?)^```$", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    (tmp_path / "password").write_text("secret\n", encoding="ascii")
    file = tmp_path / "carpd.toml"
    file.write_text(text.replace("/etc/carpd.password", str(tmp_path / "password")), encoding="utf-8")
    table = InterfaceTable()
    for index, address in ((2, "10.0.0.1/24"), (2, "fe80::1/64"), (3, "192.168.7.2/24")):
        table.apply(
            LinkReport(
                index=index,
                name=f"eth{index - 2}",
                link=Link.UP,
                hardware_address=bytes(6),
                loopback=False,
                arp=True,
            )
        )
        table.apply(AddressReport(index=index, address=ip_interface(address), present=True, port_id=0, number=0))
    first, second = read_node_config(file, lambda: table).virtual_hosts
    assert first.failover_group == second.failover_group != ""


def test_the_reference_has_every_public_name_once() -> None:
    """Whoever adds a name to ``triocarp.core`` puts it on one page of ``docs/reference``, by its purpose."""
    pages = sorted((DOCS / "reference").glob("*.md"))
    documented = [name for page in pages for name in DOCUMENTED.findall(page.read_text(encoding="utf-8"))]
    assert sorted(triocarp.core.__all__) == sorted(documented)


def test_every_page_of_the_reference_is_listed() -> None:
    """No page is left out of the list."""
    listed = set(read("reference/index.md").split())
    assert {page.stem for page in (DOCS / "reference").glob("*.md")} - {"index"} <= listed


def test_the_picture_shows_every_transition() -> None:
    """The built pages show a picture instead of mermaid's source; it has the same boxes and words."""
    picture = load(DOCS / "state_picture.py").draw()
    words = [state.value for state in triocarp.core.State]
    words += [cause.value for _, cause in triocarp.core.TRANSITIONS]
    assert sorted(words) == sorted(re.findall(r"<text [^>]*>([^<]*)</text>", picture))


def test_the_page_about_the_image_has_every_variable() -> None:
    """Each variable has a row, and no other word is one."""
    listed = re.findall(r"^\| `((?:UCARP|CARPD)_\w+)` \|", read("replacing-the-image.md"), re.MULTILINE)
    assert sorted(listed) == sorted(VARIABLES)
