"""Reports of a run: tables in Markdown, LaTeX and CSV, one self-contained HTML page, and a blind listening test."""

from staanet.report.page import write as write
from staanet.report.page import write_tables as write_tables
from staanet.report.terminal import lines as lines
