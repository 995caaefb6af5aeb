#!/bin/sh
# Every test, the fast ones first, so that a mistake in pure code is told in seconds. With arguments: those go to pytest
# and nothing else runs. With LAB_ZFS=2.1 only the tests of the pair run, on that ZFS: the others know no ZFS. A section that fails ends the run; with CI set all are run, so that the log tells everything.
set -eu
cd "$(dirname "$0")/.."
unset PYTHONDONTWRITEBYTECODE # else each of the thousands of programs that tests start compiles its modules again

if [ $# -gt 0 ]; then exec .venv/bin/python -m pytest -q "$@"; fi

# Those that are too long for each run: DPLANE_ALL_TESTS=1 (make test-all) runs them too.
short=" and not long"
[ -z "${DPLANE_ALL_TESTS:-}" ] || short=

result=0
# section TITLE MARKERS [ARGS…]: the tests with these markers. A section without tests (pytest says 5) is no mistake.
section() {
    title=$1 markers=$2
    shift 2
    echo "== $title"
    began=$(date +%s)
    status=0
    .venv/bin/python -m pytest -q --durations=5 --durations-min=5 -m "$markers" "$@" || status=$?
    echo "== $title: $(($(date +%s) - began)) s"
    case $status in
        0) return 0 ;;
        5) echo "== $title: there are no such tests" && return 0 ;;
    esac
    [ "$result" != 0 ] || result=$status
    [ -n "${CI:-}" ] || exit "$result"
}

pair=
leave() {
    status=$?
    trap - EXIT INT TERM
    if [ -n "$pair" ] && ! lab/lab down; then
        echo "the practice pair could not be shut down; lab/lab status tells more" >&2
        [ "$status" != 0 ] || status=1
    fi
    exit "$status"
}
trap leave EXIT
trap 'exit 130' INT TERM

if [ "${LAB_ZFS:=2.3}" = 2.3 ]; then
    # Twice as many as cores: they start processes and wait for them, and terminals sleep more than they work; the engine
    # and the boxes are one each.
    section "without a box, an engine or a terminal" "not lab and not docker and not pty" \
        -n "$(($(nproc) * 2))" --dist worksteal
    section "real terminals" "pty and not docker and not lab$short" \
        -n "$(($(nproc) * 2))" --dist loadscope
    section "a real Docker engine" "docker and not lab$short"
fi
pair=used
section "the practice pair, ZFS $LAB_ZFS" "lab and not matrix$short"
exit "$result"
