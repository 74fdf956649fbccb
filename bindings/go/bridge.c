// SPDX-License-Identifier: MIT
#include "bridge.h"

_Atomic(zcngo_pin *) zcngo_unpinned;

void zcngo_pin_done(void *context, const void *data, uint64_t size) {
    (void)data, (void)size;
    zcngo_pin *pin = (zcngo_pin *)context;
    zcngo_pin *first = atomic_load_explicit(&zcngo_unpinned, memory_order_relaxed);
    do {
        pin->next = first;
        // release: whoever takes the list sees the entry whole, and the library's last read behind it.
    } while (!atomic_compare_exchange_weak_explicit(&zcngo_unpinned, &first, pin, memory_order_release,
                                                    memory_order_relaxed));
}

/* In framing_func.go. */
extern int32_t zcngoMeasure(uintptr_t number, void *data, uint64_t size, uint64_t *frame);

static zcn_status measure(void *context, const void *data, uint64_t size, uint64_t *frame) {
    return zcngoMeasure((uintptr_t)context, (void *)(uintptr_t)data, size, frame);
}

int32_t zcngo_framing_of_function(zcn_framing **out, uintptr_t number, uint64_t max, uint64_t strip, zcn_error *error) {
    zcn_framing_options options;
    zcn_framing_options_init(&options, sizeof options);
    options.kind = ZCN_FRAMING_CUSTOM;
    options.measure = measure;
    options.measure_context = (void *)number;
    if (max != 0) options.max = max;
    options.strip = strip;
    return zcn_framing_create(out, &options, error);
}

size_t zcngo_take_unpinned(uint64_t *numbers, size_t capacity) {
    // Only the whole list is ever taken, so an entry cannot come back between the look and the exchange.
    zcngo_pin *list = atomic_exchange_explicit(&zcngo_unpinned, NULL, memory_order_acquire);
    size_t count = 0;
    while (list != NULL && count < capacity) {
        zcngo_pin *next = list->next;
        numbers[count++] = list->number;
        free(list);
        list = next;
    }
    while (list != NULL) {
        zcngo_pin *next = list->next;
        zcngo_pin_done(list, NULL, 0);
        list = next;
    }
    return count;
}
