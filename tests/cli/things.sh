# cat, get, put, del, push, pop: across processes, as each command is one.
# shellcheck shell=bash disable=SC2154,SC2034

said() { # TEXT: that, and nothing else, is on the standard output
        if [ "$(cat "$out")" = "$1" ]; then
                pass
        else
                fail "not said: $1" "$out"
        fi
}

# ---- the command line ---------------------------------------------------------------

for command in cat get put del push pop; do
        expect 2 'of what' -- $command
        expect 2 'is an arena' -- $command x a b
        expect 2 'no option --nosuch' -- $command --nosuch
        expect 0 -- help $command
        check "help $command" grep -q "usage: weft $command" "$out"
done
expect 3 'nosuch' -- cat nosuch/x
expect 2 'cat takes nothing' -- cat x/y z
expect 2 'put takes KEY' -- put x/y
expect 2 'push takes VALUE' -- push x/y
expect 2 'does not take --timeout' -- put --timeout 1 x/y 1 2
expect 2 'none of u8' -- cat --format u7 x/y
expect 2 'no time' -- pop --timeout soon x/y
expect 2 'no number' -- cat -n 0 x/y
expect 2 'wants an argument' -- cat x/y --format
expect 2 'goes with --create' -- put --length 3 x/y 1 2
expect 2 'cannot make' -- put --create nosuch x/y 1 2
expect 2 'push does nothing with one' -- push --create array x/y 1
expect 2 "'stack' does not take --lease" -- push --create stack --lease x/y 1
expect 2 "'queue' does not take --length" -- push --create queue --length 3 x/y 1
expect 2 'without --capacity' -- send --create channel --rendezvous --capacity 3 x/y 1
for kind in queue stack broadcast hot; do
        expect 2 "no $kind can be made with these options" -- push --create $kind --element-bytes 1T x/y 1
done
expect 2 'no map can be made with these options' -- put --create map --key-bytes 4G x/y 1 2
expect 1 'full' -- put --create array --length 1T x/y 1 2
expect 3 '^weft rm: x: not there' -- rm x # nothing was made for what cannot be

# ---- arrays -------------------------------------------------------------------------

expect 0 -- put --create array --length 4 t/a 2 77
expect 0 -- cat t/a
said $'0\t0\n1\t0\n2\t77\n3\t0'
expect 0 -- put t/a 3 -1 --format i64
expect 0 -- get t/a 3
said 18446744073709551615
expect 0 -- get t/a 3 --format i64
said -1
expect 0 -- get t/a 3 --format hex
said ffffffffffffffff
expect 0 -- get --json t/a 2
json 'get' 'j == {"name": "t/a", "value": 77}'
expect 0 -- get --json t/a 3
json 'more than JSON can hold' 'j["value"] == "18446744073709551615"'
expect 0 -- cat --json t/a -n 2 --from 1
json 'cat' 'j == {"name": "t/a", "kind": "array", "elements": [0, 77]}'
expect 0 -- put t/a 0 --format f64 -- -0.5
expect 0 -- get t/a 0 --format f64
said -0.5
expect 0 -- put --json t/a 0 1
json 'put' 'j == {"name": "t/a", "done": True}'
expect 0 -- put t/a 1 --format text abc
expect 0 -- get t/a 1 --format text
said abc
expect 0 -- get t/a 1 --format u16
said '25185 99 0 0'
expect 0 -- put t/a 1 --format u16 '1 2 3 4'
expect 0 -- get t/a 1
said 1125912791875585
expect 2 'is no u16' -- put t/a 1 --format u16 65536
expect 2 'numbers of 2' -- put t/a 1 --format u16 '1 2 3'
expect 2 'is no u64' -- put t/a 1 abc
expect 2 'is no u64' -- put t/a 1 -- -1
expect 2 'number is missing' -- put t/a 1 ''
expect 2 "zero byte is in '5': no u64" -- put t/a 1 - < <(printf '5\0006\n')
expect 2 'no hex' -- put t/a 1 --format hex 0g
expect 2 'bytes are wanted' -- put t/a 1 --format hex 00
expect 2 'are more than' -- put t/a 1 --format text 123456789
expect 2 'no index' -- get t/a x
expect 2 'which element' -- get t/a
expect 2 'which value' -- put t/a 1
expect 3 't/a: 4' -- get t/a 4
expect 3 't/a: 4' -- put t/a 4 1
expect 3 't/b' -- get t/b 1
expect 1 'of kind array' -- push t/a 1
expect 1 'of kind array' -- pop t/a
expect 1 'of kind array' -- del t/a 1
expect 0 -- put t/a 0 - < <(echo 5)
expect 0 -- put t/a 1 - --format raw < <(printf '\1\0\0\0\0\0\0\0')
expect 0 -- cat t/a --from 0 -n 2
said $'0\t5\n1\t1'
weft get t/a 1 --format raw
check 'raw bytes' cmp -s "$out" <(printf '\1\0\0\0\0\0\0\0')
expect 0 -- put --create array --length 2 --element-bytes 20 t/names 1 $'a\tb \303\244\\'
expect 0 -- cat t/names
said $'0\t\n1\ta\\tb \303\244\\\\'
expect 0 -- cat --json t/names
json 'text' 'j["elements"] == ["", "a\tb \u00e4\\"]'
expect 0 -- put t/names 0 --format hex ff00000000000000000000000000000000000000
expect 0 -- cat t/names -n 1
said $'0\tff00000000000000000000000000000000000000'
expect 0 -- get t/names 0 --format text
said '\xff'
expect 0 -- get --json t/names 0
json 'no text' 'j["value"] == {"hex": "ff00000000000000000000000000000000000000"}'
expect 1 'other sizes' -- put --create array --element-bytes 4 t/a 0 1
expect 0 -- stat --json t/a
json 'stat' 'j["generation"] == 1 and j["length"] == 4'
expect 0 -- ls t
check 'ls' grep -qE '^a +array +.*4 elements of 8 B' "$out"

# ---- queues -------------------------------------------------------------------------

expect 0 -- push --create queue --capacity 8 t/q one two 'and three'
expect 0 -- pop t/q
said one
expect 0 -- pop --json t/q
json 'pop' 'j == {"name": "t/q", "value": "two"}'
expect 0 -- push --json t/q - < <(printf 'a\nb\n\nc')
json 'push' 'j["done"]'
expect 0 -- pop -n 2 t/q
said $'and three\na'
expect 0 -- pop --json -n 100 t/q
json 'pop -n' 'j["elements"] == ["b", "", "c"]'
expect 124 'timed out' -- pop --timeout 0 t/q
expect 124 'timed out' -- pop --timeout 20ms t/q
expect 0 -- push t/q 1 2 3 4 5 6 7 8
expect 124 'timed out' -- push t/q --timeout 0 9
expect 0 -- cat t/q
check 'cat of a queue says how long it is' grep -qE '^ +length +8$' "$out"
expect 1 'of kind queue' -- get t/q 1
(sleep 0.1 && "$WEFT" pop -n 8 t/q >/dev/null) &
expect 0 -- push t/q 9 # waits for room
wait $!
expect 0 -- pop t/q
said 9
(sleep 0.1 && "$WEFT" push t/q late) &
expect 0 -- pop t/q # waits for it
said late
wait $!
expect 2 'are more than' -- push t/q - < <(printf 'x\ny\n%0300d\n' 0)
check 'and says what it has done' grep -q '2 were pushed' "$err"
expect 0 -- pop -n 2 t/q
said $'x\ny'
expect 0 -- push --create queue --element-bytes 8 t/numbers 1 2 18446744073709551615
expect 0 -- pop -n 3 t/numbers
said $'1\n2\n18446744073709551615'

# A lease that is written out is done with; the command that is killed before it is does
# not take the element with it.
expect 0 -- push --create queue --lease t/jobs first second
mkfifo "$work/pipe"
"$WEFT" pop -n 2 t/jobs >"$work/pipe" 2>/dev/null &
popper=$!
disown $popper
sleep 0.1 # it stands in opening the pipe: it has nothing yet
kill -KILL $popper
expect 0 -- pop t/jobs
said first
expect 0 -- stat --json t/jobs
json 'it is acknowledged' 'j["length"] == 1 and j["leased"] == 0'
expect 0 -- pop --json -n 5 t/jobs
json 'all of them' 'j["elements"] == ["second"]'
expect 0 -- stat --json t/jobs
json 'and those' 'j["length"] == 0 and j["leased"] == 0'
expect 1 'other sizes' -- push --create queue t/jobs third

# Many at once: nothing is lost, nothing is there twice.
for i in 1 2 3 4; do
        seq "$i" 4 400 | "$WEFT" push t/numbers - &
done
for i in 1 2 3 4; do
        for _ in $(seq 10); do "$WEFT" pop -n 10 --timeout 5 t/numbers; done >"$work/got.$i" &
done
wait
sleep 0.1
"$WEFT" pop -n 400 --timeout 0 t/numbers >"$work/got.5" 2>/dev/null
check 'all of them once' cmp -s <(sort -n "$work"/got.?) <(seq 400)

# A semaphore holds nothing that could be seen.
expect 0 -- sem t/s create 1
expect 1 'of kind semaphore' -- cat t/s
expect 0 -- check t
expect 0 -- rm t

# ---- maps and sets --------------------------------------------------------------------

expect 0 -- put --create map m/map key value
expect 0 -- put m/map $'tab\tin' $'line\n'
expect 0 -- put m/map empty ''
expect 0 -- get m/map key
said value
expect 0 -- get m/map empty
said ''
expect 0 -- cat m/map
check 'cat of a map' cmp -s <(sort "$out") <(printf 'empty\t\nkey\tvalue\ntab\\tin\tline\\n\n')
expect 0 -- cat --json m/map
json 'cat of a map' '{e["key"]: e["value"] for e in j["entries"]} == {"key": "value", "tab\tin": "line\n", "empty": ""}'
expect 0 -- cat m/map -n 1
check 'one entry' test "$(wc -l <"$out")" = 1
expect 0 -- put m/map key other
expect 0 -- get --json m/map key
json 'get of a map' 'j == {"name": "m/map", "value": "other"}'
expect 0 -- del --json m/map key
json 'del' 'j["done"]'
expect 3 'm/map: key' -- get m/map key
expect 3 'm/map: key' -- del m/map key
expect 2 'which key' -- get m/map
expect 2 'a key has 1 to 65536 bytes, not 0' -- put m/map '' value
expect 2 'a key has 1 to 65536 bytes, not 65537' -- get m/map "$(printf '%065537d' 0)"
head -c 100000 /dev/urandom >"$work/bytes"
expect 0 -- put --format raw m/map bytes - < <(cat "$work/bytes")
expect 0 -- get --format raw m/map bytes
same 'a large value' "$work/bytes" "$out"
expect 0 -- put --create map --key-bytes 8 --element-bytes 8 m/words 3 33
expect 0 -- put m/words 0x10 16
expect 0 -- get m/words 16
said 16
expect 0 -- cat --json m/words
json 'words' 'sorted((e["key"], e["value"]) for e in j["entries"]) == [(3, 33), (16, 16)]'
expect 2 'is no u64' -- get m/words x
expect 1 'other sizes' -- put --create map m/words 1 2
expect 0 -- put --create set m/set one
expect 0 -- put m/set two
expect 0 -- put m/set two
expect 0 -- get m/set two
expect 3 'm/set: three' -- get m/set three
expect 0 -- cat m/set
check 'cat of a set' cmp -s <(sort "$out") <(printf 'one\ntwo\n')
expect 0 -- del m/set one
expect 0 -- cat --json m/set
json 'members' 'j["members"] == ["two"]'
expect 1 'of kind map' -- push m/map x
for i in 1 2 3 4; do
        for k in $(seq 25); do "$WEFT" put m/map "$i.$k" "$k"; done &
done
wait
expect 0 -- cat m/map
check 'of four commands' test "$(grep -c '^[1-4]\.' "$out")" = 100

# ---- stacks, rings, broadcasts, pools ----------------------------------------------------

expect 0 -- push --create stack m/stack a b c
expect 0 -- cat m/stack
said c
expect 0 -- pop -n 2 m/stack
said $'c\nb'
expect 0 -- pop m/stack
expect 124 'timed out' -- pop --timeout 0 m/stack
expect 0 -- cat --json m/stack
json 'an empty stack' 'j["top"] == []'
expect 0 -- push --create ring m/ring 'a record' '' another
expect 0 -- pop --json m/ring
json 'a record' 'j["value"] == "a record"'
expect 0 -- pop -n 5 m/ring
said $'\nanother'
expect 124 'timed out' -- pop --timeout 10ms m/ring
expect 0 -- push --create ring --element-bytes 4 m/numbers 1 2 3
expect 0 -- pop -n 9 m/numbers
said $'1\n2\n3'
expect 0 -- push --create broadcast --capacity 4 --element-bytes 8 m/news 10 20 30 40 50
expect 0 -- cat m/news --from 3
said $'3\t40\n4\t50'
expect 0 -- cat m/news -n 1 --from 4
said $'4\t50'
expect 0 -- cat --json m/news
json 'what is retained' 'j["elements"] == [20, 30, 40, 50]'
expect 1 'of kind broadcast' -- pop m/news
expect 0 -- push --create broadcast --element-bytes 8 m/one 10
expect 0 -- cat m/one
said $'0\t10'
check 'a pool' "$CLI_HELPER" pool m
expect 0 -- cat m/pool
said $'0\tfree\n1\tfree'
expect 0 -- push --create future m/future 'a word'
expect 0 -- cat m/future
said 'a word'
expect 0 -- pop --json m/future
json 'a future' 'j["value"] == "a word"'
expect 1 'm/future' -- push m/future another
expect 0 -- push --create future --element-bytes 4 m/four 7
expect 0 -- cat m/four
said 7
check 'a future that waits' "$CLI_HELPER" future m
expect 0 -- cat m/open
said ''
expect 124 'timed out' -- pop --timeout 0 m/open
check 'lazies' "$CLI_HELPER" lazy m
expect 0 -- cat m/lazy
said 42
expect 0 -- cat m/new
said ''
expect 0 -- stat --json m/lazy
json 'a lazy' 'j["state"] == "done" and j["function"] == "cli answer"'
for name in map words set stack ring numbers news pool future lazy; do
        expect 0 -- stat m/$name
        expect 0 -- ls m/$name
        check "ls tells something of $name" grep -qE "^$name +[a-z]+ +[0-9]+ +[0-9.]+ [A-Za-z]+ +[^ ]" "$out"
done
expect 0 -- check m
expect 0 -- rm m
