# Ctrl-C, SIGTERM, a reader that goes away, a supervisor that is killed, workers that
# die too often; whatever happens, nothing is left behind.
# shellcheck shell=bash disable=SC2154,SC2034

# A run that lasts until it is told to end: its input is a pipe that stays open.
start() { # OPTION... PIPELINE: sets $pid; write to descriptor 7 to feed it
        rm -f "$work/pipe"
        mkfifo "$work/pipe"
        env --default-signal=INT "$WEFT" run "$@" <"$work/pipe" >"$out" 2>"$err" &
        pid=$!
        exec 7>"$work/pipe"
        wait_for 10 workers_are_there $pid
}

workers_are_there() {
        [ -n "$(workers_of "$1")" ] && "$WEFT" ls | grep -q .
}

finish() { # WHAT CODE
        exec 7>&-
        code=0
        wait $pid 2>/dev/null || code=$?
        check "$1: exit $code, not $2" test $code = "$2"
}

gone() { # PID...: none of them runs any more
        for p in "$@"; do
                [ -d "/proc/$p" ] && ! grep -q '^State:.Z' "/proc/$p/status" && return 1
        done
        return 0
}

# ---- Ctrl-C -----------------------------------------------------------------------------

start 'stdin | words | count | print'
printf 'one two two three three three' >&7
sleep 0.2
kill -INT $pid
finish 'Ctrl-C drains' 130
check 'and prints what was read' test "$(tr '\t\n' ' ,' <"$out")" = '3 three,2 two,1 one,'
check 'and says so' grep -q 'finishing what was read' "$err"
empty_directory 'Ctrl-C'

start --json 'stdin | lines | print'
printf 'a\nb\n' >&7
sleep 0.2
kill -INT $pid
finish 'Ctrl-C with --json' 130
json 'it is in the summary' 'j["result"] == ["a", "b"] and j["summary"]["interrupted"] and j["exit"] == 130'

start 'stdin | words | count | print'
stopped=$(workers_of $pid)
# shellcheck disable=SC2086
kill -STOP $stopped
printf 'x\n%.0s' {1..50} >&7
sleep 0.2
kill -INT $pid
sleep 0.3
check 'while workers are stopped, it waits' kill -0 $pid
kill -INT $pid
finish 'the second Ctrl-C cancels' 130
check 'and says so' grep -q cancelled "$err"
check 'and prints nothing' test ! -s "$out"
# shellcheck disable=SC2086
check 'no worker is left' wait_for 5 gone $stopped
empty_directory 'cancel'

start 'stdin | lines | print'
family=$(workers_of $pid)
kill -TERM $pid
finish 'SIGTERM' 143
# shellcheck disable=SC2086
check 'no worker is left' wait_for 5 gone $family
empty_directory 'SIGTERM'

# ---- a run can be looked at ----------------------------------------------------------------

start --name watched 'stdin | words | count | print'
expect 0 -- ls watched
check 'its queues are there' grep -q '^0.words *queue' "$out"
expect 0 -- stat --json watched/done
json 'a queue of a run' 'j["kind"] == "queue"'
expect 0 -- stat --json watched
json 'a run' 'j["flags"] == "ephemeral" and j["agents"] >= 3'
expect 1 'watched' -- run --name watched 'stdin | print'
expect 0 -- clean
check 'clean keeps it' grep -q 'kept     watched: in use' "$out"
printf 'word' >&7
finish 'a run that was looked at' 0
empty_directory 'a named run'

# ---- the reader goes away ---------------------------------------------------------------------

seq 1 2000000 >"$work/numbers"
code=0
("$WEFT" run --chunk 4K "files:$work/numbers | lines | print" 2>"$err"; echo $? >"$work/code") |
        head -n 1 >"$out"
check 'like any filter, it ends by SIGPIPE' test "$(cat "$work/code")" = 141
check 'the reader got its line' test "$(cat "$out")" = 1
check 'without a word' test ! -s "$err"
empty_directory 'SIGPIPE'

# ---- the supervisor is killed -------------------------------------------------------------------

for i in 1 2 3; do
        start 'stdin | words x3 | count x2 | print'
        printf 'some words\n' >&7
        [ $i = 1 ] || sleep 0.0$i
        family=$(workers_of $pid)
        check 'it has workers' test "$(echo "$family" | wc -w)" = 5
        kill -KILL $pid
        finish 'SIGKILL' 137
        # shellcheck disable=SC2086
        check 'its workers end' wait_for 5 gone $family
        check 'its arena is still there' test -n "$(ls -A "$WEFT_DIR")"
        expect 0 -- ls
        check 'the next command removes it' test ! -s "$out"
        empty_directory 'SIGKILL of the supervisor'
done

# One that was stopped is not dead, and its arena stays.
start 'stdin | lines | print'
kill -STOP $pid
expect 0 -- ls
check 'the arena of a stopped run stays' test -s "$out"
kill -CONT $pid
finish 'a stopped run goes on' 0

# ---- workers die too often, or give up ------------------------------------------------------------

start --restarts 3 'stdin | words x2 | count | print'
printf 'lost words\n' >&7
for i in 1 2 3 4; do
        wait_for 5 workers_are_there $pid
        victim=$(workers_of $pid | head -n 1)
        kill -KILL "$victim" 2>/dev/null
        wait_for 5 gone "$victim"
        sleep 0.1
done
finish 'too many restarts' 1
check 'it says so' grep -q 'giving up (see --restarts)' "$err"
check 'no result' test ! -s "$out"
empty_directory 'too many restarts'

seq 1 200000 >"$work/shrinks"
start 'stdin | lines | print'
finish 'no input at all' 0
(sleep 0.3; : >"$work/shrinks") &
code=0
"$WEFT" run --chunk 1 --memory 64K "files:$work/shrinks | lines | count | print" >"$out" 2>"$err" || code=$?
wait $!
check 'a file that shrinks is an error' test $code = 1
check 'it is named' grep -q 'shrinks: became shorter' "$err"
check 'no result' test ! -s "$out"

# ---- progress ------------------------------------------------------------------------------------------

if command -v script >/dev/null; then
        (sleep 1.2; echo x) >"$work/slow" &
        script -qec "(sleep 1.2; echo x) | '$WEFT' run 'stdin | lines | print' >/dev/null" \
                "$work/typescript" >/dev/null </dev/null
        check 'progress on a terminal' grep -qE 'queued [0-9]+ +restarts 0' "$work/typescript"
        wait $!
fi
(sleep 0.8; echo x) | "$WEFT" run 'stdin | lines | print' >/dev/null 2>"$err"
check 'silence elsewhere' test ! -s "$err"
