"""Records -> tables (Markdown, LaTeX, CSV) and one self-contained HTML page."""

from staanet.report.page import write as write
