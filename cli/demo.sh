#!/bin/bash
# Counts the words of the text that is on every Debian machine: with weft, with
# cat | tr | sort | uniq -c, and with weft once more while its workers are killed.
# The three results are the same. WEFT says where the command is.
set -eu
WEFT=${WEFT:-$(cd "$(dirname "$0")/.." && pwd)/build/bin/weft}
export LC_ALL=C
if [ ! -x "$WEFT" ]; then
        echo "demo: $WEFT is not built" >&2
        exit 1
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Text files that end with a newline: `cat` would glue the last word of any other to the
# first word of the next. The list has to fit into one argument: 128 KiB.
find /usr/include /usr/share/common-licenses /usr/share/perl /usr/share/perl5 /usr/lib/python3 \
        /usr/share/doc /usr/lib/gcc -type f -size +1k -size -4096k \
        \( -name '*.h' -o -name '*.p[lmy]' -o -name 'copyright' -o -path '*licenses/*' \) \
        -readable 2>/dev/null | grep -v "[][ '\"|*?{}~\\\\]" | sort >"$work/found" || true
bytes=0
while IFS= read -r file; do
        [ -n "$(tail -c 1 "$file" | tr -d '\n')" ] && continue
        bytes=$((bytes + ${#file} + 1))
        [ $bytes -gt 120000 ] && break
        echo "$file"
done <"$work/found" >"$work/list"
if [ ! -s "$work/list" ]; then
        echo "demo: no text found on this machine" >&2
        exit 1
fi
files=$(tr '\n' ' ' <"$work/list")

seconds() { # COMMAND...: runs it, leaves the time in $took
        local begin=$EPOCHREALTIME
        "$@"
        took=$(awk -v a="$begin" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.3f", b - a }')
}

with_weft() {
        "$WEFT" run --verbose "files:$files | words | count | print" >"$work/weft" 2>"$work/how"
}

with_pipe() {
        xargs -d '\n' cat <"$work/list" | tr -cs A-Za-z '\n' | sed '/^$/d' | sort | uniq -c |
                sed 's/^ *//; s/ /\t/' | sort -k1,1nr -k2 >"$work/pipe"
}

# Kills one of the run's own children now and then: $1 is its pid.
kill_workers() {
        local workers
        killed=0
        while kill -0 "$1" 2>/dev/null; do
                mapfile -t workers < <(pgrep -P "$1" || true)
                if [ ${#workers[@]} -gt 0 ] && [ $killed -lt 90 ]; then
                        kill -KILL "${workers[RANDOM % ${#workers[@]}]}" 2>/dev/null &&
                                killed=$((killed + 1))
                fi
                sleep 0.005
        done
}

compare() { # NAME
        if ! cmp "$work/weft" "$work/$1"; then
                echo "demo: the results differ" >&2
                exit 1
        fi
        echo "The result is the same: $(wc -l <"$work/$1") different words."
}

echo "$(wc -l <"$work/list") files of $(xargs -d '\n' cat <"$work/list" | wc -c) bytes"
echo
echo "\$ weft run 'files:... | words | count | top=20'"
seconds with_weft
ours=$took
head -n 20 "$work/weft"
cat "$work/how"
echo
printf '%s\n' "\$ cat ... | tr -cs A-Za-z '\\n' | sort | uniq -c | sort -k1,1nr -k2"
seconds with_pipe
compare pipe
echo "It took $took s; weft took $ours s: $(awk -v a="$took" -v b="$ours" \
        'BEGIN { printf "%.1f", a / b }') times less."
echo
echo "Once more, in small chunks, and its workers are killed at random:"
"$WEFT" run --verbose --chunk 4K "files:$files | words x3 | count x2 | print" \
        >"$work/again" 2>"$work/how" &
run=$!
kill_workers $run
if ! wait $run; then
        cat "$work/how" >&2
        exit 1
fi
grep -c 'starting it again' "$work/how" | sed 's/$/ workers were killed and replaced./' || true
tail -n 1 "$work/how"
compare again
left=$("$WEFT" ls)
[ -z "$left" ] || echo "$left"
