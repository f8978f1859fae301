import json
from pathlib import Path

import pytest

from carpsim.counted import ordinal
from carpsim.library import names, text_of
from carpsim.main import main


def test_run_tells_what_happened_and_that_it_was_expected(capsys: pytest.CaptureFixture[str]) -> None:
    """Transitions with their reasons, who had the address when, outages, and expectations that are met."""
    assert main(["run", "master-killed"]) == 0
    told = capsys.readouterr().out
    assert "BACKUP -> MASTER: no valid advertisement for 3.078 s from 10.0.0.1" in told
    assert "*** crash, host a, power True" in told
    assert "    b from 13.078 s to the end" in told
    assert "user had 2 outages of 10.0.0.100" in told
    assert "4 expectations, none of them not met" in told


def test_run_tells_when_a_fault_ends(capsys: pytest.CaptureFixture[str]) -> None:
    """What lasts has an end, and that is told where it comes; so is how many checks had nothing to look at."""
    main(["run", "split-brain-and-heal"])
    told = capsys.readouterr().out
    places = [
        told.index(words) for words in ("*** partition", "b  BACKUP -> MASTER", "*** end of partition, parts a")
    ]
    assert places == sorted(places)
    assert "10 checks, none of them violated, 1 with nothing to judge" in told


def test_run_tells_the_longest_of_many_outages(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A lossy network makes many outages of a probe; ten of them are told, the longest ones."""
    file = tmp_path / "lossy.toml"
    file.write_text(text_of("master-killed") + "\n[segment.lan]\noutward = { loss = 0.2 }\n")
    main(["run", str(file)])
    told = capsys.readouterr().out.partition("; the longest 10:\n")[2]
    assert told.count("lost\n") == 10


def test_run_fails_if_something_was_not_as_expected(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The exit status is 1, and the sentence says what was."""
    file = tmp_path / "wrong.toml"
    file.write_text(text_of("one-host") + '\n[[expect]]\ntype = "holders"\nat = "5s"\nhosts = []\n')
    assert main(["run", str(file)]) == 1
    assert "10.0.0.100 is on a at 5s, expected on nobody" in capsys.readouterr().out


def test_run_fails_if_a_check_is_violated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The exit status is 1, and the verdict has its bound."""
    file = tmp_path / "violated.toml"
    file.write_text(text_of("wrong-password").replace("checks = [", 'checks = ["one-holder", '))
    assert main(["run", str(file)]) == 1
    told = capsys.readouterr().out
    assert "5 checks, 1 of them violated" in told
    assert "    one-holder: violated at 3.000050001 s: a and b hear each other" in told


def test_run_writes_a_trace_and_a_page(tmp_path: Path) -> None:
    """The trace is one JSON object a line, and the page stands alone."""
    trace, page = tmp_path / "trace.jsonl", tmp_path / "page.html"
    assert main(["run", "one-host", "--seed", "5", "--trace", str(trace), "--report", str(page)]) == 0
    header = json.loads(trace.read_text().splitlines()[0])
    assert (header["scenario"], header["seed"]) == ("one-host", 5)
    assert "<title>" in page.read_text()


def test_run_writes_captures_that_the_observer_reads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One file for each segment, with all that passed; who was master when comes out of it again."""
    assert main(["run", "master-killed", "--capture", str(tmp_path / "captures")]) == 0
    capsys.readouterr()
    assert [file.name for file in (tmp_path / "captures").iterdir()] == ["lan.pcap"]
    assert main(["replay", str(tmp_path / "captures" / "lan.pcap"), "--scenario", "master-killed"]) == 0
    told = capsys.readouterr().out
    assert "10.0.0.2: master since 13.0" in told


def test_two_runs_are_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    """``--check-determinism`` runs twice, and says the digest of both."""
    assert main(["run", "flapping-link", "--check-determinism"]) == 0
    assert "two runs have the same trace of" in capsys.readouterr().out


def test_mistakes_of_a_file_end_the_command(tmp_path: Path) -> None:
    """Who runs a file with mistakes is told all of them."""
    file = tmp_path / "wrong.toml"
    file.write_text("durration = 5\n")
    with pytest.raises(SystemExit, match=r"wrong\.toml:1: durration: there is no such key; did you mean duration"):
        main(["run", str(file)])
    with pytest.raises(SystemExit, match="no such file, and the library has: asymmetric-partition"):
        main(["run", "no-such-scenario"])


def test_list_has_a_line_for_each_scenario(capsys: pytest.CaptureFixture[str]) -> None:
    """Each line is a name and the first sentence of its description."""
    assert main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(names())


def test_show_prints_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    """What is shown is the file, to be changed and run."""
    assert main(["show", "one-host"]) == 0
    assert capsys.readouterr().out == text_of("one-host")


def test_report_draws_a_page(tmp_path: Path) -> None:
    """The page has the name of the scenario."""
    page = tmp_path / "page.html"
    assert main(["report", "one-host", "-o", str(page)]) == 0
    assert "one-host" in page.read_text()


def test_check_looks_before_it_runs_where_failures_go(tmp_path: Path) -> None:
    """A file cannot hold others, neither itself nor in a directory below it."""
    file = tmp_path / "found"
    file.touch()
    for save in (file, file / "of-today"):
        with pytest.raises(SystemExit) as caught:
            main(["check", "--seeds", "1", "--save", str(save)])
        assert str(caught.value) == f"carpsim check: --save {save}: expected a directory; {file} is none"
    assert main(["check", "--seeds", "1", "--save", str(tmp_path / "new" / "today")]) == 0


def test_numbers_of_an_order_are_written_as_they_are_said() -> None:
    """Also from 11 to 13, which are no eleven-first."""
    numbers = {1: "1st", 2: "2nd", 3: "3rd", 4: "4th", 10: "10th", 11: "11th", 12: "12th", 13: "13th", 21: "21st"}
    assert {number: ordinal(number) for number in (*numbers, 102, 111, 112)} == {
        **numbers,
        102: "102nd",
        111: "111th",
        112: "112th",
    }
