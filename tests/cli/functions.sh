# Functions of a shared object as stages of a pipeline.
# shellcheck shell=bash disable=SC2154

so=$(cd "$(dirname "$CLI_HELPER")" && pwd)/records.so
text=$work/functions
for i in {1..3000}; do echo "line $i of some"; echo; echo ab; done >"$text"

stage() { # WHAT PIPELINE: prints what is in $work/want
        weft run --chunk 1000 "files:'$text' | $2"
        if [ "$code" = 0 ]; then
                same "$1" "$work/want" "$out"
        else
                fail "$1: exit $code" "$err"
        fi
}

tr '[:lower:]' '[:upper:]' <"$text" | grep . >"$work/want" # an empty one is dropped
stage "a function of each line" "$so:upper x3 | print"
stage "two functions" "lines | $so:upper | $so:upper x2 | print"
grep -E '.{5}' "$text" >"$work/want"
stage "a function that drops lines" "$so:longer | print"
tr ' ' '\n' <"$text" | grep . >"$work/want"
stage "a function that makes several of one" "$so:split | print"
tr ' ' '\n' <"$text" | tr '[:lower:]' '[:upper:]' | grep . | sort | uniq -c |
        awk '{ printf "%d\t%s\n", $1, $2 }' | sort -k1,1nr -k2,2 >"$work/want"
stage "functions, then count" "$so:split | $so:upper | count | print"
head -n 3 "$text" | python3 -c '
import sys
for line in sys.stdin:
    if line != "\n":
        print(line[0] * 100000)' >"$work/want"
head -n 3 "$text" >"$text.3"
text=$text.3
stage "a function that wants much room" "$so:grow | print"
text=${text%.3}
(cd "${so%/*}" && timeout 60 "$WEFT" run "files:'$text' | ./records.so:longer | print") >"$out" 2>"$err"
grep -E '.{5}' "$text" >"$work/want"
same "a function by a relative path" "$work/want" "$out"
grep . "$text" >"$work/want"
export RECORDS_DIE=$work/died
stage "a worker that dies in the function" "$so:die | print"
check "it died" test -e "$work/died"
unset RECORDS_DIE

tr '[:lower:]' '[:upper:]' <"$text" | grep -E '.{9}' >"$work/want"
stage "functions with an argument" "$FUNCTIONS:longer=9 | $FUNCTIONS:upper | print"
sed p "$text" | grep . >"$work/want"
stage "an argument that is not wanted" "$FUNCTIONS:longer=1 | $FUNCTIONS:twice=x | print"

expect 3 "no function 'none'" -- run "files:'$text' | $so:none | print"
echo 'no shared object' >"$work/text.so"
expect 1 'text.so: ' -- run "files:'$text' | $work/text.so:f | print"
expect 3 'no-such.so' -- run "files:'$text' | /no-such.so:f | print"
expect 1 'takes int' -- run "files:'$text' | $so:numbers | print"
expect 1 'one byte at a time' -- run "files:'$text' | $so:bytes | print"
expect 2 'which function' -- run "files:'$text' | $so | print"
expect 1 "function '.*:no'" -- run "files:'$text' | $so:no | print"
expect 1 "gave up: function '.*longer': invalid argument" -- \
        run "files:'$text' | $FUNCTIONS:longer | print"
expect 1 -- run --json "files:'$text' | $FUNCTIONS:longer | print"
json "the cause is told" "\"longer': invalid argument\" in j['error']"
