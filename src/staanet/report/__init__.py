"""Records -> tables (Markdown, LaTeX, CSV) and one self-contained HTML page; examples -> a blind listening test."""

from staanet.report.page import write as write
