#!/bin/bash
# The examples of channels: the sieve, with and without a buffer, and the pool of workers, of
# whom one is killed.
set -u
examples=$WEFT_BINARY_DIR/examples
for example in sieve csp_pool; do
        [ -x "$examples/$example" ] || { echo "$example is not built"; exit 77; }
done

bad=0
expect() { # PATTERN EXAMPLE ARGUMENT...: it ends well, and says that
        local pattern=$1 out
        shift
        out=$(timeout 50 "$examples/$1" "${@:2}" 2>&1) || { echo "$*: ended with $?"; bad=1; }
        grep -q -- "$pattern" <<<"$out" || { echo "$*: $out"; bad=1; }
}
expect '^50 primes by 51 processes: right' sieve
expect ' 229$' sieve
expect '^50 primes by 51 processes: right' sieve --buffered
expect '^400 of 400 jobs done by 4 workers who quit; 0 done again, 0 .* twice: right' csp_pool
for _ in 1 2 3; do
        expect '^400 of 400 jobs done by 3 workers who quit; .*: right' csp_pool --kill
done
timeout 50 "$examples/sieve" --no-such-option 2>/dev/null && { echo "bad usage is accepted"; bad=1; }
timeout 50 "$examples/csp_pool" --no-such-option 2>/dev/null && { echo "bad usage is accepted"; bad=1; }
exit $bad
