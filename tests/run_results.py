"""The results of a run as two runs of one experiment must share them."""

import json

from staanet.core.record import PROVENANCE


def results(out):
    """Return the records of a run's folder with the outcomes of all clips, without time and versions, by file name."""
    records = {}
    for path in sorted((out / "records").glob("*.json")):
        record = json.loads(path.read_text())
        records[path.name] = {key: value for key, value in record.items() if key not in PROVENANCE}
        records[path.name]["outcomes"] = path.with_suffix(".jsonl").read_text()
    return records
