#!/bin/sh
# The chains of stream_inline_chains.h, as C11 and C++17, by gcc and clang, with every
# warning an error; and each of them runs.
set -u
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
cd "$WEFT_SOURCE_DIR" || exit 1
cat >"$dir/main.c" <<'END'
#include <stdio.h>

#include "tests/unit/stream_inline_chains.h"

static weft_stream_t *numbers(uint64_t n)
{
        return weft_stream_range(0, n, 1);
}

int main(void)
{
        int wrong = chains(numbers);
        if (wrong)
                printf("stream_inline_chains.h:%d: not true\n", wrong);
        return wrong != 0;
}
END
bad=0
ran=0
lib=$WEFT_BINARY_DIR
[ -e "$lib/libweft.so" ] || { echo "$lib/libweft.so is not built"; exit 77; }
nm "$lib/libweft.so" | grep -qE '__(asan|tsan)_init' && exit 77 # needs its runtime
# g++ takes a function that is called as its struct for a shadow: not our names' concern.
for with in "gcc -std=c11 -Wshadow -x c" "g++ -std=c++17 -Wshadow=local -x c++" \
            "clang -std=c11 -Wshadow -x c" "clang++ -std=c++17 -Wshadow -x c++"; do
        command -v "${with%% *}" >/dev/null || continue
        for level in -O0 -O2; do
                # shellcheck disable=SC2086 # words are meant
                if ! $with $level -Wall -Wextra -Wpedantic -Wconversion -Wcast-qual \
                        -Wcast-align -Werror -Iinclude -I. "$dir/main.c" -x none \
                        -o "$dir/run" -L"$lib" -lweft -Wl,-rpath,"$lib" ||
                        ! "$dir/run"; then
                        echo "with: $with $level"
                        bad=1
                fi
                ran=$((ran + 1))
        done
done
[ "$ran" -gt 0 ] || exit 77
exit $bad
