import io
import json
import re
from pathlib import Path

import dpkt
import pytest

from carpsim.engine import Engine
from carpsim.faults import Crash
from carpsim.main import main
from carpsim.pcap import Capture, TruncatedCaptureError, read_frames
from carpsim.retrace import TraceDivergence, TraceError, retrace
from carpsim.scenario import Scenario
from carpsim.scenario_file import write_scenario
from carpsim.segment import Segment
from carpsim.trace import Trace, journals
from carpsim.world import World
from tests.sim import worlds
from triocarp.core.timing import SECOND

VECTORS = Path(__file__).parents[1] / "vectors"
PASSWORD = "secret"
CONFIG = """\
[[virtual_host]]
interface = "eth0"
vhid = {vhid}
password_file = "{password_file}"
addresses = ["{address}"]
"""


def master_dies(seconds: int = 20) -> Scenario:
    """Return three hosts of which the first one loses its power."""
    return worlds.scenario(Crash(at=8 * SECOND, host="a", power=True), seconds=seconds)


def trace_of(scenario: Scenario, seed: int = 7) -> list[str]:
    """Return the lines of a run."""
    lines: list[str] = []
    World(scenario, seed=seed, watchers=(Trace(lines.append),)).run()
    return lines


def written(directory: Path, lines: list[str]) -> str:
    """Return the name of a file with these lines."""
    path = directory / "lines.jsonl"
    path.write_text("".join(lines), encoding="utf-8")
    return str(path)


def scenario_in(directory: Path) -> str:
    """Return the name of a file with the scenario."""
    path = directory / "dies.toml"
    path.write_text(write_scenario(master_dies()), encoding="utf-8")
    return str(path)


def config_in(directory: Path, password: str = PASSWORD, vhid: int = 7, address: str = "10.0.0.100/24") -> str:
    """Return the name of a configuration file."""
    (directory / "password").write_text(password, encoding="utf-8")
    path = directory / "carpd.toml"
    content = CONFIG.format(vhid=vhid, password_file=directory / "password", address=address)
    path.write_text(content, encoding="utf-8")
    return str(path)


def test_a_trace_is_given_again() -> None:
    """A run with the scenario and the seed of a trace gives it, to the last line."""
    lines = trace_of(master_dies())
    done = retrace(lines, lambda _name, _seed: master_dies())
    assert (done.scenario, done.seed, done.duration) == ("a test", 7, 20 * SECOND)
    assert done.lines == len(lines)


def test_any_changed_line_of_a_trace_is_found() -> None:
    """Whichever line is changed, left out or added is the first difference that is told."""
    lines = trace_of(master_dies())
    for number in range(1, len(lines), len(lines) // 10):
        fields = json.loads(lines[number])
        changed = json.dumps({**fields, "t": fields["t"] + 1}, separators=(",", ":")) + "\n"
        for other in (
            [*lines[:number], changed, *lines[number + 1 :]],
            [*lines[:number], *lines[number + 1 :]],
            [*lines[:number], changed, *lines[number:]],
        ):
            with pytest.raises(TraceDivergence) as found:
                retrace(other, lambda _name, _seed: master_dies())
            assert found.value.line == number + 1
            assert found.value.given == lines[number].rstrip("\n")


def test_a_difference_is_told_with_its_instant_and_its_field() -> None:
    """The first difference names line, instant and field, and shows both lines."""
    lines = trace_of(master_dies())
    number = next(index for index, line in enumerate(lines) if '"present":true' in line)
    other = [*lines[:number], lines[number].replace('"present":true', '"present":false'), *lines[number + 1 :]]
    with pytest.raises(TraceDivergence) as found:
        retrace(other, lambda _name, _seed: master_dies())
    first, before, after = str(found.value).splitlines()
    assert re.fullmatch(
        rf"line {number + 1}, at \d+\.\d{{9}} s: present: the trace has False; the run gives True", first
    )
    assert (before, after) == ("- " + other[number].rstrip("\n"), "+ " + lines[number].rstrip("\n"))


def test_a_trace_that_ends_early_or_late_is_not_given() -> None:
    """A trace that was cut off is a difference, which is called what it is, and so is one with a line too many."""
    lines = trace_of(master_dies())
    number = len(lines)
    for last, where in (
        ("", "before"),
        (lines[-1][:20], "in the middle of"),
        (lines[-1][:-1], "in the middle of"),
    ):
        with pytest.raises(
            TraceDivergence, match=f"the trace is truncated: it ends {where} line {number}, "
        ) as found:
            retrace([*lines[:-1], *filter(None, [last])], lambda _name, _seed: master_dies())
        assert found.value.is_truncated
    with pytest.raises(TraceDivergence, match=f"line {number}"):
        retrace([*lines[:-1], '{"t":1'], lambda _name, _seed: master_dies())
    with pytest.raises(TraceDivergence, match="the run has ended"):
        retrace([*lines, lines[-1]], lambda _name, _seed: master_dies())


def test_a_trace_of_another_version_is_not_run() -> None:
    """Only equal versions promise equal traces: another one is refused before anything runs."""
    lines = trace_of(master_dies())
    for first in (lines[0].replace('"triocarp":"', '"triocarp":"9.'), "{}\n", "no JSON\n", "[]\n"):
        with pytest.raises(TraceError, match="expected a trace of"):
            retrace([first, *lines[1:]], lambda _name, _seed: master_dies())


def test_the_command_runs_a_trace_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Given the scenario's file, the command says how much was reproduced; a wrong scenario is exit status 1."""
    trace = written(tmp_path, trace_of(master_dies()))
    assert main(["replay", trace, "--scenario", scenario_in(tmp_path)]) == 0
    assert "reproduced:" in capsys.readouterr().out
    other = tmp_path / "other.toml"
    other.write_text(write_scenario(worlds.scenario(seconds=20)), encoding="utf-8")
    assert main(["replay", trace, "--scenario", str(other)]) == 1
    assert "NOT reproduced: line " in capsys.readouterr().out


def test_a_journal_is_replayed_with_the_passwords_of_a_configuration(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A host's journal is reproduced with the daemon's configuration; with another password it is not."""
    config = config_in(tmp_path)
    with Path(config).open("a", encoding="utf-8") as file:
        file.write("preempt = true\n")
    journal = written(tmp_path, journals(trace_of(master_dies()))["a"])
    assert main(["replay", journal, "--config", config]) == 0
    assert re.search(r"reproduced: \d+ entries of 1 run\n", capsys.readouterr().out)
    journal = written(tmp_path, journals(trace_of(master_dies()))["b"])
    with pytest.raises(SystemExit, match="advskew"):
        main(["replay", journal, "--config", config])
    with Path(config).open("a", encoding="utf-8") as file:
        file.write("advskew = 10\n")
    assert main(["replay", journal, "--config", config]) == 0
    (tmp_path / "password").write_text("another", encoding="utf-8")
    assert main(["replay", journal, "--config", config]) == 1
    assert "NOT reproduced: line " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("number", "sentences"),
    [
        ("01", ["10.99.0.1 is master"]),
        ("09", ["moved from 10.99.0.1 to 10.99.0.2", "the old master fell silent"]),
        ("10", ["the new master is preferred"]),
        ("12", ["10.99.0.2 has yielded to 10.99.0.1, which is equal"]),
        ("18", ["the old master said goodbye"]),
    ],
)
def test_a_capture_of_real_hosts_is_explained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], number: str, sentences: list[str]
) -> None:
    """Roles, failovers and causes of captured ucarps are told, from the group's configuration alone."""
    told = _told_of(number, tmp_path, capsys)
    for sentence in sentences:
        assert sentence in told
    assert re.search(r"\d+ frames in \d+\.\d+ s from ", told)


def _told_of(number: str, directory: Path, capsys: pytest.CaptureFixture[str]) -> str:
    index = json.loads((VECTORS / "index.json").read_text(encoding="utf-8"))
    capture = next(each for each in index["captures"] if each["file"].startswith(number))
    config = config_in(directory, capture["password"], capture["vhid"], f"{capture['vip']}/24")
    assert main(["replay", str(VECTORS / capture["file"]), "--config", config]) == 0
    return capsys.readouterr().out


def test_the_journals_of_a_trace_are_without_the_faults() -> None:
    """A fault that names its host is no line of that host's journal."""
    found = journals(trace_of(master_dies()))
    assert list(found) == ["a", "b", "c"]
    for lines in found.values():
        assert '"journal"' in lines[0]
        assert all(line.startswith(('{"journal":', '{"n":')) for line in lines)


def test_a_capture_of_a_simulation_is_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What the simulator captured, an observer understands: it names the failover and its cause."""
    path = tmp_path / "lan.pcap"
    with path.open("wb") as file:
        world = World(master_dies())
        Capture(world.segments["lan"], file)
        world.run()
    assert main(["replay", str(path), "--scenario", scenario_in(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert "VHID 7 moved from 10.0.0.1 to 10.0.0.2" in told
    assert "the old master fell silent" in told
    assert "VHID 7: 10.0.0.2: master since" in told


def test_a_capture_that_ends_in_the_middle_of_a_frame_is_read_up_to_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A capture that was stopped suddenly is as good as its whole frames."""
    whole = (VECTORS / "09-ucarp-failover-sigkill.pcap").read_bytes()
    (tmp_path / "cut.pcap").write_bytes(whole[:-75])
    config = config_in(tmp_path, vhid=42, address="10.99.0.252/24")
    assert main(["replay", str(tmp_path / "cut.pcap"), "--config", config]) == 0
    told = capsys.readouterr()
    assert "frames in" in told.out
    assert told.err == f"carpsim replay: {tmp_path / 'cut.pcap'}: truncated: it ends in the middle of a frame\n"


@pytest.mark.parametrize("name", ["09-ucarp-failover-sigkill.pcap", "pcapng"])
def test_only_whole_frames_of_a_capture_count(name: str) -> None:
    """Wherever it is cut, the frames before are as they were, and only between two frames nobody sees the cut."""
    whole = (VECTORS / "09-ucarp-failover-sigkill.pcap").read_bytes()
    if name == "pcapng":
        ours = io.BytesIO()
        writer = dpkt.pcapng.Writer(ours)
        for at, frame in list(read_frames(io.BytesIO(whole)))[:4]:
            writer.writepkt(frame, at / SECOND)
        whole = ours.getvalue()
    frames = list(read_frames(io.BytesIO(whole)))
    unseen = 0
    for end in range(len(whole) - 150, len(whole)):
        found: list[tuple[int, bytes]] = []
        try:
            for seen in read_frames(io.BytesIO(whole[:end])):
                found.append(seen)  # noqa: PERF402 - what came before the error counts, too
            unseen += 1
        except TruncatedCaptureError:
            pass
        assert found == frames[: len(found)]
        assert len(found) < len(frames)
    assert unseen <= 150 // min(len(frame) + 16 for _, frame in frames) + 1


@pytest.mark.parametrize(
    ("content", "options", "complaint"),
    [
        (b"", [], "expected a trace, a journal, a counterexample"),
        (b"hello\n", [], "expected a trace, a journal, a counterexample"),
        (b'{"journal":1}\n', [], "give --config"),
        (bytes.fromhex("d4c3b2a1"), ["--scenario", "SCENARIO"], "expected a pcap"),
        (bytes.fromhex("d4c3b2a1"), [], "give --config FILE, or --scenario"),
    ],
)
def test_what_is_missing_is_said(tmp_path: Path, content: bytes, options: list[str], complaint: str) -> None:
    """What cannot be played again is refused with a sentence that says what would do."""
    path = tmp_path / "file"
    path.write_bytes(content)
    options = [scenario_in(tmp_path) if option == "SCENARIO" else option for option in options]
    with pytest.raises(SystemExit, match=complaint):
        main(["replay", str(path), *options])


@pytest.mark.parametrize("name", ["noise.toml", "noise.jsonl"])
def test_noise_is_refused_in_a_line(tmp_path: Path, name: str) -> None:
    """Bytes that are no text, whatever the file is called."""
    path = tmp_path / name
    path.write_bytes(bytes(range(128, 256)))
    with pytest.raises(SystemExit) as caught:
        main(["replay", str(path)])
    (line,) = str(caught.value).splitlines()
    assert str(path) in line


def test_noise_behind_a_trace_is_refused_in_a_line(tmp_path: Path) -> None:
    """A file that was overwritten in its middle is no text any more."""
    path = tmp_path / "noise.jsonl"
    path.write_bytes("".join(trace_of(master_dies())).encode() + b"\xff\n")
    with pytest.raises(SystemExit, match="not a text in UTF-8") as caught:
        main(["replay", str(path), "--scenario", scenario_in(tmp_path)])
    (line,) = str(caught.value).splitlines()
    assert str(path) in line


def test_a_trace_of_an_unknown_scenario_asks_for_its_file(tmp_path: Path) -> None:
    """A trace names its scenario; one that the library has not got must be given."""
    trace = written(tmp_path, trace_of(master_dies()))
    with pytest.raises(SystemExit, match="the library has no scenario a test: give its file with --scenario"):
        main(["replay", trace])


def test_frames_of_another_link_type_are_refused(tmp_path: Path) -> None:
    """A capture of all interfaces has no Ethernet headers, and is refused with what would be right."""
    path = tmp_path / "any.pcap"
    with path.open("wb") as file:
        Capture(Segment(Engine()), file)
    header = bytearray(path.read_bytes())
    header[20:24] = (113).to_bytes(4, "little" if header[0] == 0x4D else "big")
    path.write_bytes(header)
    with pytest.raises(SystemExit, match="link type 113: expected Ethernet"):
        main(["replay", str(path), "--scenario", scenario_in(tmp_path)])
