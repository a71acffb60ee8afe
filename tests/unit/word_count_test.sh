#!/bin/sh
# The example word_count: what it counts is what sort and uniq count; with threads, with
# processes, and with one of them killed in the middle.
set -u
word_count=$WEFT_BINARY_DIR/examples/word_count
[ -x "$word_count" ] || { echo "$word_count is not built"; exit 77; }
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
LC_ALL=C
export LC_ALL

cat "$WEFT_SOURCE_DIR"/docs/* "$WEFT_SOURCE_DIR"/include/weft/* > "$dir/text"
tr -cs 'A-Za-z' '\n' < "$dir/text" | tr '[:upper:]' '[:lower:]' | grep . | sort | uniq -c |
        awk '{ print $2, $1 }' > "$dir/want"

bad=0
expect() { # HOW-IT-WENT ARGUMENT...
        want=$1
        shift
        timeout 50 "$word_count" "$@" "$dir/text" > "$dir/got" 2> "$dir/said" ||
                { echo "word_count $*: ended with $?: $(cat "$dir/said")"; bad=1; }
        cmp -s "$dir/want" "$dir/got" || { echo "word_count $*: counted wrong"; bad=1; }
        grep -q "$want" "$dir/said" || { echo "word_count $*: $(cat "$dir/said")"; bad=1; }
}
expect "0 run again, 0 workers replaced"
expect "0 run again, 0 workers replaced" --threads
for _ in 1 2 3; do
        expect "1 run again, 1 workers replaced" --kill
done
: > "$dir/text"
: > "$dir/want"
expect "^0 pieces"
timeout 50 "$word_count" --no-such-option 2>/dev/null && { echo "bad usage is accepted"; bad=1; }
timeout 50 "$word_count" "$dir/none" 2>/dev/null && { echo "no file is accepted"; bad=1; }
exit $bad
