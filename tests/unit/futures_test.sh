#!/bin/sh
# The example futures: all, any, then, and a promise that is broken by a kill.
set -u
futures=$WEFT_BINARY_DIR/examples/futures
[ -x "$futures" ] || { echo "$futures is not built"; exit 77; }

out=$(timeout 50 "$futures" 2>&1) || { echo "futures: ended with $?: $out"; exit 1; }
want='all: the squares below 16 add up to 1240
any: number 1 says 49
then: that is 32
promise: its owner died
4 of 5 left, and 0 futures'
[ "$out" = "$want" ] || { echo "$out"; exit 1; }
