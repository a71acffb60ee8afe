#!/bin/sh
# A program in C++ that uses what the headers compile into it: the constants, the functions'
# macros, the ring's short way and the fused streams. C++17 and C++20, by gcc and clang.
set -u
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
cd "$WEFT_SOURCE_DIR" || exit 1
cat >"$dir/main.cc" <<'END'
#include <cstring>
#include <thread>
#include <weft/weft.h>
#include <weft/stream_inline.h>

static int twice(const void *in, void *out, const void *)
{
        uint64_t v;
        std::memcpy(&v, in, sizeof v);
        v *= 2;
        std::memcpy(out, &v, sizeof v);
        return 0;
}
WEFT_FUNCTION_ITEM("twice", twice, WEFT_TYPE(uint64_t, "u64"), WEFT_TYPE(uint64_t, "u64"))

int main()
{
        weft_arena_t *arena = nullptr;
        weft_ring_t *ring = nullptr;
        weft_ring_options o{};
        o.capacity = 100;
        o.element_bytes = 8;
        if (weft_arena_create(nullptr, nullptr, &arena) ||
            weft_ring_create(arena, "ring", &o, &ring))
                return 1;
        bool pushed = true;
        std::thread producer([&] {
                for (uint64_t i = 0; i < 10000 && pushed; i++)
                        pushed = weft_ring_push(ring, &i, WEFT_NEVER) == 0;
                pushed = weft_ring_shutdown(ring) == 0 && pushed;
        });
        uint64_t v, sum = 0;
        int rc;
        while ((rc = weft_ring_pop(ring, &v, WEFT_NEVER)) == 0)
                sum += v;
        producer.join();
        if (!pushed || rc != -EPIPE || sum != 49995000)
                return 2;

        weft_ref_t none = WEFT_REF_NONE;
        if (none.v || weft_at(arena, WEFT_REF_NONE, 1))
                return 3;

        weft_stream_t *s = weft_stream_range(0, 10, 1);
        s = weft_stream_map(s, weft_call_name("twice", nullptr));
        sum = 0;
        WEFT_PULLER(uint64_t, p, 4, s, WEFT_NEVER);
        WEFT_FROM_STREAM(uint64_t, x, p)
        {
                WEFT_FILTER(x > 2);
                WEFT_MAP(uint64_t, y, x + 1);
                WEFT_FOLD(sum, sum + y);
        }
        if (WEFT_PULLER_END(p) || sum != 96)
                return 4;
        weft_ring_close(ring);
        weft_arena_close(arena);
        return 0;
}
END
bad=0
ran=0
lib=$WEFT_BINARY_DIR
[ -e "$lib/libweft.so" ] || { echo "$lib/libweft.so is not built"; exit 77; }
nm "$lib/libweft.so" | grep -qE '__(asan|tsan)_init' && exit 77 # needs its runtime
for with in "g++ -std=c++17 -O2" "g++ -std=c++20 -O0" "clang++ -std=c++17 -O0" \
            "clang++ -std=c++20 -O2"; do
        command -v "${with%% *}" >/dev/null || continue
        # shellcheck disable=SC2086 # words are meant
        $with -Wall -Wextra -Wpedantic -Werror -pthread -Iinclude "$dir/main.cc" \
                -o "$dir/run" -L"$lib" -lweft -Wl,-rpath,"$lib" || bad=1
        "$dir/run" || {
                echo "with: $with"
                bad=1
        }
        ran=$((ran + 1))
done
[ "$ran" -gt 0 ] || exit 77
exit $bad
