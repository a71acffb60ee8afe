# tap: what flows, seen by a process of its own, which takes nothing and holds nobody up.
# shellcheck shell=bash disable=SC2154,SC2034

said() { # TEXT: that, and nothing else, is on the standard output
        if [ "$(cat "$out")" = "$1" ]; then
                pass
        else
                fail "not said: $1" "$out"
        fi
}

lines() { # WHAT PYTHON-CONDITION: $out is JSON lines, and the condition on j, the list, holds
        if python3 -c 'import json,sys
j = [json.loads(line) for line in open(sys.argv[1])]
sys.exit(not eval(sys.argv[2]))' "$out" "$2" 2>"$work/json.err"; then
                pass
        else
                fail "$1: not so: $2" "$out" "$work/json.err"
        fi
}

# ---- the command line ---------------------------------------------------------------

expect 2 'of what' -- tap
expect 2 'is an arena' -- tap x
expect 2 'no option --nosuch' -- tap --nosuch
expect 2 'tap takes nothing' -- tap x/y z
expect 2 'does not take --create' -- tap --create hot x/y
expect 2 'does not take --rate' -- cat --rate x/y
expect 2 'is no number' -- tap --from newest x/y
expect 2 'is no number' -- cat --from oldest x/y
expect 3 nosuch -- tap nosuch/x
expect 0 -- help tap
check 'help tap' grep -q 'usage: weft tap' "$out"

# ---- hot streams --------------------------------------------------------------------

expect 0 -- push --create hot --capacity 4 --element-bytes 8 f/news 10 20 30
expect 0 -- tap --from oldest -n 3 f/news
said $'0\t10\n1\t20\n2\t30'
expect 0 -- tap --from 1 -n 1 f/news
said $'1\t20'
expect 0 -- tap --json --from 1 -n 2 f/news
lines 'items' 'j == [{"sequence": 1, "value": 20}, {"sequence": 2, "value": 30}]'
expect 0 -- tap --format raw --from oldest -n 3 f/news
check 'raw items' test "$(wc -c <"$out")" = 24
expect 124 'timed out' -- tap --timeout 0 f/news
said ''
expect 124 'timed out' -- tap --timeout 100ms --from oldest f/news
said $'0\t10\n1\t20\n2\t30'
expect 0 -- push f/news 40 50 60
expect 0 '2 were lost' -- tap --from 0 -n 4 f/news
said $'2\t30\n3\t40\n4\t50\n5\t60'
expect 0 -- tap --json --from 0 -n 1 f/news
lines 'loss' 'j == [{"sequence": 2, "lost": 2, "value": 30}]'
expect 0 -- cat f/news
said $'2\t30\n3\t40\n4\t50\n5\t60'
expect 0 -- cat --from 5 f/news
said $'5\t60'
expect 1 'of kind hot' -- pop f/news
expect 0 -- stat --json f/news
json 'stat' 'j["kind"] == "hot" and j["emitted"] == 6 and j["ended"] == 0 and j["policy"] == "drop"'
expect 0 -- ls f
check 'ls' grep -q 'news *hot .*4 of 4 retained, 8 B each, drop' "$out"

# What comes later comes at once.
timeout 60 "$WEFT" tap -n 2 f/news >"$work/tap" 2>&1 &
tap=$!
for ((i = 0; i < 100; i++)); do
        weft push f/news 70
        wait_for 1 grep -q 70 "$work/tap" && break
done
weft push f/news 80
check 'a tap ends by itself' wait "$tap"
check 'what came later' test "$(wc -l <"$work/tap")" = 2

expect 0 -- tap --rate -n 1 f/news
check 'rate' grep -Eq $'^emitted [0-9]+ [0-9]+/s\tlost 0\tlag 0$' "$out"
expect 0 -- tap --rate --json -n 1 f/news
lines 'rate' 'len(j) == 1 and j[0]["name"] == "f/news" and j[0]["emitted_rate"] == 0 and j[0]["emitted"] > 6'
expect 124 'timed out' -- tap --rate --timeout 100ms f/news

# Broadcasts, too; of a queue it is known how fast it goes.
expect 0 -- push --create broadcast --capacity 4 --element-bytes 8 f/b 1 2 3
expect 0 -- tap --from oldest -n 3 f/b
said $'0\t1\n1\t2\n2\t3'
expect 0 -- tap --rate -n 1 f/b
check 'rate of a broadcast' grep -q $'^published 3 0/s\tlost 0' "$out"
expect 0 -- push --create queue --capacity 4 --element-bytes 8 f/q 1 2
expect 0 -- tap -n 1 f/q
said $'pushed 2 0/s\tpopped 0 0/s\tlength 2'
expect 0 -- push --create stack --capacity 4 --element-bytes 8 f/s 1
expect 1 'of kind stack' -- tap f/s

# A tap that stands still holds up nobody, though all wait for the slowest.
mkfifo "$work/go"
"$CLI_HELPER" flow f <"$work/go" >"$work/flow" 2>&1 &
flow=$!
exec 9>"$work/go"
check 'the flow is made' wait_for 20 grep -q made "$work/flow"
timeout 60 "$WEFT" tap --from oldest f/h >"$work/all" 2>"$work/all.err" &
tap=$!
timeout 60 "$WEFT" tap --from oldest f/h >/dev/null 2>&1 &
still=$!
sleep 0.3
stands=$(pgrep -P "$still" 2>/dev/null || echo "$still")
kill -STOP "$stands"
echo go >&9
check 'nobody is held up' wait "$flow"
check 'the tap comes to the end' wait "$tap"
kill -CONT "$stands"
wait "$still"
exec 9>&-
check 'the last item' grep -q $'^999\t999$' "$work/all"
expect 0 -- tap --from oldest f/h
check 'all that is retained' test "$(wc -l <"$out")" = 16
expect 0 -- tap --json -n 1 f/c
lines 'a channel' 'j[0]["sent"] == 1 and j[0]["received"] == 0 and j[0]["length"] == 1'
expect 0 -- stat f/h
check 'its end' grep -Eq 'ended +1' "$out"

# A driver's death, once somebody has settled it.
{ "$CLI_HELPER" driver f; } >/dev/null 2>&1
expect 124 -- tap --from oldest --timeout 50ms f/d
expect 0 -- check --repair f
expect 4 'its driver died' -- tap --from oldest f/d
said $'0\t7'
expect 0 -- stat f/d
check 'its driver' grep -Eq 'driver_died +1' "$out"
expect 0 -- rm f
