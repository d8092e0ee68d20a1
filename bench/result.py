"""The form of every benchmark's result: bench/results/ROW.json and one line on standard output."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "results"


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured quantity over all runs."""

    median: float
    min: float
    max: float
    mean: float


def figure(values: Sequence[float]) -> Figure:
    """The figure of some runs. Raises statistics.StatisticsError without any."""
    return Figure(statistics.median(values), min(values), max(values), statistics.fmean(values))


def write(  # what a row consists of
    row: str,
    unit: str,
    ours: Figure,
    peer_name: str,
    peer: Figure | None,
    *,
    target: str,
    ok: bool,
    runs: int,
    command: str,
) -> None:
    """Write the row's file and say it in one line. The ratio is of the means; None without a peer."""
    ratio = ours.mean / peer.mean if peer is not None and peer.mean else None
    content = {
        "row": row,
        "unit": unit,
        "ours": asdict(ours),
        "peer": {"name": peer_name, **(asdict(peer) if peer is not None else {})},
        "ratio": ratio,
        "target": target,
        "ok": ok,
        "runs": runs,
        "command": command,
    }
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{row}.json").write_text(json.dumps(content, indent=2) + "\n")
    beside = f"{peer_name}: {peer.mean:.2f}" if peer is not None else f"{peer_name}: not measured"
    shown = "no ratio" if ratio is None else f"{ratio:.3f} of the peer's"
    print(
        f"{row}: {ours.mean:.2f} {unit} in the mean, {ours.max:g} at most, {shown} "
        f"({beside}); target {target}: {'met' if ok else 'MISSED'}"
    )
