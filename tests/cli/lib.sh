# What the groups of tests of the command share. Sourced by cli_test.sh.
# shellcheck shell=bash disable=SC2154,SC2034

passed=0
failed=0

pass() {
        passed=$((passed + 1))
}

fail() { # WHAT [DETAIL-FILE...]
        failed=$((failed + 1))
        echo "FAILED: ${1:0:200}"
        shift
        for detail in "$@"; do
                [ -s "$detail" ] && head -c 600 "$detail" | sed 's/^/    | /'
        done
        return 0
}

check() { # WHAT COMMAND...: the command succeeds
        local what=$1
        shift
        if "$@"; then pass; else fail "$what"; fi
}

# Runs weft; leaves $out, $err and $code.
out=$work/out
err=$work/err
weft() {
        code=0
        timeout 60 "$WEFT" "$@" >"$out" 2>"$err" || code=$?
}

expect() { # CODE [stderr PATTERN] -- ARGUMENT...: exit code, and what is said
        local want=$1 pattern=
        shift
        if [ "$1" != -- ]; then
                pattern=$1
                shift
        fi
        shift
        weft "$@"
        if [ "$code" != "$want" ]; then
                fail "weft $*: exit $code, not $want" "$err"
        elif [ -n "$pattern" ] && ! grep -qE -- "$pattern" "$err"; then
                fail "weft $*: does not say '$pattern'" "$err"
        else
                pass
        fi
}

json() { # WHAT PYTHON-CONDITION: $out is JSON, and the condition on j holds
        if python3 -c 'import json,sys
j = json.load(open(sys.argv[1]))
sys.exit(not eval(sys.argv[2]))' "$out" "$2" 2>"$work/json.err"; then
                pass
        else
                fail "$1: not so: $2" "$out" "$work/json.err"
        fi
}

same() { # WHAT EXPECTED-FILE ACTUAL-FILE
        if cmp -s "$2" "$3"; then pass; else fail "$1: results differ" <(diff -a "$2" "$3"); fi
}

empty_directory() { # nothing is left behind
        if [ -z "$(ls -A "$WEFT_DIR")" ]; then
                pass
        else
                fail "$1: left behind: $(ls -A "$WEFT_DIR")"
                rm -rf "${WEFT_DIR:?}"/*
        fi
}

wait_for() { # SECONDS COMMAND...
        local end=$((SECONDS + $1))
        shift
        until "$@" >/dev/null 2>&1; do
                [ $SECONDS -lt "$end" ] || return 1
                sleep 0.02
        done
}

workers_of() { # PID
        pgrep -P "$1" -f run-worker || true
}
