"""Sphinx: the site. `make -C docs html` builds it; warnings are errors."""

import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.insert(0, str(HERE / "_ext"))
sys.path.append(str(HERE.parent))           # bench, for its report; an installed fastlasso comes first

import fastlasso  # noqa: E402

project = "fastlasso"
author = "the fastlasso developers"
copyright = author
release = version = fastlasso.__version__

extensions = ["sphinx.ext.autodoc", "sphinx.ext.autosummary", "numpydoc", "myst_parser", "sphinx_design",
              "sphinx_gallery.gen_gallery", "plain_docstrings", "page_links", "package_picture", "measured"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
exclude_patterns = ["_build", "**/*.ipynb", "gallery/**/*.md5"]
templates_path = ["_templates"]
default_role = "py:obj"
nitpicky = False

myst_enable_extensions = ["colon_fence", "attrs_inline"]
myst_heading_anchors = 3
suppress_warnings = ["config.cache"]

autosummary_generate = True
autosummary_ignore_module_all = False
autodoc_default_options = {"members": True, "inherited-members": True}
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

sphinx_gallery_conf = {
    "examples_dirs": ["../examples"], "gallery_dirs": ["gallery"],
    "filename_pattern": r"plot_", "ignore_pattern": r"__init__\.py|style\.py",
    "within_subsection_order": "FileNameSortKey", "plot_gallery": "True",
    "reset_modules": ("gallery_style.reset",), "abort_on_example_error": True,
    "show_memory": False, "show_signature": False, "download_all_examples": False,
    "write_computation_times": False, "min_reported_time": 0, "remove_config_comments": True,
    "doc_module": ("fastlasso",), "backreferences_dir": "api/backreferences", "image_srcset": ["2x"],
    "matplotlib_animations": False, "parallel": 2, "default_thumb_file": None, "nested_sections": False,
}

html_theme = "pydata_sphinx_theme"
html_title = "fastlasso"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_logo = "_static/logo.svg"
html_favicon = "_static/logo.svg"
html_copy_source = html_show_sourcelink = False
html_show_sphinx = False
html_context = {"default_mode": "auto"}
html_sidebars = {"index": []}
html_theme_options = {
    "logo": {"text": "fastlasso", "alt_text": "fastlasso"},
    "navbar_align": "left", "navbar_persistent": ["search-button"], "navbar_end": ["theme-switcher"],
    "header_links_before_dropdown": 7, "show_nav_level": 2, "navigation_with_keys": False,
    "show_toc_level": 2, "secondary_sidebar_items": ["page-toc"], "footer_start": ["copyright"], "footer_end": [],
    "pygments_light_style": "a11y-high-contrast-light", "pygments_dark_style": "a11y-high-contrast-dark",
    "back_to_top_button": True,
}
