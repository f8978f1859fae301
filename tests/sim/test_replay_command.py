import json
from pathlib import Path

import pytest

from carpsim.library import load_scenario, text_of
from carpsim.main import main
from carpsim.outcome import trace_of
from carpsim.trace import journals

VECTORS = Path(__file__).parents[1] / "vectors"

CARPD = """\
[[virtual_host]]
interface = "eth0"
vhid = 1
password_file = "{password}"
addresses = ["10.0.0.100/24"]
source = "10.0.0.2"
advskew = {advskew}
preempt = true
"""


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """Return the trace of a scenario of the library."""
    path = tmp_path / "trace.jsonl"
    assert main(["run", "master-killed", "--seed", "3", "--trace", str(path)]) == 0
    return path


def test_a_trace_happens_again(trace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The scenario is found by its name, the seed stands in the trace, and every line is the same."""
    assert main(["replay", str(trace)]) == 0
    assert f"all {len(trace.read_text().splitlines())} lines are as they were" in capsys.readouterr().out


def test_the_first_difference_of_a_trace_is_shown(trace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Another line than the run gives, or one that is missing, is shown with its number."""
    lines = trace.read_text().splitlines(keepends=True)
    trace.write_text("".join([*lines[:9], lines[9].replace(":", ": ", 1), *lines[10:]]))
    assert main(["replay", str(trace)]) == 1
    assert "line 10 differs" in capsys.readouterr().out
    trace.write_text("".join(lines[:-1]))
    assert main(["replay", str(trace)]) == 1
    assert "it was the end" in capsys.readouterr().out


def test_a_trace_of_an_own_scenario_needs_its_file(
    trace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A trace names its scenario only; where that is must be said if it is not of the library."""
    own = tmp_path / "own.toml"
    own.write_text(text_of("master-killed").replace('name = "master-killed"', 'name = "own"'))
    trace.write_text(trace.read_text().replace('"scenario":"master-killed"', '"scenario":"own"'))
    with pytest.raises(SystemExit, match="of the scenario own: --scenario FILE must say where it is"):
        main(["replay", str(trace)])
    assert main(["replay", str(trace), "--scenario", str(own)]) == 0
    assert "as they were" in capsys.readouterr().out


@pytest.mark.parametrize(("advskew", "status"), [(20, 0), (21, None)])
def test_a_journal_happens_again(
    tmp_path: Path, advskew: int, status: int | None, capsys: pytest.CaptureFixture[str]
) -> None:
    """A daemon's journal replays with its configuration, and is refused with another one."""
    (tmp_path / "password").write_text("carpsim\n")
    config = tmp_path / "carpd.toml"
    config.write_text(CARPD.format(password=tmp_path / "password", advskew=advskew))
    journal = tmp_path / "b.journal"
    journal.write_text("".join(journals(trace_of(load_scenario("master-killed")))["b"]))
    if status is None:
        with pytest.raises(SystemExit, match="advskew was 20 in the run"):
            main(["replay", str(journal), "--config", str(config)])
        return
    assert main(["replay", str(journal), "--config", str(config)]) == status
    assert "are as they were" in capsys.readouterr().out


def test_the_first_difference_of_a_journal_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With another password the replay parts from the journal at the first advertisement."""
    (tmp_path / "password").write_text("another\n")
    config = tmp_path / "carpd.toml"
    config.write_text(CARPD.format(password=tmp_path / "password", advskew=20))
    journal = tmp_path / "b.journal"
    journal.write_text("".join(journals(trace_of(load_scenario("master-killed")))["b"]))
    assert main(["replay", str(journal), "--config", str(config)]) == 1
    assert "the journal has" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("capture", "master"),
    [
        ("09-ucarp-failover-sigkill.pcap", "10.99.0.2"),
        ("12-ucarp-simultaneous-start.pcap", "10.99.0.1"),
        ("17-mixed-constant-counter-master.pcap", "10.99.0.1"),
    ],
)
def test_a_capture_is_shown_to_a_passive_observer(
    capture: str, master: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A capture of real hosts says who was master when, and why that changed."""
    index = json.loads((VECTORS / "index.json").read_text())
    (known,) = (one for one in index["captures"] if one["file"] == capture)
    password = tmp_path / "password"
    password.write_text(f"{known['password']}\n")
    group = ["--vhid", str(known["vhid"]), "--address", known["vip"], "--password-file", str(password)]
    assert main(["replay", str(VECTORS / capture), *group]) == 0
    told = capsys.readouterr().out
    assert f"{master}: " in told
    assert "master from" in told


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "expected a trace of `carpsim run`, a journal of carpd, or a pcap"),
        ('{"a":1}\n', "expected a trace"),
        ("[1]\n", "expected a trace"),
        ('{"journal":1}\n', "a journal has no passwords"),
    ],
)
def test_what_is_nothing_of_that_is_refused(content: str, words: str, tmp_path: Path) -> None:
    """Another file is refused, and the sentence says what would be right."""
    file = tmp_path / "file"
    file.write_text(content)
    with pytest.raises(SystemExit, match=words):
        main(["replay", str(file)])
    with pytest.raises(SystemExit, match="No such file"):
        main(["replay", str(tmp_path / "none")])
    with pytest.raises(SystemExit, match="a capture needs --vhid"):
        main(["replay", str(VECTORS / "10-ucarp-preempt.pcap")])
