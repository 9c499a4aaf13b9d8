"""The parts of a page, each a piece of HTML from results."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import PurePath
from typing import TYPE_CHECKING

from benchmarks import reference
from benchmarks.folder import KINDS
from benchmarks.quality import GOOD_IOU, Measured
from benchmarks.report import charts
from benchmarks.report.pictures import KEPT, LOST, PARTS, file_name
from benchmarks.speed import Timed

if TYPE_CHECKING:
    from benchmarks.cutout import Confidence

# Mean IoU and MAE of prototypes, by kind. Measured on other pictures, so they show a direction and no rank.
PROTOTYPES = {
    "border model, GrabCut, line matting; no network": (
        (0.975, 0.0053), (0.976, 0.0059), (0.975, 0.0061), (0.859, 0.0355), (0.779, 0.0755)),
    "a public saliency network of 0.14 M parameters alone": (
        (0.971, 0.0184), (0.976, 0.0176), (0.978, 0.0166), (0.965, 0.0226), (0.766, 0.0993)),
    "that network, then GrabCut and line matting": (
        (0.987, 0.0028), (0.992, 0.0022), (0.995, 0.0015), (0.986, 0.0038), (0.803, 0.0714)),
}  # fmt: skip
PART_WORDS = {"photo": "photo", "cutout": "cut-out on a checkerboard", "error": "error map"}


def tiles(results: Sequence[Measured], trust: Confidence, timed: Timed | None) -> str:
    """The half-dozen figures somebody comes for."""
    shown = [
        (f"{statistics.fmean(r.score.iou for r in results):.3f}", "mean IoU over all photos"),
        (percent(trust.accepted_share_plain), "of white, grey and paper accepted unseen"),
        (f"{trust.bad} of {trust.accepted}", f"accepted ones are wrong (IoU under {GOOD_IOU})"),
        (number(trust.auroc), "AUROC of the confidence"),
    ]
    if timed:
        shown += [
            (f"{timed.seconds_1024:.2f} s", "per cut-out, the photos' own size"),
            (f"{timed.packshot_seconds:.2f} s", "per packshot, file to file"),
        ]
    return '<ul class="tiles">' + "".join(f"<li><b>{v}</b><span>{w}</span></li>" for v, w in shown) + "</ul>"


def quality_table(results: Sequence[Measured], timed: Timed | None, threshold: float) -> str:
    """One row per kind of backdrop, and one for all."""
    with_reference = any(r.reference for r in results)
    heads = [
        "backdrop",
        "photos",
        "IoU",
        "lowest",
        f"IoU ≥ {GOOD_IOU}",
        "MAE",
        "edge MAE",
        "accepted",
        "of these wrong",
        "CPU s",
    ]
    heads += ["median s"] if timed else []
    heads += ["GrabCut IoU", "GrabCut MAE"] if with_reference else []
    groups = {kind: [r for r in results if r.kind == kind] for kind in KINDS} | {"all": list(results)}
    rows = "".join(
        _quality_row(name, mine, timed, threshold, with_reference) for name, mine in groups.items() if mine
    )
    head = "".join(f'<th scope="col">{escape(h)}</th>' for h in heads)
    return (
        '<h2>Quality by backdrop</h2><div class="table" tabindex="0"><table><thead><tr>'
        f"{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _quality_row(
    name: str, mine: Sequence[Measured], timed: Timed | None, threshold: float, with_reference: bool
) -> str:
    accepted = [r for r in mine if r.confidence >= threshold]
    edges = [r.score.edge_mae for r in mine if r.score.edge_mae is not None]
    cells = [
        str(len(mine)),
        f"<b>{statistics.fmean(r.score.iou for r in mine):.3f}</b>",
        f"{min(r.score.iou for r in mine):.3f}",
        percent(sum(r.score.good for r in mine) / len(mine)),
        f"{statistics.fmean(r.score.mae for r in mine):.4f}",
        f"{statistics.fmean(edges):.3f}" if edges else "–",
        percent(len(accepted) / len(mine)),
        str(sum(not r.score.good for r in accepted)),
        f"{statistics.median(r.cpu_seconds for r in mine):.2f}",
    ]
    if timed:
        seconds = [timed.by_photo[r.name].seconds for r in mine if r.name in timed.by_photo]
        cells.append(f"{statistics.median(seconds):.2f}" if seconds else "–")
    if with_reference:
        known = [r.reference for r in mine if r.reference]
        cells += [
            f"{statistics.fmean(s.iou for s in known):.3f}",
            f"{statistics.fmean(s.mae for s in known):.4f}",
        ]
    return f'<tr><th scope="row">{name}</th>' + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def distribution(results: Sequence[Measured]) -> str:
    """Where each photo stands: a mean hides the one that a merchant will see."""
    rows = {k: [(r.name, r.score.iou) for r in results if r.kind == k] for k in KINDS}
    return _figure(
        charts.distribution({k: v for k, v in rows.items() if v}, GOOD_IOU),
        f"Every photo. Left of the dashed line (IoU {GOOD_IOU}, red) a merchant would not publish it.",
    )


def confidence(results: Sequence[Measured], trust: Confidence, threshold: float) -> str:
    """Whether the confidence means what it says."""
    photos = [(r.name, r.confidence, r.score.iou) for r in results]
    words = (
        f"The confidence states the probability of IoU ≥ {GOOD_IOU}. AUROC {number(trust.auroc)}, Brier score "
        f"{number(trust.brier)}, expected calibration error {number(trust.calibration_error)}, {len(results)} photos."
    )
    return (
        f'<h2>Confidence</h2><p>{words}</p><div class="charts">'
        + _figure(charts.reliability(trust.bins), "Reliability: on the dashed line it means what it says. "
                  "Numbers count photos; upright lines are 95 % intervals.")
        + _figure(charts.trust(photos, GOOD_IOU, threshold), f"Right of the upright line ({threshold:g}): accepted. "
                  "Right and below (red) is what a shopper would see wrong.")
        + "</div>"
    )  # fmt: skip


def speed(timed: Timed) -> str:
    """Seconds and memory over size, and where a packshot's time goes."""
    seconds = [(s.megapixels, s.seconds) for s in timed.sizes]
    memory = [(s.megapixels, s.peak_mib) for s in timed.sizes]
    pace = timed.seconds_1024 / timed.reference_seconds
    words = (
        f"At the photos' own size a cut-out takes {timed.seconds_1024:.2f} s "
        f"(median; {timed.cpu_seconds_1024:.2f} s of CPU), "
        f"{pace:.2f} times the yardstick of this machine ({escape(reference.NAME)}: {timed.reference_seconds:.2f} s). "
        f"A white packshot takes {timed.packshot_seconds:.2f} s ({timed.packshot_cpu_seconds:.2f} s of CPU)."
    )
    plots = []
    if seconds:
        slope = (
            f" Time grows as pixels to the power {timed.exponent:.2f}." if timed.exponent is not None else ""
        )
        base = max(s.import_mib for s in timed.sizes)
        grown, held = charts.growth(seconds, "seconds", True), charts.growth(memory, "MiB", False)
        plots = [
            _figure(grown, f"Seconds per cut-out, both axes logarithmic.{slope}"),
            _figure(held, f"Peak memory of a fresh process; {base:.0f} MiB of it are imports."),
        ]
    plots.append(_figure(charts.bars(timed.stages, "s"), "Where a packshot's time goes (median per stage)."))
    table = _sizes_table(timed) if timed.sizes else ""
    return f'<h2>Speed and memory</h2><p>{words}</p><div class="charts">{"".join(plots)}{table}</div>'


def prototypes() -> str:
    """What other ways gave, on other pictures."""
    head = "".join(f'<th scope="col">{kind}</th>' for kind in KINDS)
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th>'
        + "".join(f"<td>{iou:.3f} / {mae:.4f}</td>" for iou, mae in figures)
        + "</tr>"
        for name, figures in PROTOTYPES.items()
    )
    return (
        "<details><summary>What prototypes gave on other composites</summary><p>Mean IoU / MAE on 200 "
        "other composites of the same five kinds at 1024 px, measured by us in November 2026. The pictures differ "
        "from those above, so a difference of a few thousandths means nothing.</p>"
        '<div class="table" tabindex="0"><table><thead><tr>'
        f'<th scope="col">way</th>{head}</tr></thead><tbody>{rows}</tbody></table></div></details>'
    )


def _sizes_table(timed: Timed) -> str:
    rows = "".join(
        f'<tr><th scope="row">{s.megapixels:.2g} MP</th><td>{s.seconds:.2f}</td><td>{s.cpu_seconds:.2f}</td>'
        f"<td>{s.peak_mib:.0f}</td><td>{s.peak_mib - s.import_mib:.0f}</td></tr>"
        for s in timed.sizes
    )
    head = "".join(
        f'<th scope="col">{h}</th>' for h in ("size", "seconds", "CPU s", "peak MiB", "over imports")
    )
    return f'<div class="table" tabindex="0"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def key() -> str:
    """What the colours of an error map mean."""
    red, blue = (f'<span class="key" style="background:rgb{colour}"></span>' for colour in (KEPT, LOST))
    return f'<p class="soft">Error maps: {red} backdrop that stayed, {blue} product that is gone.</p>'


def cards(results: Sequence[Measured], threshold: float, lazy: bool = False) -> str:
    """Three pictures and the numbers of each; a red card was accepted and is wrong. `lazy`: load when seen."""
    return '<div class="cards">' + "".join(_card(r, threshold, lazy) for r in results) + "</div>"


def _card(r: Measured, threshold: float, lazy: bool) -> str:
    loading = ' loading="lazy"' if lazy else ""
    accepted = r.confidence >= threshold
    wrong = accepted and not r.score.good
    name = escape(r.name, quote=True)
    images = "".join(
        f'<img src="pictures/{escape(file_name(r.name, part), quote=True)}" width="420" height="420"{loading} '
        f'alt="{name}: {PART_WORDS[part]}">'
        for part in PARTS
    )
    edge = "" if r.score.edge_mae is None else f" · edge {r.score.edge_mae:.3f}"
    verdict = "accepted unseen" if accepted else "a person looks"
    mark = "bad" if wrong else "good" if accepted else ""
    error = f'<br><span class="mark bad">{escape(r.error)}</span>' if r.error else ""
    cut = f' <span class="soft">{escape(PurePath(r.cut).stem)}</span>' if r.cut else ""
    return (
        f'<article class="card{" bad" if wrong else ""}"><div class="trio">{images}</div><p><b>{name}</b> · IoU '
        f"<b>{r.score.iou:.3f}</b> · MAE {r.score.mae:.4f}{edge} · confidence {r.confidence:.3f}, "
        f'<span class="mark {mark}">{verdict}</span>{cut}{error}</p></article>'
    )


def how(were_drawn: bool) -> str:
    """What the words mean, and what the figures can't tell."""
    source = (
        "<p>The photos were drawn by this project with exact mattes: a dozen products, so a coarse check. "
        "Measure a folder of your own with BENCH_DATA before you believe the level of any figure here.</p>"
        if were_drawn
        else "<p>Composites are easier than real photos: believe the differences more than the level.</p>"
    )
    return f"""<h2>How it was measured</h2>{source}
<p>IoU compares both mattes cut at one half. MAE is the mean absolute error of alpha, 0 to 1. The edge band is
everything within 6 px (per 1024 px of the longer side) of the true edge, half-covered pixels and hard steps alike.
CPU seconds are of runs beside one another; median seconds of a process alone, from the file's bytes to the matte.
GrabCut is the yardstick: {escape(reference.NAME)}, on the same photos.</p>"""


def facts(rows: Mapping[str, str]) -> str:
    """Heading and words, two columns."""
    return "<dl>" + "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in rows.items()) + "</dl>"


def percent(value: float | None) -> str:
    """0.873 → 87 %; a dash for None."""
    return "–" if value is None else f"{100 * value:.0f} %"


def number(value: float | None) -> str:
    """Three decimals; a dash for None."""
    return "–" if value is None else f"{value:.3f}"


def _figure(drawing: str, words: str) -> str:
    return f'<figure class="chart">{drawing}<figcaption>{escape(words)}</figcaption></figure>'
