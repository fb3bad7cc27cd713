"""Build fastlasso/data/debian_words.npz: words of Debian packages against their installed size.

Run on Debian, after `apt-get update`:

    python bench/make_debian_words.py [OUT.npz]

Recipe, from the English text that `apt-cache dumpavail` prints:

1. One package per source package, so that rows do not repeat each other (a source often builds twenty binary packages
   with nearly the same description): the one whose name has the smallest SHA-256. Of these the N_PACKAGES smallest.
2. Words are runs of at least two of a-z, 0-9 and + that start with a letter, in lower case, from the package's name
   and from its one-line description; and every pair of neighbours among them.
3. A column is a word or pair that occurs in at least MIN_PACKAGES packages; its value is the number of times it occurs.
4. The target is kept as the index states it: the installed size in kB.

The result depends on the day of the index; the one shipped is named in docs/data.md.
"""

import hashlib
import re
import subprocess
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np

N_PACKAGES = 12_000
MIN_PACKAGES = 3
OUT = Path(__file__).resolve().parents[1] / "fastlasso" / "data" / "debian_words.npz"


def packages():
    """Yield (name, source, description, installed size in kB) of each stanza of the package index."""
    text = subprocess.run(["apt-cache", "dumpavail"], capture_output=True, check=True).stdout.decode()
    for stanza in text.split("\n\n"):
        fields = dict(re.findall(r"^([A-Za-z-]+): (.*)$", stanza, re.M))
        if "Installed-Size" in fields:
            name = fields["Package"]
            source = fields.get("Source", name).split()[0]
            yield name, source, fields.get("Description", ""), int(fields["Installed-Size"])


def rank(name):
    return hashlib.sha256(name.encode()).digest()


def sample():
    """Return N_PACKAGES packages of different sources, in the order of their rank."""
    chosen = {}
    for package in packages():
        name, source = package[:2]
        if source not in chosen or rank(name) < rank(chosen[source][0]):
            chosen[source] = package
    return sorted(chosen.values(), key=lambda package: rank(package[0]))[:N_PACKAGES]


def words(text):
    """Return the words of a text and the pairs of neighbouring words."""
    single = re.findall(r"[a-z][a-z0-9+]+", text.lower())
    return single + [f"{a} {b}" for a, b in pairwise(single)]


def count(rows):
    """Return (names, values, columns, row lengths) of the counts of the words common enough."""
    bags = [Counter(words(name) + words(description)) for name, _, description, _ in rows]
    packages_with = Counter(word for bag in bags for word in bag)
    names = sorted(word for word, n in packages_with.items() if n >= MIN_PACKAGES)
    column = {word: j for j, word in enumerate(names)}
    kept = [sorted((column[word], n) for word, n in bag.items() if word in column) for bag in bags]
    pairs = [pair for row in kept for pair in row]
    return names, [n for _, n in pairs], [j for j, _ in pairs], [len(row) for row in kept]


def main(out=OUT):
    rows = sample()
    names, values, columns, lengths = count(rows)
    np.savez_compressed(out, values=np.array(values, np.uint8), columns=np.array(columns, np.uint16),
                        row_lengths=np.array(lengths, np.uint16),
                        installed_kb=np.array([size for *_, size in rows], np.uint32),
                        feature_names=np.frombuffer("\n".join(names).encode(), np.uint8))
    print(f"{len(rows):,} packages x {len(names):,} words, {len(values):,} counts, {Path(out).stat().st_size:,} bytes")


if __name__ == "__main__":
    main(*sys.argv[1:])
