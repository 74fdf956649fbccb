/* SPDX-License-Identifier: MIT */
/* Statuses, time, bytes, and frames built without the library's help. */
#include "support.h"

void check_status(zcn_status got, zcn_status expected, const char *call, const char *file, int line) {
    if (got == expected) return;
    print_error("%s\n    gave %s (%d), expected %s (%d)\n", call, zcn_status_name(got), (int)got,
                zcn_status_name(expected), (int)expected);
    _fail(file, line);
}

bool emulated(void) { return getenv("ZCNET_TEST_EMULATED") != NULL; }

/* It brings its own functions into the program it runs. */
bool under_valgrind(void) {
    const char *preload = getenv("LD_PRELOAD");
    return preload != NULL && strstr(preload, "vgpreload") != NULL;
}

bool slow_machine(void) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
    return true;
#endif
#endif
    return emulated() || under_valgrind();
}

size_t effort(size_t full, size_t reduced) { return slow_machine() ? reduced : full; }

uint32_t random_bits(uint32_t *seed) {
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

uint64_t deadline_after_ms(uint64_t milliseconds) {
    return now_ns() + milliseconds * 1000000U * (slow_machine() ? 5 : 1);
}

bool deadline_passed(uint64_t deadline) { return now_ns() >= deadline; }

int milliseconds_left(uint64_t deadline) {
    const uint64_t now = now_ns();
    if (now >= deadline) return 0;
    const uint64_t left = (deadline - now + 999999) / 1000000;
    return left > INT32_MAX ? INT32_MAX : (int)left;
}

/* ---- bytes ---- */

static uint8_t pattern_byte(uint64_t seed, uint64_t offset) {
    uint64_t value = (seed + 1) * 0x9E3779B97F4A7C15U + offset / 8 * 0xD1B54A32D192ED03U;
    value ^= value >> 29;
    value *= 0xBF58476D1CE4E5B9U;
    return (uint8_t)(value >> 8 * (offset % 8));
}

void fill_pattern(void *data, size_t size, uint64_t seed) {
    uint8_t *at = data;
    for (size_t i = 0; i < size; i++) at[i] = pattern_byte(seed, i);
}

bool has_pattern(const void *data, size_t size, uint64_t seed) {
    const uint8_t *at = data;
    for (size_t i = 0; i < size; i++)
        if (at[i] != pattern_byte(seed, i)) return false;
    return true;
}

static void make_room(bytes *of, size_t size) {
    if (of->data != NULL && of->capacity - of->size >= size) return;
    of->capacity = (of->size + size) * 2 + 64;
    of->data = realloc(of->data, of->capacity);
    assert_non_null(of->data);
}

void bytes_append(bytes *to, const void *data, size_t size) {
    make_room(to, size);
    if (size != 0) memcpy(to->data + to->size, data, size);
    to->size += size;
}

void bytes_append_zeros(bytes *to, size_t size) {
    make_room(to, size);
    memset(to->data + to->size, 0, size);
    to->size += size;
}

void bytes_append_iovecs(bytes *to, const struct iovec *iovecs, size_t count) {
    for (size_t i = 0; i < count; i++) bytes_append(to, iovecs[i].iov_base, iovecs[i].iov_len);
}

void bytes_clear(bytes *of) {
    free(of->data);
    memset(of, 0, sizeof *of);
}

void *exact_block(size_t size, int value) {
    void *block = malloc(size);
    assert_non_null(block);
    memset(block, value, size);
    return block;
}

/* ---- framing ---- */

zcn_framing *framing_of(const char *text) {
    zcn_framing *framing = NULL;
    zcn_error error = {.struct_size = sizeof error};
    const zcn_status status = zcn_framing_parse(&framing, text, &error);
    if (status != ZCN_OK) fail_msg("framing \"%s\": %s: %s", text, zcn_status_name(status), error.text);
    assert_non_null(framing);
    return framing;
}

const frame_shape plain_shape = {.text = PLAIN_FRAMING, .kind = ZCN_FRAMING_LENGTH, .width = 4, .strip = 4};

const frame_shape frame_shapes[] = {
    {.text = PLAIN_FRAMING, .kind = ZCN_FRAMING_LENGTH, .width = 4, .strip = 4},
    {.text = "length,width=1", .kind = ZCN_FRAMING_LENGTH, .width = 1},
    {.text = "length,width=2,order=little,strip=2",
     .kind = ZCN_FRAMING_LENGTH,
     .width = 2,
     .little_endian = true,
     .strip = 2},
    {.text = "length,width=3,offset=2,strip=5", .kind = ZCN_FRAMING_LENGTH, .width = 3, .offset = 2, .strip = 5},
    {.text = "length,width=8,adjust=-8,strip=3", .kind = ZCN_FRAMING_LENGTH, .width = 8, .adjust = -8, .strip = 3},
    {.text = "length,width=4,order=little,offset=7,adjust=2,strip=11",
     .kind = ZCN_FRAMING_LENGTH,
     .width = 4,
     .little_endian = true,
     .offset = 7,
     .adjust = 2,
     .strip = 11},
    {.text = "varint,strip=1", .kind = ZCN_FRAMING_VARINT, .strip = 1},
    {.text = "varint,offset=1,max_varint=4,max=256M", .kind = ZCN_FRAMING_VARINT, .offset = 1},
    {.text = "varint,adjust=-1,strip=1", .kind = ZCN_FRAMING_VARINT, .adjust = -1, .strip = 1},
    {.text = "delimiter=\\n,strip=1",
     .kind = ZCN_FRAMING_DELIMITER,
     .strip = 1,
     .delimiter = "\n",
     .delimiter_size = 1},
    {.text = "delimiter=\\r\\n,strip=2",
     .kind = ZCN_FRAMING_DELIMITER,
     .strip = 2,
     .delimiter = "\r\n",
     .delimiter_size = 2},
    {.text = "delimiter=\\r\\n.\\r\\n", .kind = ZCN_FRAMING_DELIMITER, .delimiter = "\r\n.\r\n", .delimiter_size = 5},
    {.text = "fixed=7", .kind = ZCN_FRAMING_FIXED, .fixed = 7},
    {.text = "fixed=1", .kind = ZCN_FRAMING_FIXED, .fixed = 1},
};
const size_t frame_shape_count = sizeof frame_shapes / sizeof *frame_shapes;

size_t append_frame(bytes *to, const frame_shape *shape, const void *body, size_t size) {
    const size_t before = to->size;
    const uint64_t value = size - (uint64_t)shape->adjust;
    if (shape->kind == ZCN_FRAMING_LENGTH) {
        bytes_append_zeros(to, shape->offset);
        for (uint32_t i = 0; i < shape->width; i++) {
            const uint32_t place = shape->little_endian ? i : shape->width - 1 - i;
            const uint8_t byte = (uint8_t)(value >> 8 * place);
            bytes_append(to, &byte, 1);
        }
    } else if (shape->kind == ZCN_FRAMING_VARINT) {
        bytes_append_zeros(to, shape->offset);
        uint64_t rest = value;
        do {
            const uint8_t byte = (uint8_t)((rest & 0x7F) | (rest > 0x7F ? 0x80 : 0));
            bytes_append(to, &byte, 1);
            rest >>= 7;
        } while (rest != 0);
    } else if (shape->kind == ZCN_FRAMING_FIXED) {
        assert_int_equal(size, shape->fixed);
    }
    bytes_append(to, body, size);
    if (shape->kind == ZCN_FRAMING_DELIMITER) bytes_append(to, shape->delimiter, shape->delimiter_size);
    return to->size - before;
}

void append_messages(bytes *to, size_t count, size_t size) {
    uint8_t *body = malloc(size + 1);
    assert_non_null(body);
    for (size_t i = 0; i < count; i++) {
        fill_pattern(body, size, i);
        append_frame(to, &plain_shape, body, size);
    }
    free(body);
}

void append_view(bytes *to, const frame_shape *shape, const uint8_t *frame, size_t frame_size) {
    assert_true(frame_size >= shape->strip);
    const size_t at_start = shape->kind == ZCN_FRAMING_DELIMITER ? 0 : shape->strip;
    bytes_append(to, frame + at_start, frame_size - shape->strip);
}

size_t body_size_for(const frame_shape *shape, size_t wanted) {
    if (shape->kind == ZCN_FRAMING_FIXED) return shape->fixed;
    if (shape->kind == ZCN_FRAMING_LENGTH && shape->width == 1 && wanted > 255) wanted = 255;
    if (shape->kind == ZCN_FRAMING_LENGTH && shape->width == 2 && wanted > 65535) wanted = 65535;
    /* The value on the wire is the size less adjust, and it has no sign. */
    if (shape->adjust > 0 && wanted < (uint64_t)shape->adjust) wanted = (size_t)shape->adjust;
    return wanted;
}

void fill_body(void *data, size_t size, uint64_t seed) {
    fill_pattern(data, size, seed);
    uint8_t *at = data;
    for (size_t i = 0; i < size; i++)
        if (at[i] == '\n') at[i] = '\r'; /* half a delimiter is what a scanner trips over */
}
