# Workers are killed at random while they work; the result is exact, every time.
# shellcheck shell=bash disable=SC2154,SC2034

cat "$here"/../../include/weft/*.h "$here"/../../cli/*.c >"$work/source"
for i in {1..40}; do cat "$work/source"; done >"$work/prose"
seq 1 60000 >>"$work/prose"

# Kills workers of $1 until it ends, or enough; counts in $kills. Pauses differ, so that
# some die as they start and some after many chunks.
hunt() { # PID
        local victim prey
        kills=0
        while kill -0 "$1" 2>/dev/null; do
                mapfile -t prey < <(workers_of "$1")
                if [ ${#prey[@]} -gt 0 ] && [ $kills -lt 80 ]; then
                        victim=${prey[RANDOM % ${#prey[@]}]}
                        kill -KILL "$victim" 2>/dev/null && kills=$((kills + 1))
                fi
                sleep 0.0$((RANDOM % 4))$((RANDOM % 10))
        done
}

killing() { # ROUNDS PIPELINE OPTION...
        local rounds=$1 pipeline=$2 total=0
        shift 2
        python3 "$here/oracle.py" "${pipeline// x[0-9]/}" "$work/prose" >"$work/want"
        # A machine that is faster than the hunter gets more rounds.
        for ((round = 0; round < rounds || (total == 0 && round < 20 * rounds); round++)); do
                "$WEFT" run --restarts 100000 "$@" "files:$work/prose | $pipeline" \
                        >"$out" 2>"$err" &
                pid=$!
                hunt $pid
                code=0
                wait $pid || code=$?
                total=$((total + kills))
                if [ $code = 0 ]; then
                        same "$pipeline after $kills kills" "$work/want" "$out"
                else
                        fail "$pipeline after $kills kills: exit $code" "$err"
                fi
        done
        check "$pipeline: somebody was killed" test $total -gt 0
}

killing 12 'words x3 | count x2 | print' --chunk 1K
killing 6 'words x2 | count | print' --chunk 20K
killing 6 'words x2 | grep=^[a-m] x2 | count x2 | print' --chunk 2K
killing 6 'lines x2 | grep=e x2 | print' --chunk 1K
killing 4 'lines x2 | count x3 | print' --chunk 4K

# From the standard input, through a pipe.
python3 "$here/oracle.py" 'lines | count | print' "$work/prose" >"$work/want"
for round in {1..6}; do
        (cat "$work/prose") | "$WEFT" run --restarts 100000 --chunk 2K \
                'stdin | lines x2 | count x2 | print' >"$out" 2>"$err" &
        pid=$!
        hunt $pid
        code=0
        wait $pid || code=$?
        if [ $code = 0 ]; then
                same "standard input after $kills kills (round $round)" "$work/want" "$out"
        else
                fail "standard input after $kills kills: exit $code" "$err"
        fi
done

# A worker that is stopped for a while is not dead: nothing is done twice.
python3 "$here/oracle.py" 'words | count | print' "$work/prose" >"$work/want"
"$WEFT" run --restarts 0 --chunk 1K "files:$work/prose | words x2 | count x2 | print" \
        >"$out" 2>"$err" &
pid=$!
while kill -0 $pid 2>/dev/null; do
        victim=$(workers_of $pid | shuf -n 1)
        if [ -n "$victim" ] && kill -STOP "$victim" 2>/dev/null; then
                sleep 0.05
                kill -CONT "$victim" 2>/dev/null
        fi
        sleep 0.01
done
code=0
wait $pid || code=$?
check 'stopped and continued workers: success' test $code = 0
same 'stopped and continued workers' "$work/want" "$out"

# A run that is killed makes room for the next one of its name, though its workers end a moment
# after it, and though others clear away what it left at the same time.
mkfifo "$work/never"
exec 7<>"$work/never"
(while [ ! -e "$work/named.end" ]; do "$WEFT" ls; done >"$work/ls" 2>&1) &
cleaner=$!
for round in {1..6}; do
        "$WEFT" run --name mine "stdin | words x3 | count x2 | print" \
                <"$work/never" >/dev/null 2>"$work/named.err" &
        pid=$!
        wait_for 10 "$WEFT" stat mine/done || fail "round $round: the run does not begin"
        kill -9 $pid || cat "$work/named.err"
        { wait $pid; } 2>/dev/null
        code=0
        timeout 60 "$WEFT" run --name mine "files:$work/prose | words x2 | count x2 | print" \
                >"$out" 2>"$err" || code=$?
        if [ $code = 0 ]; then
                same "a run under the name of one that was killed (round $round)" \
                        "$work/want" "$out"
        else
                fail "a run under the name of one that was killed: exit $code" "$err"
        fi
done
exec 7>&-
{ "$CLI_HELPER" begin mine; } 2>/dev/null || true
expect 0 -- run --name mine "files:$work/prose | words x2 | count x2 | print"
touch "$work/named.end"
wait $cleaner
