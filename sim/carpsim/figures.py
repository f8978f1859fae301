"""Figures of sweeps and runs, as they are printed: SVG, and PNG at 200 dots an inch."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from carpsim.named_file import named
from carpsim.recording import Recording
from carpsim.summary import Group
from triocarp.core.timing import SECOND

_WIDTH: Final = 6.3  # inches, the text width of a page of A4
_HEIGHT: Final = 3.6
_DPI: Final = 200
_MASTER: Final = "#1b7f4d"
_BACKUP: Final = "#a9c3dd"
_ABSENT: Final = "#e6e1da"
_HOLD: Final = "#e0a100"
_BAD: Final = "#c0392b"


def draw_outages(groups: Sequence[Group], path: Path) -> None:
    """Draw how often which outage was not exceeded: a curve for each setting.

    Args:
        groups: of the sweep.
        path: of the files, without their endings.
    """
    figure, axes = _figure()
    for group in groups:
        axes.ecdf(group.longest, label=_settings(group))
    axes.set_xlabel("longest outage of a run, at the client, s")
    axes.set_ylabel("share of runs")
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small", frameon=False)
    _save(figure, path)


def draw_heat_map(groups: Sequence[Group], path: Path) -> bool:
    """Draw the median outage over two parameters, and return whether there are two whose values make a grid.

    Args:
        groups: of the sweep.
        path: of the files, without their endings.
    """
    varied = [
        name
        for place, (name, _) in enumerate(groups[0].settings)
        if len({group.settings[place][1] for group in groups}) > 1
    ]
    if len(varied) != 2:  # noqa: PLR2004 - a plane has two directions
        return False
    across, up = varied
    columns = list(dict.fromkeys(dict(group.settings)[across] for group in groups))
    rows = list(dict.fromkeys(dict(group.settings)[up] for group in groups))
    medians = {(dict(group.settings)[up], dict(group.settings)[across]): group.median.value for group in groups}
    if len(medians) != len(columns) * len(rows):
        return False
    figure, axes = _figure()
    cells = [[medians[row, column] for column in columns] for row in rows]
    image = axes.imshow(cells, aspect="auto", origin="lower", cmap="viridis")
    axes.set_xticks(range(len(columns)), [str(value) for value in columns])
    axes.set_yticks(range(len(rows)), [str(value) for value in rows])
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    figure.colorbar(image, label="median of the longest outage, s")
    _save(figure, path)
    return True


def draw_time_line(recording: Recording, path: Path) -> None:
    """Draw what happened in one run: a lane for each virtual host and for each client.

    Args:
        recording: of a run that has ended; `Recording.finish` has been called.
        path: of the files, without their endings.
    """
    lanes, clients = tuple(recording.lanes.values()), tuple(recording.clients.values())
    end = recording.world.scenario.duration
    figure, axes = _figure(height=0.9 + 0.45 * (len(lanes) + len(clients)))
    for row, lane in enumerate(lanes):
        for span in lane.absences:
            _bar(axes, row, span.begin, span.end or end, _ABSENT)
        for span in lane.states:
            _bar(axes, row, span.begin, span.end or end, _MASTER if span.what == "MASTER" else _BACKUP)
        for span in lane.holds:
            _bar(axes, row + 0.3, span.begin, span.end or end, _HOLD, height=0.12)
        axes.plot([at / SECOND for at in lane.announcements], [row - 0.35] * len(lane.announcements), "kv", ms=3)
    for row, client in enumerate(clients, len(lanes)):
        for span in client.answerers:
            _bar(axes, row, span.begin, span.end or end, _BACKUP, height=0.3)
        for outage in client.outages:
            _bar(axes, row, outage.begin, outage.end or end, _BAD, height=0.3)
    for at, _ in recording.faults:
        axes.axvline(at / SECOND, color=_BAD, linestyle="--", linewidth=0.7)
    names = [lane.name for lane in lanes] + [client.name for client in clients]
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_xlim(0, end / SECOND)
    axes.set_xlabel("s")
    _save(figure, path)


def _figure(height: float = _HEIGHT) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(_WIDTH, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots()


def _bar(axes: Axes, row: float, begin: int, end: int, colour: str, *, height: float = 0.5) -> None:
    axes.barh(row, (end - begin) / SECOND, left=begin / SECOND, height=height, color=colour)


def _settings(group: Group) -> str:
    return ", ".join(f"{path.rpartition('.')[2]} {value}" for path, value in group.settings) or "all runs"


def _save(figure: Figure, path: Path) -> None:
    # Ids of an SVG are random unless they are salted, and its date is today's: the same data, the same bytes.
    svg, png = path.with_suffix(".svg"), path.with_suffix(".png")
    with mpl.rc_context({"svg.hashsalt": "carpsim"}), named(svg):
        figure.savefig(svg, metadata={"Date": None})
    with named(png):
        figure.savefig(png, dpi=_DPI)
