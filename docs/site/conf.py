"""Settings of Sphinx for the pages that `tools/website` assembles; `make docs` runs both."""

from pygments.lexers.special import TextLexer
from sphinx.highlighting import lexers

from staanet import __version__

project = "staanet"
author = "The staanet developers"
copyright = "2026, the staanet developers"  # noqa: A001
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.viewcode", "sphinx_copybutton"]
source_suffix = {".md": "markdown"}
myst_heading_anchors = 4
myst_enable_extensions = ["attrs_block"]
viewcode_line_numbers = True
nitpicky = True
nitpick_ignore_regex = [("py:.*", ".*")]  # types in signatures are not linked
add_module_names = toc_object_entries = False
python_maximum_signature_line_length = 88
copybutton_exclude = ".linenos, .gp, .go"
copybutton_prompt_text = ">>> "

lexers["csv"] = TextLexer()  # Pygments has none for tables

html_theme = "furo"
html_title = f"staanet {__version__}"
html_static_path = ["_static"]
html_css_files, html_js_files = ["site.css"], ["site.js"]
html_show_sphinx = False
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {"navigation_with_keys": True, "top_of_page_buttons": []}
