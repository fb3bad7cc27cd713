"""Let the pages name each other as they do in a checkout: `docs/guide.md` becomes a link to that page."""

import re
from pathlib import Path

# A fenced or an indented block, a code span, or the name of a page: only the last becomes a link.
PARTS = re.compile(r"(?P<code>^ *```.*?^ *```$|^ {4}.*?$|`(?!docs/[\w-]+\.md`)[^`\n]+`)|`?docs/(?P<page>[\w-]+)\.md`?",
                   re.DOTALL | re.MULTILINE)


def linked(text, pages):
    """Return Markdown in which names of pages are links with the pages' titles."""
    def replace(found):
        page = found["page"]
        return f"[](/{page}.md)" if page in pages else found[0]
    return PARTS.sub(replace, text)


def convert(app, docname, source):
    """Rewrite a page when it is read."""
    if str(app.env.doc2path(docname)).endswith(".md"):
        pages = {file.stem for file in Path(app.srcdir).glob("*.md")}
        source[0] = linked(source[0], pages)


def setup(app):
    """Connect to the reading of pages."""
    app.connect("source-read", convert)
    return {"parallel_read_safe": True}
