"""The workbench: one clip, one model and one attack in the browser, and the runs of a folder (`staanet web`).

The server only receives clips and hands results out, and imports no torch, so that it starts at once. Clips are
decoded, attacked and compared in processes of their own, which can be stopped at any time.
"""
