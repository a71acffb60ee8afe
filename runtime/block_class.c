/* runtime/block_class.c -- the sizes of blocks. */
#include "runtime/block_internal.h"

#define INVERSE(bytes) (((UINT64_C(1) << 32) + (bytes) / 16 - 1) / ((bytes) / 16))
#define SHIFT(n) \
        ((n) <= 48     ? 0 \
         : (n) <= 96   ? 1 \
         : (n) <= 192  ? 2 \
         : (n) <= 384  ? 3 \
         : (n) <= 768  ? 4 \
         : (n) <= 1536 ? 5 \
                       : 6)
/* Words in front of the blocks, or in the page's record. */
#define SMALL(bytes, n) \
        { \
                bytes, n, (8 * (n) + 63) / 64 * 64, SHIFT(n), INVERSE(bytes) \
        }
#define LARGE(bytes) \
        { \
                bytes, 65536 / (bytes), 0, 0, INVERSE(bytes) \
        }

const struct weft_class weft_classes[WEFT_BLOCK_CLASSES] = {
        SMALL(16, 2728), SMALL(32, 1638), SMALL(48, 1169), SMALL(64, 910),
        SMALL(128, 481), SMALL(192, 327), SMALL(256, 248), SMALL(320, 199),
        SMALL(384, 167), SMALL(448, 143), SMALL(512, 126), SMALL(640, 101),
        SMALL(768, 84),  SMALL(896, 72),  SMALL(1024, 63), SMALL(1088, 59),
        SMALL(1280, 50), SMALL(1536, 42), SMALL(1792, 36), SMALL(2048, 31),
        SMALL(2560, 25), SMALL(3072, 21), SMALL(3584, 18), SMALL(4352, 15),
        LARGE(5440),     LARGE(6528),     LARGE(8192),     LARGE(9344),
        LARGE(10880),    LARGE(13056),    LARGE(16384),    LARGE(21824),
        LARGE(32768),    LARGE(65536),
};

const uint8_t weft_classes_low[64] = {
        0,  1,  2,  3,  4,  4,  4,  4,  5,  5,  5,  5,  6,  6,  6,  6,
        7,  7,  7,  7,  8,  8,  8,  8,  9,  9,  9,  9,  10, 10, 10, 10,
        11, 11, 11, 11, 11, 11, 11, 11, 12, 12, 12, 12, 12, 12, 12, 12,
        13, 13, 13, 13, 13, 13, 13, 13, 14, 14, 14, 14, 14, 14, 14, 14,
};

_Static_assert(WEFT_BLOCK_CLASSES + WEFT_HINT_SLAB <= WEFT_BLOCK_HINTS, "a hint a class");
_Static_assert(65536 / 5440 <= WEFT_PAGE_WORDS, "words of large blocks fit the record");
