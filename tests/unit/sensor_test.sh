#!/bin/sh
# The example sensor: what its subscribers found to be so, several times.
set -u
sensor=$WEFT_BINARY_DIR/examples/sensor
[ -x "$sensor" ] || { echo "$sensor is not built"; exit 77; }

bad=0
want="sensor: 4000 readings
archive: all of them, in order
slow: lost some, was told how many, 4000 in all
display: killed in the middle"
for _ in 1 2 3 4 5; do
        out=$(timeout 50 "$sensor" 2>&1) || { echo "sensor: ended with $?"; bad=1; }
        [ "$out" = "$want" ] || { echo "sensor: $out"; bad=1; }
done
timeout 50 "$sensor" --no-such-option 2>/dev/null && { echo "bad usage is accepted"; bad=1; }
exit $bad
