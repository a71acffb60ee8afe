# Pipelines against the oracle, on all kinds of input; errors in pipelines.
# shellcheck shell=bash disable=SC2154,SC2034

in=$work/in
mkdir -p "$in"
: >"$in/empty"
printf '\n' >"$in/newline"
printf 'a' >"$in/one-byte"
printf 'no newline at the end' >"$in/unended"
printf '\n\n\nx\n\n' >"$in/blank-lines"
printf 'the cat the dog THE Cat\nthe end\n' >"$in/small"
printf 'ends\r\nlike\r\nthis\r\n' >"$in/crlf"
head -c 100000 /dev/urandom >"$in/binary"
printf 'a\0b\0\0c\nabcdefgh\0\nabcdefgh\n\0\n' >"$in/zeroes"
python3 -c '
import random
r = random.Random(7)
words = ["w" + "abcdefghij"[i % 10] * (i % 23) + "XYZ"[i % 3] for i in range(400)]
for i in range(6000):
    print(" ".join(r.choice(words) for _ in range(r.randrange(12))), end=r.choice("\n\n,; "))
' >"$in/text"
python3 -c 'print("word " * 30000 + "x" * 70000, end="")' >"$in/long-line"
python3 -c 'print("y" * 300000 + "\n" + "z" * 200000)' >"$in/long-words"
mkdir "$in/many"
for i in {1..300}; do printf 'file %d has%d words\nand lines' "$i" $((i % 7)) >"$in/many/$i"; done

oracle() { # STAGES FILE... > expected
        python3 "$here/oracle.py" "$@" >"$work/want"
}

compare() { # STAGES-OF-WEFT STAGES-OF-ORACLE OPTIONS... -- FILE...
        local ours=$1 plain=$2 options=() quoted=
        shift 2
        while [ "$1" != -- ]; do options+=("$1"); shift; done
        shift
        oracle "$plain" "$@"
        for file in "$@"; do quoted="$quoted '$file'"; done
        weft run "${options[@]}" "files:$quoted | $ours"
        if [ "$code" = 0 ]; then
                same "$ours ${options[*]} on $*" "$work/want" "$out"
        else
                fail "$ours ${options[*]} on $*: exit $code" "$err"
        fi
}

# ---- every input, with small chunks ---------------------------------------------------

for name in empty newline one-byte unended blank-lines small crlf zeroes; do
        for stages in 'words | count | print' 'lines | count | print' 'lines | print'; do
                compare "$stages" "$stages" --chunk 3 -- "$in/$name"
        done
done
for name in binary text long-line long-words; do
        for chunk in 1000 64K; do
                compare 'words | count | print' 'words | count | print' --chunk $chunk -- "$in/$name"
                compare 'lines | print' 'lines | print' --chunk $chunk -- "$in/$name"
        done
done
compare 'words | count | print' 'words | count | print' --chunk 64 -- "$in/text"
compare 'lines | count | print' 'lines | count | print' --chunk 64 -- "$in/text"
compare 'lines | print' 'lines | print' --chunk 64 -- "$in/text"

# ---- many files, many workers, all stages ----------------------------------------------

all=("$in"/many/* "$in/text" "$in/small" "$in/zeroes" "$in/long-line")
compare 'words x3 | count x3 | print' 'words | count | print' --chunk 5000 -- "${all[@]}"
compare 'words=lower x2 | count | top=7' 'words=lower | count | top=7' -- "${all[@]}"
compare 'lines | count x2 | top=5' 'lines | count | top=5' --chunk 700 -- "${all[@]}"
compare 'words | top=11' 'words | top=11' --chunk 500 -- "${all[@]}"
compare 'words | print' 'words | print' --chunk 500 -- "${all[@]}"
compare 'words=lower | print' 'words=lower | print' --chunk 500 -- "${all[@]}"
compare 'lines | grep=a.*b | print' 'lines | grep=a.*b | print' --chunk 2000 -- "$in"/many/* "$in/text"
compare 'grep=has | words | count | print' 'grep=has | words | count | print' -- "${all[@]}"
compare 'words | grep=^[wX] | count | print' 'words | grep=^[wX] | count | print' -- "${all[@]}"
compare 'lines | words | grep="X|Y" x2 | count | top=3' 'words | grep=[XY] | count | top=3' --chunk 900 -- "${all[@]}"
compare 'lines | top=100000' 'lines | print' -- "$in/text"
compare 'print' 'lines | print' -- "$in/text"
compare 'count | print' 'lines | count | print' -- "$in/text"
compare 'words | count | top=1' 'words | count | top=1' --pin spread -- "$in/text"
compare 'words | count | top=1' 'words | count | top=1' --pin compact --memory 64K -- "$in/text"
compare 'words | print' 'words | print' --pin 0 --memory 1M --restarts 0 -- "$in/text"

# ---- standard input ----------------------------------------------------------------------

for name in empty newline one-byte unended small text zeroes long-line; do
        for stages in 'words | count | print' 'lines | print' 'lines | count | top=9'; do
                oracle "$stages" "$in/$name"
                weft run --chunk 4K "stdin | $stages" <"$in/$name"
                same "stdin | $stages < $name" "$work/want" "$out"
        done
done
oracle 'words | count | print' "$in/text"
code=0
(while IFS= read -r line || [ -n "$line" ]; do printf '%s\n' "$line"; done <"$in/text") |
        timeout 60 "$WEFT" run 'stdin | words | count | print' >"$out" 2>"$err"
same 'a slow writer' "$work/want" "$out"
(printf 'first\n'; sleep 3; printf 'second') | "$WEFT" run 'stdin | lines | print' >"$out" &
check 'lines come while the writer rests' wait_for 2 grep -q first "$out"
wait $!
check 'and the rest comes, too' grep -q second "$out"
code=0
yes | timeout 20 "$WEFT" run 'stdin | lines | top=3' >"$out" 2>"$err" || code=$?
check 'top ends an endless pipeline' test "$code $(tr '\n' , <"$out")" = '0 y,y,y,'
expect 1 'longer than --memory' -- run --memory 64K 'stdin | lines | print' <"$in/long-words"

# ---- coreutils say the same -----------------------------------------------------------------

tr -cs A-Za-z '\n' <"$in/text" | grep . | sort | uniq -c | sed 's/^ *//; s/ /\t/' |
        sort -k1,1nr -k2 >"$work/want"
weft run "files:$in/text | words | count | print"
same 'tr | sort | uniq -c' "$work/want" "$out"
grep -aE '[abc]{3}' "$in/text" >"$work/want"
weft run "files:$in/text | lines | grep='[abc]{3}' | print"
same 'grep -E' "$work/want" "$out"
cat "$in"/many/{1,10,100} >"$work/want"
weft run --name seen 'files:'"$in"'/many/{1,10,100} | lines | print'
sed -i 's/linesfile/lines\nfile/' "$work/want"
echo >>"$work/want"
same 'braces in a pattern' "$work/want" "$out"

# ---- JSON ---------------------------------------------------------------------------------------

weft run --json "files:$in/small | words | count | print"
json 'counts in JSON' 'j["result"][0] == {"count": 3, "item": "the"} and j["summary"]["counted"] == 8 and j["exit"] == 0'
json 'the summary' 'j["summary"]["bytes"] == 32 and j["summary"]["restarts"] == 0 and j["summary"]["workers"] > 1 and j["summary"]["chunks"] == 1'
weft run --json "files:$in/small | lines | print"
json 'items in JSON' 'j["result"] == ["the cat the dog THE Cat", "the end"] and j["summary"]["items"] == 2'
printf '\377x\n' >"$in/latin"
weft run --json "files:$in/latin | lines | count | print"
json 'bytes that are no text' 'j["result"] == [{"count": 1, "item": {"hex": "ff78"}}]'
weft run --json "files:$in/empty | lines | print"
json 'no items' 'j["result"] == []'
weft run --json "files:$in/nosuch | lines | print"
json 'an error' '"nosuch" in j["error"] and j["exit"] == 3'
head -c 200000 /dev/zero >"$in/nul-line"
weft run --json --memory 64K 'stdin | lines | print' <"$in/nul-line"
json 'a late error' 'j["result"] == [] and "longer" in j["error"] and j["exit"] == 1'
weft run --verbose "files:$in/small | lines | print"
check 'verbose says how it went' grep -q '32 B in' "$err"

# ---- what is wrong is named ------------------------------------------------------------------------

expect 2 'no pipeline' -- run
expect 2 'one pipeline' -- run 'stdin | print' x
expect 2 'is no source' -- run 'words | print'
expect 2 'is no source' -- run ''
expect 2 'needs at least one file' -- run 'files: | print'
expect 2 'stdin takes no argument' -- run 'stdin x | print'
expect 2 "no stage is called 'wrods'" -- run 'stdin | wrods | print'
expect 2 'nothing stands between' -- run 'stdin | | print'
expect 2 'ends with print or top' -- run 'stdin | words'
expect 2 'ends with print or top' -- run 'stdin'
expect 2 'print ends a pipeline' -- run 'stdin | print | words'
expect 2 'can follow count' -- run 'stdin | words | count | words | print'
expect 2 'top needs a number' -- run 'stdin | words | top'
expect 2 'top=x: not a number' -- run 'stdin | words | top=x'
expect 2 'top=0: not a number' -- run 'stdin | words | top=0'
expect 2 'only words=lower' -- run 'stdin | words=upper | print'
expect 2 'grep needs' -- run 'stdin | grep | print'
expect 2 'grep=\(:' -- run 'stdin | grep=( | print'
expect 2 'quote is not closed' -- run "stdin | grep='x | print"
expect 2 'lines takes no argument' -- run 'stdin | lines=3 | print'
expect 2 'print takes no argument' -- run 'stdin | print=3'
expect 2 'print runs in the command' -- run 'stdin | print x2'
expect 2 'xN takes 1 to' -- run 'stdin | words x0 | print'
expect 2 'xN takes 1 to' -- run 'stdin | words x99999 | print'
expect 2 'count takes at most' -- run 'stdin | words | count x65 | print'
expect 2 'workers are too many' -- run 'stdin | words x500 | lines x500 | print'
expect 2 '--chunk 0' -- run --chunk 0 'stdin | print'
expect 2 '--memory x' -- run --memory x 'stdin | print'
expect 2 '--restarts -1' -- run --restarts=-1 'stdin | print'
expect 2 'needs a value' -- run 'stdin | print' --chunk
expect 1 '--pin nosuch' -- run --pin nosuch 'stdin | print' </dev/null
expect 2 'no name for an arena' -- run --name .x 'stdin | print' </dev/null
expect 3 'nosuch: No such file' -- run "files:$in/nosuch | print"
expect 3 'no file matches' -- run "files:$in/*.nosuch | print"
expect 3 'matches directories only' -- run "files:$in/man[y] | print"
expect 1 'is a directory' -- run "files:$in/many | print"
expect 1 'is no regular file' -- run 'files:/dev/null | print'
expect 1 'does not say how long' -- run 'files:/proc/cpuinfo | print'
if [ "$(id -u)" != 0 ]; then
        printf x >"$in/secret"
        chmod 0 "$in/secret"
        expect 1 'secret: Permission denied' -- run "files:$in/secret | print"
fi
code=0
"$WEFT" run "files:$in/text | print" >/dev/full 2>"$err" || code=$?
check 'a full disk is an error' test $code = 1
check 'and it is said' grep -q 'standard output: No space' "$err"
