"""Build fastlasso/data/debian_programs.npz: words of Debian's programs against whether they open a window.

Run on Debian, after `apt-get update`:

    python bench/make_debian_programs.py [OUT.npz]

Recipe, from the English text that `apt-cache dumpavail` prints:

1. Packages that Debian's taggers have given `role::program` and an `interface::` tag, one per source package: the one
   whose name has the smallest SHA-256.
2. Words, pairs of words and columns as in `make_debian_words.py`.
3. The target is 1 where `interface::graphical` or `interface::x11` is among the tags, else 0.

The result depends on the day of the index; the one shipped is named in docs/data.md.
"""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
from make_debian_words import count, rank

WINDOW = {"interface::graphical", "interface::x11"}
OUT = Path(__file__).resolve().parents[1] / "fastlasso" / "data" / "debian_programs.npz"


def programs():
    """Yield (name, source, description, whether it opens a window) of each tagged program of the package index."""
    text = subprocess.run(["apt-cache", "dumpavail"], capture_output=True, check=True).stdout.decode()
    for stanza in text.split("\n\n"):
        fields = dict(re.findall(r"^([A-Za-z-]+): (.*)$", stanza.replace("\n ", " "), re.M))
        tags = set(re.split(r",?\s+", fields.get("Tag", "")))
        if "role::program" in tags and any(tag.startswith("interface::") for tag in tags):
            name = fields["Package"]
            yield name, fields.get("Source", name).split()[0], fields["Description"], bool(tags & WINDOW)


def sample():
    """Return one program per source, in the order of their rank."""
    chosen = {}
    for program in programs():
        name, source = program[:2]
        if source not in chosen or rank(name) < rank(chosen[source][0]):
            chosen[source] = program
    return sorted(chosen.values(), key=lambda program: rank(program[0]))


def main(out=OUT):
    rows = sample()
    names, values, columns, lengths = count(rows)
    np.savez_compressed(out, values=np.array(values, np.uint8), columns=np.array(columns, np.uint16),
                        row_lengths=np.array(lengths, np.uint16), window=np.array([row[-1] for row in rows], np.uint8),
                        feature_names=np.frombuffer("\n".join(names).encode(), np.uint8))
    windows = sum(row[-1] for row in rows)
    print(f"{len(rows):,} programs x {len(names):,} words, {len(values):,} counts, {windows:,} with a window, "
          f"{Path(out).stat().st_size:,} bytes")


if __name__ == "__main__":
    main(*sys.argv[1:])
