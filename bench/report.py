"""Turn the JSON of a run into Markdown: who wins and by how much, then every measurement, losses as plainly as wins."""
from . import machine

WANTED = 2e-5


def _seconds(value):
    """Write a time with three digits in a unit that fits."""
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if value >= scale:
            return f"{value / scale:.3g} {unit}"
    return f"{value / 1e-6:.2g} us"


def _bytes(value):
    return "-" if value is None else f"{value / 1e6:.3g} MB"


def _gap(row):
    """Write the worst gap: the referee's, and that of fastlasso.verify where it is noticeably larger."""
    text = f"{max(row['gap'], 0):.0e}"
    verified = row.get("gap_verify")
    if verified is not None and verified > 2 * row["gap"] + 1e-14:
        text += f" (verify: {verified:.0e})"
    if _misses(row):
        text += f" **misses the promised {row['promised']:.0e}**"
    if row.get("n_answered", row["n_alphas"]) < row["n_alphas"]:
        text += f", only {row['n_answered']} of {row['n_alphas']} alphas"
    return text


def _misses(row):
    """Whether a solver left a larger gap than its tolerance promises (two per cent are allowed for rounding)."""
    return row.get("promised") is not None and row["gap"] > 1.02 * row["promised"] + 1e-14


def _complete(row):
    return row["status"] == "ok" and row["median"] is not None and row.get("n_answered") == row["n_alphas"]


def _is_ours(row):
    return row["rival"] == "fastlasso"


def _fastest(rows):
    return min(rows, key=lambda row: row["median"], default=None)


def best_loose(rows):
    """Return the fastest rival at its default tolerance, whatever gap that leaves."""
    return _fastest([r for r in rows if _complete(r) and not _is_ours(r) and r["kind"] == "default"])


def best_tight(rows, wanted=WANTED):
    """Return the fastest rival whose worst gap is at most `wanted`."""
    return _fastest([r for r in rows if _complete(r) and not _is_ours(r) and r["gap"] <= wanted])


def _ours(rows, kind):
    return next((r for r in rows if _is_ours(r) and r["kind"] == kind and r["status"] == "ok"), None)


def _ratio(ours, theirs):
    """Write our time over theirs; above 1 is a loss and says so, and void when our promise was not kept."""
    if ours is None or theirs is None:
        return "-"
    if _misses(ours):
        return "**void**"
    ratio = ours["median"] / theirs["median"]
    return f"**{ratio:.2g} (slower)**" if ratio > 1 else f"{ratio:.2g}"


def _cell(row):
    if row is None:
        return "-"
    name = "" if _is_ours(row) else f"{row['name']} "
    return f"{name}{_seconds(row['median'])} @{_gap(row)}"


def _table(head, body):
    lines = [f"| {' | '.join(head)} |", "|" + " --- |" * len(head)]
    return lines + [f"| {' | '.join(row)} |" for row in body]


def _summary_row(name, rows, target):
    loose, tight = best_loose(rows), best_tight(rows)
    ours, match = _ours(rows, "tight"), _ours(rows, "match")
    return [
        name, _cell(ours), _cell(loose), _ratio(ours, loose), _cell(tight), _ratio(ours, tight), _cell(match),
        _ratio(match, loose), target,
    ]


def summary(by_case, targets):
    """Return the lines of the table of ratios, one row per case."""
    head = [
        "case", "fastlasso at 1e-9", "fastest rival at its default", "ratio", f"fastest rival with gap <= {WANTED:.0e}",
        "ratio", "fastlasso at the default rival's gap", "ratio", "promised",
    ]
    return _table(head, [_summary_row(name, rows, targets.get(name, "")) for name, rows in by_case.items()])


def _detail_row(row):
    start = [row["case"], row["name"], row["kind"], "-" if row["tol"] is None else f"{row['tol']:.1e}"]
    if row["status"] != "ok" or row["median"] is None:
        return [*start, row["status"], "", "", "", "", "", ""]
    spread = f"{_seconds(min(row['seconds']))}-{_seconds(max(row['seconds']))} ({len(row['seconds'])})"
    passes = "-" if row.get("passes") is None else f"{row['passes']:.3g}"
    memory = _bytes(row.get("extra_bytes"))
    return [*start, _seconds(row["median"]), spread, _cpu(row), _gap(row), str(row["support"]), passes, memory]


def _cpu(row):
    """Write the CPU time, and how many cores other processes kept busy meanwhile where that disturbs a timing."""
    disturbed = f" (others: {row['median_others']:.1f} cores)" if row["median_others"] > 0.2 else ""
    return _seconds(row["median_cpu"]) + disturbed


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
        "passes", "extra memory",
    ]
    rows = [row for rows in by_case.values() for row in sorted(_told_once(rows), key=_slowness)]
    return _table(head, [_detail_row(row) for row in rows])


def _startup(startup):
    head = ["solver", "version", "NumPy", "import", "first fit, 100 x 10, 5 alphas"]
    body = [
        [name, said["version"], said["numpy"], _seconds(said["import_seconds"]), _seconds(said["first_fit_seconds"])]
        for name, said in startup.items()
    ]
    return _table(head, body)


def _group(rows):
    by_case = {}
    for row in rows:
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


def render(found):
    """Return the whole report of a run (the dict that `python -m bench run` writes) as Markdown."""
    by_case = _group(found["rows"])
    absent = [f"- {name}: {reason}" for name, reason in found["absent"].items()] or ["- none"]
    lines = [
        f"Measured on {machine.line(found['machine'], found['startup'])}; {found['options']['threads']} threads for"
        f" every solver; medians of interleaved runs; gaps recomputed outside every solver; ratio = our time / theirs.",
        "",
        *summary(by_case, found["targets"]), "", "Every measurement:", "", *details(by_case), "",
        "Import and first fit:", "", *_startup(found["startup"]), "", "Not measured:", "", *absent, "",
        "How each is used:", "", *[f"- {name}: {note}" for name, note in found["notes"].items()],
    ]
    return "\n".join(lines)
