"""Turn the JSON of a run into Markdown: who wins and by how much, then every measurement, losses as plainly as wins."""
import functools
import os
import pathlib

from . import machine

WANTED = 1e-6
BEGIN, END = "<!-- bench -->", "<!-- /bench -->"
TITLES = {"main": "Paths and fits", "losses": "Logistic and Poisson paths and fits",
          "losses-cv": "Cross-validation of logistic paths", "real": "Real data", "cv": "Cross-validation",
          "structures": "Structured data, and the time on independent columns of the same shape", "scaling": "Scaling"}
BEST_ROUNDING = 1e-12  # of P(0): below this an objective is no further from the best than it claims


def seconds(value):
    """Write a time with three digits in a unit that fits."""
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if value >= scale:
            return f"{value / scale:.3g} {unit}"
    return f"{value / 1e-6:.2g} us"


def worst_gap(row):
    """Return the larger of the two referees' gaps: that of NumPy at all alphas, that of verify at the worst of them."""
    return max(row["gap"], row.get("gap_verify") or 0.0, 0.0)


def _gap(row):
    """Write the worst gap, and what is wrong with the row."""
    if row["gap"] is None:
        return f"curve off by {row['curve_error']:.0e}"
    text = f"{worst_gap(row):.0e}"
    if _referees_differ(row):
        text += f" (NumPy: {max(row['gap'], 0):.0e})"
    if "suboptimality" in row:
        text += f", off by {max(row['suboptimality'], 0.0):.0e}"
    if _overclaims(row):
        text += " **claims less**"
    if _misses(row):
        text += f" **misses the promised {row['promised']:.0e}**"
    if row.get("n_answered", row["n_alphas"]) < row["n_alphas"]:
        text += f", only {row['n_answered']} of {row['n_alphas']} alphas"
    return text


def _referees_differ(row):
    """Whether verify finds a gap that is noticeably larger than that of the few lines of NumPy."""
    return "suboptimality" not in row and worst_gap(row) > 2 * max(row["gap"], 0.0) + 1e-14


def _overclaims(row):
    """Whether a solver claims a gap that is smaller than the distance of its objective from the best one known."""
    return (row.get("overclaimed") or 0.0) > BEST_ROUNDING


def _misses(row):
    """Whether a solver left a larger gap than its tolerance promises (two per cent are allowed for rounding).

    The gap is that of verify for losses whose scaled residual is a loose dual point.
    """
    if row["gap"] is None or row.get("promised") is None:
        return False
    left = row["gap_verify"] or 0.0 if "suboptimality" in row else worst_gap(row)
    return left > 1.02 * row["promised"] + 1e-14


def complete(row):
    """Whether a row has a time and an answer at every alpha."""
    timed = row["status"] == "ok" and row["median"] is not None
    return timed and row.get("n_answered", row["n_alphas"]) == row["n_alphas"]


def is_ours(row):
    """Whether a row is fastlasso's."""
    return row["rival"] == "fastlasso"


def _fastest(rows):
    return min(rows, key=lambda row: row["median"], default=None)


def best_loose(rows):
    """Return the fastest rival at its default tolerance, whatever gap that leaves."""
    return _fastest([r for r in rows if complete(r) and not is_ours(r) and r["kind"] == "default"])


def best_tight(rows, wanted=WANTED):
    """Return the fastest rival whose worst gap, or distance from the best where that is known, is at most `wanted`."""
    return _fastest([r for r in rows if complete(r) and not is_ours(r) and r["gap"] is not None
                     and r.get("suboptimality", worst_gap(r)) <= wanted])


def ours(rows):
    """Return fastlasso's row: at 1e-9 where that was run, else at its default."""
    found = {r["kind"]: r for r in rows if is_ours(r) and complete(r)}
    return found.get("tight") or found.get("default")


def ours_at(rows, kind):
    """Return fastlasso's row of one setting, or None."""
    return next((r for r in rows if is_ours(r) and complete(r) and r["kind"] == kind), None)


def _ratio(mine, theirs):
    """Write our time over theirs; above 1 is a loss and says so, and void when our promise was not kept."""
    if mine is None or theirs is None:
        return "-"
    if _misses(mine) or _overclaims(mine):
        return "**void**"
    ratio = mine["median"] / theirs["median"]
    return f"**{ratio:.2g} (slower)**" if ratio > 1 else f"{ratio:.2g}"


def _cell(row):
    if row is None:
        return "-"
    name = "" if is_ours(row) else f"{row['name']} "
    return f"{name}{seconds(row['median'])} @{_gap(row)}"


def _limit(row):
    """Write our time as a multiple of the physical limit."""
    return "-" if row is None or not row.get("limit") else f"{row['median'] / row['limit']:.3g} x"


def _table(head, body):
    lines = [f"| {' | '.join(head)} |", "|" + " --- |" * len(head)]
    return lines + [f"| {' | '.join(row)} |" for row in body]


def summary(by_case, targets):
    """Return the lines of the table of ratios, one row per path or fit."""
    head = ["case", "fastlasso", "fastest rival at its default", "ratio", f"fastest rival with gap <= {WANTED:.0e}",
            "ratio", "of the physical limit", "promised"]
    body = []
    for name, rows in by_case.items():
        mine, loose, tight = ours(rows), best_loose(rows), best_tight(rows)
        body.append([name, _cell(mine), _cell(loose), _ratio(mine, loose), _cell(tight), _ratio(mine, tight),
                     _limit(mine), targets.get(name, "")])
    return _table(head, body)


def summary_of_losses(by_case, targets):
    """Return the lines of the table of other losses: fastlasso at its default, and at the gap of a loose rival."""
    head = ["case", "fastlasso", "passes", "fastest rival at its default", "ratio", "fastlasso at that gap", "ratio",
            f"fastest rival within {WANTED:.0e} of the best", "ratio", "promised"]
    body = []
    for name, rows in by_case.items():
        mine, match = ours_at(rows, "default"), ours_at(rows, "match")
        loose, tight = best_loose(rows), best_tight(rows)
        passes = "-" if mine is None or mine.get("passes") is None else f"{mine['passes']:.3g}"
        body.append([name, _cell(mine), passes, _cell(loose), _ratio(mine, loose), _cell(match), _ratio(match, loose),
                     _cell(tight), _ratio(mine, tight), targets.get(name, "")])
    return _table(head, body)


def twin_ratio(mine, by_case):
    """Return fastlasso's time over that on the easy twin of its case, None where that was not measured."""
    twin = ours(by_case.get(mine["twin"], [])) if mine and mine.get("twin") else None
    return mine["median"] / twin["median"] if twin else None


def summary_of_structures(by_case, targets):
    """Return the lines of the table of structured data: fastlasso beside its easy twin, and rivals at their defaults.
    """
    head = ["case", "fastlasso", "of its easy twin", "fastest rival at its default", "ratio",
            f"fastest rival with gap <= {WANTED:.0e}", "ratio", "rivals not done", "promised"]
    body = []
    for name, rows in by_case.items():
        mine, loose, tight = ours(rows), best_loose(rows), best_tight(rows)
        own = twin_ratio(mine, by_case)
        undone = ", ".join(sorted(row["name"] for row in rows if not complete(row) and not is_ours(row))) or "-"
        body.append([name, _cell(mine), "-" if own is None else f"{own:.2g} x", _cell(loose), _ratio(mine, loose),
                     _cell(tight), _ratio(mine, tight), undone, targets.get(name, "")])
    return _table(head, body)


def _jobs(row):
    """Write the extra memory of a cross-validation at one and two threads, as shares of X."""
    found = (row or {}).get("extra_bytes_of_jobs")
    return "-" if not found else ", ".join(
        "?" if extra is None else f"{extra / row['x_bytes']:.2g} x" for extra in found.values())


def _own_path(mine, path):
    """Write the time of a cross-validation as a multiple of that of the path on all rows, at the same tolerance."""
    return "-" if mine is None or path is None else f"{mine['median'] / path['median']:.2g} x"


def summary_of_folds(by_case, targets, paths):
    """Return the lines of the table of cross-validations: fastest rival, chosen alphas, memory at 1 and 2 threads.

    `paths` are the rows of all cases; that of NAME-cv is NAME.
    """
    head = ["case", "fastlasso", "of own path", "fastest rival at its default", "ratio", "chosen (slow reference)",
            "the rival's", "extra memory at 1, 2 threads", "the rival's", "of the physical limit", "promised"]
    body = []
    for name, rows in by_case.items():
        mine, rival = ours(rows), best_loose(rows)
        chosen = "-" if mine is None else f"{mine['chosen']:.4g} ({mine['chosen_reference']:.4g})"
        theirs = "-" if rival is None else f"{rival['chosen']:.4g}"
        own = _own_path(mine, ours_at(paths.get(name.removesuffix("-cv"), []), "default"))
        body.append([name, _cell(mine), own, _cell(rival), _ratio(mine, rival), chosen, theirs,
                     _jobs(mine), _jobs(rival), _limit(mine), targets.get(name, "")])
    return _table(head, body)


def scaling(by_case):
    """Return the lines of the table of scaling cases: one row per axis and solver, one time per size."""
    axes = {}
    for rows in by_case.values():
        for row in rows:
            if row["kind"] == "default":
                axes.setdefault((row["axis"], row["name"]), {})[row["at"]] = row
    body = []
    for (axis, name), found in axes.items():
        times = [f"{at:g}: {seconds(row['median']) if complete(row) else row['status']}"
                 for at, row in sorted(found.items())]
        body.append([axis, name, "; ".join(times)])
    return _table(["what grows", "solver", "time"], sorted(body, key=lambda row: list(axes).index(tuple(row[:2]))))


def _memory(row):
    if row.get("extra_bytes_of_jobs"):
        return _jobs(row)
    return "-" if row.get("extra_bytes") is None else f"{row['extra_bytes'] / 1e6:.3g} MB"


def _detail_row(row):
    start = [row["case"], row["name"], row["kind"], "-" if row["tol"] is None else f"{row['tol']:.1e}"]
    if row["status"] != "ok" or row["median"] is None:
        return [*start, row["status"], "", "", "", "", "", "", ""]
    lost = f", then {row['lost']}" if row.get("lost") else ""
    spread = f"{seconds(min(row['seconds']))}-{seconds(max(row['seconds']))} ({len(row['seconds'])}){lost}"
    passes = "-" if row.get("passes") is None else f"{row['passes']:.3g}"
    support = "-" if row["support"] is None else str(row["support"])
    return [*start, seconds(row["median"]), spread, _cpu(row), _gap(row), support, passes, _memory(row), _limit(row)]


def _cpu(row):
    """Write the CPU time, and how many cores other processes kept busy meanwhile where that disturbs a timing."""
    disturbed = f" (others: {row['median_others']:.1f} cores)" if row["median_others"] > 0.2 else ""
    return seconds(row["median_cpu"]) + disturbed


def _told_once(rows):
    """Drop the tight row of a rival whose default already is tight: its default row says both."""
    both = {row["rival"] for row in rows if row.get("alias")}
    return [
        {**row, "kind": "default is tight"} if row["kind"] == "default" and row["rival"] in both else row
        for row in rows if not row.get("alias")
    ]


def _slowness(row):
    return (row["median"] is None, row["median"] or 0.0)


def details(by_case):
    """Return the lines of the table of all measurements."""
    head = [
        "case", "solver", "setting", "tol", "median", "range (runs)", "CPU time", "worst relative gap", "support",
        "passes", "extra memory", "of the physical limit",
    ]
    rows = [row for rows in by_case.values() for row in sorted(_told_once(rows), key=_slowness)]
    return _table(head, [_detail_row(row) for row in rows])


def _startup(startup):
    head = ["solver", "version", "NumPy", "import", "NumPy and SciPy's sparse alone", "first fit, 100 x 10, 5 alphas"]
    body = [
        [name, said["version"], said["numpy"], seconds(said["import_seconds"]), seconds(said["floor_seconds"]),
         seconds(said["first_fit_seconds"])]
        for name, said in startup.items()
    ]
    return _table(head, body)


def group(rows, *groups):
    """Return the rows of each case, of some groups or all, in the order measured."""
    by_case = {}
    for row in rows:
        if not groups or row["group"] in groups:
            by_case.setdefault(row["case"], []).append(row)
    return by_case


def merge(runs):
    """Join runs into one: a case that several have measured is taken from the last of them."""
    joined = {**runs[-1], "rows": []}
    for run in runs:
        again = {row["case"] for row in run["rows"]}
        joined["rows"] = [row for row in joined["rows"] if row["case"] not in again] + run["rows"]
    for part in ("startup", "absent", "targets", "notes"):
        joined[part] = {name: said for run in runs for name, said in run[part].items()}
    return joined


def _conditions(found):
    """Say on what and how the figures were measured."""
    return (
        f"Measured on {machine.line(found['machine'], found['startup'])}; {found['options']['threads']} threads for"
        f" every solver; medians of {found['options']['repeat']} interleaved runs. Time @worst duality gap of all"
        " alphas relative to P(0), recomputed outside every solver; ratio = our time / theirs; physical limit = X read"
        " once, or for n >> p its Gram matrix formed."
    )


def tables(found):
    """Return the lines of the summary tables, one for each group that was measured, scaling excepted."""
    lines = [_conditions(found), ""]
    losses, of_folds = group(found["rows"], "losses"), functools.partial(summary_of_folds, paths=group(found["rows"]))
    folds = {name: rows for name, rows in losses.items() if rows[0]["folds"]}
    paths = {name: rows for name, rows in losses.items() if name not in folds}
    for name, by_case, table in (
        ("main", group(found["rows"], "main"), summary), ("cv", group(found["rows"], "cv"), of_folds),
        ("losses", paths, summary_of_losses), ("losses-cv", folds, of_folds),
        ("structures", group(found["rows"], "structures"), summary_of_structures),
        ("real", group(found["rows"], "real"), summary),
    ):
        if by_case:
            lines += [f"{TITLES[name]}:", "", *table(by_case, found["targets"]), ""]
    if paths:
        lines += [_ABOUT_LOSSES, ""]
    return lines


_ABOUT_LOSSES = (
    "Of logistic and Poisson paths the gap is that of the scaled residual, a loose dual point that shows a hundred to"
    " ten thousand times too much for every solver; 'off by' is how far the objective is from the best one known, that"
    " of fastlasso at 1e-10. Both are the worst of all alphas, relative to half the mean null deviance."
)


def insert(found, file, images=None):
    """Replace what stands between the two marks in a Markdown file by the summary tables; ValueError without marks.

    With `images`, the folder of the pictures, the one of structured data comes first where that was measured.
    """
    text = file.read_text()
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{file} has no lines {BEGIN} and {END}")
    picture = []
    if images and group(found["rows"], "structures"):
        where = pathlib.Path(os.path.relpath(images, file.parent)).as_posix()
        picture = [f"![Structured data: time against the gap that was reached]({where}/structures.png)", ""]
    file.write_text("\n".join([head + BEGIN, "", *picture, *tables(found), END + tail]))


def render(found):
    """Return the whole report of a run (the dict that `python -m bench run` writes) as Markdown."""
    absent = [f"- {name}: {reason}" for name, reason in found["absent"].items()] or ["- none"]
    growth = group(found["rows"], "scaling")
    lines = [
        *tables(found),
        *(["Scaling, every solver at its default:", "", *scaling(growth), ""] if growth else []),
        "Every measurement:", "", *details(group(found["rows"], "main", "cv", "losses", "structures", "real")), "",
        "Import and first fit:", "", *_startup(found["startup"]), "", "Not measured:", "", *absent, "",
        "How each is used:", "", *[f"- {name}: {note}" for name, note in found["notes"].items()],
    ]
    return "\n".join(lines)
