#!/bin/bash
# Tests of the command: cli_test.sh [commands] [things] [channels] [sync] [sync_jobs] [pipelines]
# [functions] [signals]
# [kill]. WEFT says where it is (else in build/), CLI_HELPER where its helper is (else
# beside it).
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
WEFT=${WEFT:-$root/build/bin/weft}
CLI_HELPER=${CLI_HELPER:-$(dirname "$WEFT")/../tests/cli/cli_helper}
export LC_ALL=C

if [ ! -x "$WEFT" ] || [ ! -x "$CLI_HELPER" ]; then
        echo "cli_test: $WEFT or $CLI_HELPER is not built"
        exit 77
fi

# Arenas of this run alone, on memory if there is some.
shm=/dev/shm
[ -w $shm ] || shm=${TMPDIR:-/tmp}
work=$(mktemp -d)
WEFT_DIR=$(mktemp -d "$shm/${WEFT_TEST_PREFIX:-weft-test}.XXXXXX")
export WEFT_DIR
trap 'rm -rf "$work" "$WEFT_DIR"' EXIT

# shellcheck source=/dev/null
. "$here/lib.sh"

[ $# -gt 0 ] || set -- commands things channels tap sync sync_jobs pipelines functions signals kill
for group in "$@"; do
        if [ ! -f "$here/$group.sh" ]; then
                echo "cli_test: there is no group '$group'"
                exit 2
        fi
        # shellcheck source=/dev/null
        . "$here/$group.sh"
        empty_directory "$group"
done

# lib.sh counts.
# shellcheck disable=SC2154
echo "$passed passed, $failed failed"
[ "${failed:?}" = 0 ]
