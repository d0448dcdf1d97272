#!/bin/sh
# A job of continuous integration that fails if a model has become too weak:
#
#   sh robustness_check.sh MODEL DATA THRESHOLDS OUT [BASELINE] [OPTIONS]
#
# MODEL and DATA are those of `staanet evaluate`, THRESHOLDS is a file such as thresholds.toml, BASELINE the evaluation
# of the model in use (- for none); OPTIONS are passed on, such as --trust or --preset quick. The exit status is that of
# the evaluation: 0, also if thresholds are undecided; 1 if one failed; 2 after an error. OUT then holds summary.md for
# the pull request, verdict.xml for the list of tests, and report/index.html.
set -u
model=$1 data=$2 thresholds=$3 out=$4
shift 4
baseline=${1:--}
[ $# -gt 0 ] && shift
[ "$baseline" = - ] || set -- --baseline "$baseline" "$@"

status=0
staanet --quiet evaluate "$model" "$data" --thresholds "$thresholds" --out "$out" "$@" || status=$?
case $status in
0) echo "robustness: no threshold failed, see $out/summary.md" ;;
1) echo "robustness: a threshold failed, see $out/summary.md" >&2 ;;
*) echo "robustness: not measured" >&2 ;;
esac
exit "$status"
