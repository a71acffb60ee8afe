# sem, event, latch and barrier, a command at a time; and what stat, ls and rm say of them.
# shellcheck shell=bash disable=SC2154,SC2034

says() { # WHAT LINE: the standard output is this line
        if [ "$(cat "$out")" = "$2" ]; then pass; else fail "$1: not '$2'" "$out" "$err"; fi
}

silent() { # WHAT
        if [ -s "$out" ] || [ -s "$err" ]; then fail "$1: says something" "$out" "$err"; else pass; fi
}

# ---- usage ----------------------------------------------------------------------------

for kind in sem event latch barrier; do
        expect 2 'ARENA/NAME' -- $kind
        expect 2 'is an arena' -- $kind s
        expect 2 'names no arena' -- $kind /x create
        expect 2 'which verb. create, ' -- $kind s/x
        expect 2 "no verb 'frob'" -- $kind s/x frob
        expect 2 'no option --frob' -- $kind s/x info --frob
        expect 2 'takes no argument' -- $kind s/x info 1
        expect 2 'info does not take --timeout' -- $kind s/x info --timeout 1
        expect 3 's/x' -- $kind s/x info
        expect 3 -- $kind --json s/x info
        json 'not there' '"s/x" in j["error"] and j["exit"] == 3'
done
for time in '' x 1x -1 1e3 0x1 1.2.3 . 999999999999h; do
        expect 2 'is no time' -- sem s/x wait --timeout "$time"
done
expect 2 'wants an argument' -- sem s/x wait --timeout
expect 2 'does not take --owned' -- sem s/x try --owned
expect 2 'does not take --max' -- event s/x create --max 3
expect 2 'permits at the start' -- sem s/x create
expect 2 'permits at the start' -- sem s/x create 1 2
expect 2 'not a number from 0' -- sem s/x create many
expect 2 'from 0 to 3' -- sem s/x create --max 3 4
expect 2 'no number of permits' -- sem s/x create --max 0 0
expect 2 'no number of permits' -- sem s/x wait -n 0
expect 2 'a command' -- sem s/x run
expect 2 'a command' -- sem s/x run --
expect 2 'no --json' -- sem --json s/x run true
expect 2 'the count' -- latch s/x create
expect 2 'from 1' -- latch s/x down 0
expect 2 'from 1 to 1024' -- barrier s/x create 0
expect 2 'from 1 to 1024' -- barrier s/x create 1025
empty_directory 'nothing of this makes an arena'

# ---- create -----------------------------------------------------------------------------

expect 0 -- sem s/n create 2
silent 'create'
expect 1 'already there' -- sem s/n create 2
expect 0 -- sem s/n create --exist-ok 2
expect 1 'made with other options' -- sem s/n create --exist-ok --max 5 2
expect 1 'of kind semaphore, not event' -- event s/n create --exist-ok
expect 1 'of kind semaphore, not latch' -- latch s/n count
expect 0 -- sem s/m create --json --exist-ok 0
json 'create' 'j == {"name": "s/m", "done": True, "kind": "semaphore", "created": True}'
expect 0 -- sem --json s/m create --exist-ok 0
json 'create again' 'j["created"] is False'
expect 3 's/nosuch' -- sem s/nosuch post
expect 0 -- stat --json s
json 'a small arena' 'j["max_bytes"] == 64 << 20 and j["committed_bytes"] < 4 << 20 and j["agents"] == 0'
expect 0 -- rm s
for i in 1 2 3 4 5 6; do
        "$WEFT" sem together/n create --exist-ok $i 2>>"$work/together" &
        jobs_of[i]=$!
done
for i in 1 2 3 4 5 6; do
        check 'created by six at once' wait "${jobs_of[i]}"
done
expect 0 -- ls --json together
json 'and there is one' 'len(j) == 1'
expect 0 -- rm together

# ---- sem ----------------------------------------------------------------------------------

expect 0 -- sem s/n create --max 5 2
expect 0 -- sem s/n value
says 'value' 2
expect 0 -- sem s/n wait
silent 'wait'
expect 0 -- sem s/n try
expect 1 -- sem s/n try
silent 'try'
expect 1 -- sem --json s/n try
json 'try' 'j == {"name": "s/n", "done": False}'
expect 124 's/n: timed out' -- sem s/n wait --timeout 10ms
expect 124 -- sem s/n wait --timeout 0
expect 124 -- sem s/n --json wait --timeout .01
json 'timed out' '"timed out" in j["error"] and j["exit"] == 124'
expect 124 -- sem --timeout 1000us s/n wait -n 3
expect 0 -- sem s/n post
expect 0 -- sem s/n post -n 4
expect 1 'more than its maximum' -- sem s/n post
expect 1 'more permits than its maximum' -- sem s/n wait -n 6
expect 0 -- sem s/n wait -n 4 --json
json 'wait' 'j == {"name": "s/n", "done": True, "taken": 4}'
expect 1 -- sem s/n try -n 2
expect 0 -- sem --json s/n value
json 'value' 'j == {"name": "s/n", "value": 1}'
expect 0 -- sem s/n info --json
json 'info' 'j["kind"] == "semaphore" and j["value"] == 1 and j["maximum"] == 5 and j["flags"] == "" and j["waiting"] == 0'
expect 0 -- sem s/n info
check 'info' grep -qE '^ +maximum +5$' "$out"
expect 0 -- ls s/n
check 'ls' grep -q '1 of 5 permits' "$out"

expect 7 -- sem s/n run sh -c 'exit 7'
expect 0 -- sem s/n value
says 'run gives back' 1
expect 7 -- sem s/n run -- sh -c 'exit 7'
expect 0 -- sem s/n run -n 1 -- "$WEFT" sem s/n value
says 'run holds' 0
expect 0 -- sem s/n run echo --timeout -n x
says 'the options of the command are its own' '--timeout -n x'
expect 127 'cannot run' -- sem s/n run -- "$work/nosuch"
expect 126 'cannot run' -- sem s/n run -- /
expect 124 'timed out' -- sem s/n run -n 2 --timeout 10ms touch "$work/ran"
check 'a command without its permits does not run' test ! -e "$work/ran"
expect 143 -- sem s/n run -- sh -c 'kill -TERM $$'
expect 137 -- sem s/n run -- sh -c 'kill -KILL $$'
expect 0 -- sem s/n value
says 'whatever happened to it' 1
expect 1 'more than its maximum' -- sem s/n run -- "$WEFT" sem s/n post -n 5
expect 0 -- sem s/n wait -n 5

expect 0 -- sem s/o create --owned 2
expect 1 'use run' -- sem s/o wait
expect 1 'use run' -- sem s/o try
expect 1 'only who holds' -- sem s/o post
expect 0 -- sem s/o run -n 2 -- "$WEFT" sem --json s/o info
json 'owned' 'j["value"] == 0 and j["held"] == 2 and j["held_by"] == 1 and j["flags"] == "owned"'
expect 0 -- sem s/o value
says 'owned, given back' 2

# ---- event --------------------------------------------------------------------------------

expect 0 -- event s/manual create
expect 1 -- event s/manual test
silent 'test'
expect 124 'timed out' -- event s/manual wait --timeout 10ms
expect 0 -- event s/manual pulse
expect 1 -- event s/manual test
expect 0 -- event s/manual set
expect 0 -- event s/manual set
silent 'set'
expect 0 -- event s/manual test
expect 0 -- event s/manual wait
expect 0 -- event s/manual wait
expect 0 -- event --json s/manual test
json 'test' 'j == {"name": "s/manual", "done": True}'
expect 0 -- event s/manual clear
expect 1 -- event --json s/manual test
json 'test' 'j["done"] is False'
expect 1 'made with other options' -- event s/manual create --exist-ok --auto
expect 0 -- event s/auto create --auto --set
expect 0 -- event s/auto test
expect 0 -- event --json s/auto info
json 'info' 'j["set"] == 1 and j["flags"] == "auto" and j["waiting"] == 0'
expect 0 -- event s/auto wait
expect 1 -- event s/auto test
expect 124 -- event s/auto wait --timeout 10ms

# ---- latch --------------------------------------------------------------------------------

expect 0 -- latch s/l create 4
expect 0 -- latch s/l down
silent 'down'
expect 0 -- latch s/l count
says 'count' 3
expect 124 'timed out' -- latch s/l wait --timeout 10ms
expect 124 'timed out' -- latch s/l arrive --timeout 10ms
expect 0 -- latch --json s/l count
json 'who has arrived has, though it timed out' 'j == {"name": "s/l", "count": 2}'
expect 1 'not so much is left' -- latch s/l down 3
expect 0 -- latch s/l arrive 2
expect 0 -- latch s/l wait
expect 1 'not so much is left' -- latch s/l down
expect 0 -- latch --json s/l info
json 'info' 'j["count"] == 0 and j["failed"] == 0'
expect 0 -- latch s/open create 0
expect 0 -- latch s/open wait

# ---- barrier ------------------------------------------------------------------------------

expect 0 -- barrier s/alone create 1
expect 0 -- barrier s/alone wait
says 'who is alone is the last' last
expect 0 -- barrier --json s/alone wait
json 'last' 'j == {"name": "s/alone", "done": True, "last": True}'
expect 0 -- barrier --json s/alone info
json 'info' 'j["phase"] == 2 and j["parties"] == 1 and j["broken"] == 0 and j["flags"] == "anonymous"'
expect 0 -- barrier s/two create 2
expect 124 'breaks it for the others' -- barrier s/two wait --timeout 10ms
expect 4 'broken: a party died' -- barrier s/two wait
expect 4 -- barrier --json s/two wait
json 'broken' 'j["exit"] == 4'
expect 0 -- barrier s/two info
check 'info' grep -qE '^ +broken +1$' "$out"
expect 0 -- barrier s/two reset
expect 0 -- barrier --json s/two info
json 'reset' 'j["broken"] == 0 and j["arrived"] == 0 and j["taken"] == 0'
expect 0 -- barrier s/shrink create --shrink 3
expect 124 's/shrink: timed out$' -- barrier s/shrink wait --timeout 10ms
expect 0 -- barrier --json s/shrink info
json 'a place went' 'j["parties"] == 2 and j["broken"] == 0 and j["flags"] == "shrink anonymous"'
expect 0 -- barrier s/members create --members 0
expect 1 'members' -- barrier s/members wait
expect 0 -- rm s

# ---- stat, ls and rm of every kind ------------------------------------------------------------

"$CLI_HELPER" sync h >"$work/held" &
holder=$!
disown $holder
check 'one of each' wait_for 10 grep -q held "$work/held"
expect 0 -- stat --json h/mutex
json 'mutex' "j['held'] == 1 and j['holder_pid'] == $holder and j['depth'] == 1 and j['flags'] == 'fair' and j['lost'] == 0"
expect 0 -- stat --json h/rwlock
json 'rwlock' 'j["readers"] == 1 and j["writing"] == 0 and j["waiting"] == 0'
expect 0 -- stat --json h/once
json 'once' 'j["done"] == 1 and j["running"] == 0 and j["result"] == -28'
expect 0 -- stat --json h/condition
json 'condition' 'j["waiting"] == 0 and j["notified"] == 0'
expect 0 -- stat --json h/members
json 'barrier' 'j["parties"] == 3 and j["taken"] == 1 and j["arrived"] == 1 and j["flags"] == ""'
expect 0 -- stat --json h/text
json 'signal' 'j["version"] == 2 and j["value_bytes"] == 16 and j["value"] == "hello, world"'
expect 0 -- stat h/text
check 'signal' grep -qE '^ +value +hello, world$' "$out"
expect 0 -- stat --json h/bytes
json 'signal' 'j["value"] == {"hex": "0102ff"}'
expect 0 -- stat h/bytes
check 'signal' grep -qE '^ +value \(hex\) +0102ff$' "$out"
expect 0 -- stat --json h/zero
json 'signal' 'j["value"] == {"hex": "0000"}'
expect 0 -- ls h
for kind in mutex rwlock once condition barrier signal; do
        check "ls of a $kind" grep -qE "^[a-z]+ +$kind +1 +[0-9.]+ [KM]?i?B +[^ ]" "$out"
done
expect 1 "h/mutex: in use by somebody alive: mutex: held by $holder, fair, 0 waiting" -- rm h/mutex
expect 1 'h/rwlock: in use' -- rm --json h/rwlock
json 'rm' '"in use" in j["error"] and j["exit"] == 1'
expect 1 'h/members: in use' -- rm h/members
expect 0 -- rm h/condition
expect 1 'members' -- barrier h/members wait
expect 1 'of kind mutex, not semaphore' -- sem h/mutex value
kill -KILL $holder
check 'it is gone' wait_for 5 test ! -d /proc/$holder
expect 0 -- check --repair h
expect 0 -- stat --json h/mutex
json 'its holder died' 'j["held"] == 0 and j["inconsistent"] == 1'
expect 0 -- stat --json h/rwlock
json 'a dead reader has vanished' 'j["readers"] == 0 and j["inconsistent"] == 0'
expect 0 -- rm h/mutex h/rwlock h/members
expect 0 -- rm h
