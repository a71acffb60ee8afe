# send, recv: across processes, as each command is one.
# shellcheck shell=bash disable=SC2154,SC2034

said() { # TEXT: that, and nothing else, is on the standard output
        if [ "$(cat "$out")" = "$1" ]; then
                pass
        else
                fail "not said: $1" "$out"
        fi
}

# ---- the command line ---------------------------------------------------------------

for command in send recv; do
        expect 2 'of what' -- $command
        expect 2 'is an arena' -- $command x
        expect 2 'no option --nosuch' -- $command --nosuch
        expect 0 -- help $command
        check "help $command" grep -q "usage: weft $command" "$out"
done
expect 2 'recv takes nothing' -- recv x/y z
expect 2 'does not take --close' -- recv --close x/y
expect 2 'does not take -n' -- send -n 3 x/y z
expect 2 'no number' -- send --close=soon x/y
expect 2 'none of block' -- send --create channel --policy sometimes x/y z
expect 2 'goes with --create' -- send --policy fail x/y z
expect 3 'nosuch' -- recv nosuch/x
expect 2 'without --capacity' -- send --create channel --rendezvous --capacity 3 c/x y
expect 2 'no channel can be made' -- send --create channel --policy latest --lease c/x y
expect 0 -- push --create queue c/queue x
expect 1 'of kind queue' -- recv c/queue
expect 1 'of kind queue' -- send c/queue x

# ---- buffered -----------------------------------------------------------------------

expect 0 -- send --create channel --capacity 4 c/c one two
expect 1 'of kind channel' -- pop c/c
expect 1 'of kind channel' -- push c/c x
expect 0 -- recv c/c
said one
expect 0 -- recv --json c/c
json 'recv' 'j == {"name": "c/c", "value": "two"}'
expect 124 'timed out' -- recv --timeout 0 c/c
expect 124 'timed out' -- recv --timeout 20ms c/c
expect 0 -- send c/c < <(printf 'a\nb\n\nc')
expect 124 'timed out' -- send --timeout 10ms c/c d
expect 0 -- recv -n 10 c/c
said $'a\nb\n\nc'
expect 0 -- send c/c - < <(printf 'x\ny')
expect 0 -- recv --json -n 10 c/c
json 'recv -n' 'j["elements"] == ["x", "y"]'
(sleep 0.1 && "$WEFT" send c/c late) &
expect 0 -- recv c/c # waits for it
said late
expect 1 'other sizes' -- send --create channel --element-bytes 8 c/c 1
expect 0 -- ls c
check 'ls' grep -qE '^c +channel +.*0 of 4 elements of 256 B, block' "$out"
expect 0 -- stat --json c/c
json 'stat' 'j["sent"] == 9 and j["received"] == 7 + 2 and j["policy"] == "block" and j["length"] == 0'
expect 0 -- cat --json c/c
json 'cat' 'j["capacity"] == 4'

# ---- its end ------------------------------------------------------------------------

expect 0 -- send c/c --close=7 last words
expect 1 'reason 7' -- send c/c more
expect 0 -- send --close c/c # again: nothing changes
expect 0 -- recv c/c
said last
expect 0 -- recv -n 2 c/c
said words
expect 1 'has ended, for reason 7' -- recv c/c
expect 1 'has ended, for reason 7' -- recv --timeout 0 c/c
expect 0 -- stat --json c/c
json 'ended' 'j["ended"] == "shut" and j["reason"] == 7'
expect 0 -- ls c
check 'ls of the ended' grep -qE 'shut, block, ended: reason 7' "$out"
"$WEFT" recv --create channel c/later >"$work/later" 2>&1 &
waiter=$!
wait_for 10 "$WEFT" stat c/later
expect 0 -- send --close c/later # and who waits is told
wait $waiter
check 'the waiter is told' grep -q 'for reason 0' "$work/later"

# ---- when it is full ----------------------------------------------------------------

expect 0 -- send --create channel --capacity 2 --element-bytes 8 --policy drop-oldest c/old 1 2 3 4
expect 0 -- recv -n 9 c/old
said $'3\n4'
expect 0 -- send --create channel --capacity 2 --element-bytes 8 --policy drop-newest c/new 1 2 3 4
expect 0 -- recv -n 9 c/new
said $'1\n2'
expect 0 -- send --create channel --capacity 8 --element-bytes 8 --policy latest c/last 1 2 3 4
expect 0 -- recv c/last
said 4
expect 0 -- stat --json c/last
json 'dropped' 'j["dropped"] == 3 and j["sent"] == 4'
expect 124 'timed out' -- send --create channel --capacity 2 --policy fail c/full 1 2 3
check 'and says what it has done' grep -q '2 were sent' "$err"

# ---- rendezvous ---------------------------------------------------------------------

expect 124 'timed out' -- send --create channel --rendezvous --timeout 0 c/meet nobody
"$WEFT" recv c/meet >"$work/met" &
expect 0 -- send c/meet somebody
wait $!
check 'met' test "$(cat "$work/met")" = somebody
seq 20 | "$WEFT" send --close=3 c/meet - &
for i in $(seq 20); do "$WEFT" recv c/meet; done >"$work/met"
wait $!
check 'all, in order' test "$(cat "$work/met")" = "$(seq 20)"
expect 1 'for reason 3' -- recv c/meet

# ---- leases -------------------------------------------------------------------------

# Killed before it has written out what it received: somebody else gets it.
mkfifo "$work/slow"
expect 0 -- send --create channel --lease c/jobs first second
"$WEFT" recv -n 2 c/jobs >"$work/slow" 2>/dev/null &
receiver=$!
disown $receiver
sleep 0.1
kill -KILL $receiver
expect 0 -- recv -n 9 c/jobs
said $'first\nsecond'

# ---- many at once -------------------------------------------------------------------

"$WEFT" send --create channel --capacity 16 --element-bytes 8 c/many 0 >/dev/null
"$WEFT" recv c/many >/dev/null
for i in 1 2 3 4; do
        seq "$i" 4 200 | "$WEFT" send c/many &
done
for i in 1 2 3 4; do
        for _ in $(seq 10); do "$WEFT" recv -n 5 --timeout 5 c/many; done >"$work/got.$i" &
done
wait
"$WEFT" recv -n 400 --timeout 0 c/many >"$work/got.5" 2>/dev/null
check 'all of them once' test "$(cat "$work"/got.[1-5] | sort -n)" = "$(seq 200)"
expect 0 -- check c
expect 0 -- rm c/c
expect 0 -- rm c
