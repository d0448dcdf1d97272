"""Sizes at which the generators take milliseconds."""

TINY = {
    "compact": {"frame": 4, "widths": (8, 16), "detail": 2},
    "wave_unet": {"channels": (8, 16, 32)},
}
