/* SPDX-License-Identifier: MIT */
/* Streams of frames that are known beforehand. */
#include "support.h"

void script_add(script *to, const frame_shape *shape, size_t body_size, uint64_t seed) {
    if (to->count + 2 > to->capacity) {
        to->capacity = to->capacity * 2 + 16;
        to->starts = realloc(to->starts, to->capacity * sizeof *to->starts);
        assert_non_null(to->starts);
    }
    to->shape = shape;
    const size_t size = body_size_for(shape, body_size);
    uint8_t *body = malloc(size + 1);
    assert_non_null(body);
    fill_body(body, size, seed);
    to->starts[to->count++] = to->wire.size;
    append_frame(&to->wire, shape, body, size);
    to->starts[to->count] = to->wire.size;
    free(body);
}

script small_script(const frame_shape *shape) {
    static const size_t sizes[] = {0, 1, 2, 0, 5, 60, 63, 64, 65, 66, 3, 126, 127, 128, 129, 4, 1};
    script made = {0};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        /* Where bytes are hidden the frame must have them. */
        size_t size = sizes[i];
        if (shape->kind != ZCN_FRAMING_DELIMITER && size < shape->strip) size = shape->strip;
        script_add(&made, shape, size, i);
    }
    return made;
}

void script_clear(script *of) {
    free(of->starts);
    bytes_clear(&of->wire);
    memset(of, 0, sizeof *of);
}

size_t script_complete(const script *of, size_t size) {
    size_t complete = 0;
    while (complete < of->count && of->starts[complete + 1] <= size) complete++;
    return complete;
}

void assert_script(const script *of, const collector *got, size_t from, size_t first, size_t last) {
    for (size_t i = first; i < last; i++) {
        const size_t place = from + i - first;
        if (place >= got->count) fail_msg("%s: frame %zu was not delivered", of->shape->text, i);
        const seen *event = &got->at[place];
        const uint8_t *frame = of->wire.data + of->starts[i];
        const size_t size = of->starts[i + 1] - of->starts[i];
        assert_int_equal(event->type, ZCN_EVENT_MESSAGE);
        bytes view = {0};
        append_view(&view, of->shape, frame, size);
        if (event->size != view.size || memcmp(event->body, view.data, view.size) != 0)
            fail_msg("%s: frame %zu: another body was delivered", of->shape->text, i);
        if (event->frame == NULL || event->frame_size != size || memcmp(event->frame, frame, size) != 0)
            fail_msg("%s: frame %zu: another frame was delivered", of->shape->text, i);
        bytes_clear(&view);
    }
}
