#!/bin/sh
# Makes requirements.lock (hashes), sbom.json (CycloneDX) and docs/licences.md, and audits every installed package.
# The tools are installed in .venv/supply_chain, so that the environment that is described does not contain them.
set -eu
bin=.venv/bin
tools=.venv/supply_chain
test -x "$tools/bin/pip-audit" || { python3 -m venv "$tools"; "$tools/bin/pip" install --quiet pip-audit==2.10.1 cyclonedx-bom==7.5.0; }
"$bin/python" tools/supply_chain/lock.py
"$bin/python" tools/supply_chain/licences.py
"$tools/bin/cyclonedx-py" environment --output-reproducible --of JSON -o sbom.json "$bin/python"
# torch is a local build without an entry in the index, so that its version is audited without the local part.
# The audit asks the index for what it knows of each version; a mirror that has files alone cannot answer, and the audit
# then fails with "could not be audited".
{ grep -v '^#' requirements.lock | cut -d' ' -f1; grep '^torch==' constraints.txt; } > .venv/audited.txt
"$tools/bin/pip-audit" --strict --no-deps --disable-pip -r .venv/audited.txt
