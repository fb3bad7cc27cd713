"""Check a built site: every link inside leads to a page that exists and, where it has one, to an anchor on it."""

import sys
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """The links and the anchors of a page."""

    def __init__(self, file):
        super().__init__()
        self.links, self.anchors = set(), set()
        self.feed(file.read_text())

    def handle_starttag(self, tag, attrs):
        """Note a tag's id and what it links to."""
        attrs = dict(attrs)
        self.anchors |= {attrs[name] for name in ("id", "name") if attrs.get(name)}
        self.links |= {attrs[name] for name in ("href", "src") if attrs.get(name)}


@cache
def page(file):
    """Return a page, read once."""
    return Page(file)


def broken(file, root):
    """Yield the links inside the site that a page has and that lead nowhere."""
    for link in sorted(page(file).links):
        scheme, host, path, _, anchor = urlsplit(link)
        if scheme or host:
            continue
        target = (root / path.lstrip("/") if path.startswith("/") else file.parent / unquote(path)) if path else file
        target = target / "index.html" if target.is_dir() else target
        if not target.exists():
            yield link, "no such file"
        elif anchor and target.suffix == ".html" and unquote(anchor) not in page(target.resolve()).anchors:
            yield link, "no such anchor"


def main(folder):
    """Print what is broken; return the exit code."""
    root = Path(folder).resolve()
    pages = sorted(file for file in root.rglob("*.html") if "_static" not in file.relative_to(root).parts)
    found = [(file.relative_to(root), *what) for file in pages for what in broken(file, root)]
    for file, link, reason in found:
        print(f"{file}: {link}: {reason}")
    print(f"{len(pages)} pages, {sum(len(page(file).links) for file in pages):,} links, {len(found)} broken")
    return 1 if found or not pages else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
