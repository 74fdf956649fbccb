/* SPDX-License-Identifier: MIT */
/*
 * Random work on pools against plain counters: units and messages are made, kept, handed to other threads, cut, copied
 * and released, memory is trimmed, threads begin and end. What the pool says and what its source gave must agree with
 * what was counted, and every byte must be what was written.
 *
 *     test_pool_random [STEPS [SEED]]
 */
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>

#include "support.h"

#define KIB ((uint64_t)1024)
#define WORKERS 3
#define HELD 96
#define BOXES 64
#define FRAMES 16

typedef struct source_counts {
    atomic_uint_fast64_t bytes;
    atomic_int ends;
} source_counts;

/* One reference on a unit, or one handle of a message. */
typedef struct entry {
    zcn_unit *unit;
    zcn_msg *msg;
    struct item *item; /* of a unit */
    const uint8_t *data;
    uint64_t size;
    uint64_t seed;
} entry;

/* A unit, and how many references there are by our own count. */
typedef struct item {
    atomic_int references;
    bool foreign;
} item;

/* What all threads of a round share. */
typedef struct ground {
    zcn_pool *pool;
    zcn_framing *framing;
    _Atomic(entry *) boxes[BOXES]; /* handed from one thread to another */
    atomic_int_fast64_t views;
    atomic_int_fast64_t viewed_bytes;
    atomic_int_fast64_t units;
    atomic_int_fast64_t foreign; /* that were handed over and did not come back */
    _Atomic(const char *) broken;
    uint64_t limit;
} ground;

typedef struct worker {
    ground *at;
    uint64_t random;
    uint64_t steps;
    zcn_stream *stream;
    entry *held[HELD];
    size_t count;
    pthread_t thread;
} worker;

static void broken(ground *at, const char *what) {
    const char *none = NULL;
    (void)atomic_compare_exchange_strong(&at->broken, &none, what);
}

static uint64_t below(worker *self, uint64_t bound) {
    self->random ^= self->random << 13;
    self->random ^= self->random >> 7;
    self->random ^= self->random << 17;
    return (self->random >> 11) % bound;
}

/* ---- bytes: those of large pieces are looked at here and there ---- */

static uint8_t byte_at(uint64_t seed, uint64_t i) { return (uint8_t)((seed + i) * 0x9E3779B97F4A7C15u >> 56); }
static uint64_t step_of(uint64_t size) { return size <= 512 ? 1 : 251; }

static void fill(void *data, uint64_t size, uint64_t seed) {
    for (uint64_t i = 0; i < size; i += step_of(size)) ((uint8_t *)data)[i] = byte_at(seed, i);
}

static void check_bytes(worker *self, const entry *of) {
    /* A slice of a large message may begin anywhere: messages are always written whole. */
    const uint64_t step = of->msg != NULL ? 1 : step_of(of->size);
    for (uint64_t i = 0; i < of->size; i += step) {
        if (of->data[i] != byte_at(of->seed, i)) {
            broken(self->at, "a byte is not what was written");
            return;
        }
    }
}

/* ---- what a thread holds ---- */

static void keep(worker *self, const entry *of) {
    entry *kept = malloc(sizeof *kept);
    if (kept == NULL) abort();
    *kept = *of;
    self->held[self->count++] = kept;
}

static entry *take_any(worker *self) {
    const size_t at = below(self, self->count);
    entry *taken = self->held[at];
    self->held[at] = self->held[--self->count];
    return taken;
}

static void count_view(ground *at, int64_t views, int64_t sizes) {
    atomic_fetch_add(&at->views, views);
    atomic_fetch_add(&at->viewed_bytes, sizes);
}

static void end_unit(ground *at, const entry *of) {
    const bool last = atomic_fetch_sub(&of->item->references, 1) == 1;
    if (last) {
        atomic_fetch_sub(&at->units, 1);
        free(of->item);
    }
    zcn_unit_release(of->unit);
}

static void drop(worker *self, entry *of) {
    check_bytes(self, of);
    if (of->unit != NULL) {
        end_unit(self->at, of);
    } else {
        count_view(self->at, -1, -(int64_t)of->size);
        if (zcn_msg_release(of->msg) != ZCN_OK) broken(self->at, "a handle that is held does not end");
        if (below(self, 16) == 0 && zcn_msg_release(of->msg) != ZCN_ESTALE) broken(self->at, "a handle ends twice");
    }
    free(of);
}

/* ---- steps ---- */

/* At its limit, a pool may refuse; one without a limit may not. */
static bool refused(worker *self, zcn_status status) {
    if (status == ZCN_OK) return false;
    if (self->at->limit == 0 || (status != ZCN_ENOBUFS && status != ZCN_ENOMEM))
        broken(self->at, zcn_status_name(status));
    return true;
}

static uint64_t some_size(worker *self) {
    switch (below(self, 64)) {
        case 0:
            return 32 * KIB + below(self, 200 * KIB);
        case 1:
        case 2:
        case 3:
            return below(self, 24 * KIB);
        default:
            return below(self, 200);
    }
}

static void came_back(void *context, const void *data, uint64_t size) {
    (void)size;
    atomic_fetch_sub(&((ground *)context)->foreign, 1);
    free((void *)(uintptr_t)data);
}

static void make_unit(worker *self) {
    entry made = {.size = some_size(self), .seed = below(self, UINT32_MAX)};
    void *data = NULL;
    zcn_framing *framing = below(self, 2) == 0 ? self->at->framing : NULL;
    if (refused(self, zcn_unit_alloc(&made.unit, &data, self->at->pool, framing, made.size))) return;
    fill(data, made.size, made.seed);
    made.data = data;
    made.item = calloc(1, sizeof *made.item);
    if (made.item == NULL) abort();
    atomic_store(&made.item->references, 1);
    atomic_fetch_add(&self->at->units, 1);
    if (below(self, 8) == 0) {
        /* Memory of ours behind it, which has to come back once. */
        uint8_t *own = malloc(16);
        if (own == NULL) abort();
        atomic_fetch_add(&self->at->foreign, 1);
        if (zcn_unit_append_ref(made.unit, own, 16, came_back, self->at) != ZCN_OK) {
            atomic_fetch_sub(&self->at->foreign, 1);
            free(own);
        }
    }
    keep(self, &made);
}

static void take_message(worker *self, const zcn_event *event, uint64_t seed) {
    entry made = {.data = event->data, .size = event->size, .seed = seed};
    check_bytes(self, &made);
    if (self->count == HELD || below(self, 2) == 0) return;
    if (refused(self, zcn_msg_retain(&made.msg, event->msg))) return;
    count_view(self->at, 1, (int64_t)made.size);
    keep(self, &made);
}

/* Several messages that arrive in one piece; some of them are kept. */
static void receive(worker *self) {
    const zcn_event *events;
    size_t count;
    uint8_t frame_bytes[FRAMES * 64];
    uint64_t seeds[FRAMES];
    uint64_t size = 0;
    const uint64_t frames = 1 + below(self, FRAMES);
    for (uint64_t i = 0; i < frames; i++) {
        const uint8_t body = (uint8_t)below(self, 60);
        const uint8_t head[4] = {0, 0, 0, body};
        seeds[i] = below(self, UINT32_MAX);
        memcpy(frame_bytes + size, head, 4);
        for (uint8_t k = 0; k < body; k++) frame_bytes[size + 4 + k] = byte_at(seeds[i], k);
        size += 4 + body;
    }
    size_t met = 0;
    for (uint64_t taken = 0; taken < size && atomic_load(&self->at->broken) == NULL;) {
        uint64_t more = 0;
        const zcn_status status = zcn_stream_feed(self->stream, frame_bytes + taken, size - taken, &more);
        taken += more;
        /* What is refused from the first byte on stays out. */
        if (status != ZCN_AGAIN && refused(self, status) && taken == 0) return;
        do {
            if (zcn_stream_poll(self->stream, &events, &count, NULL) != ZCN_OK) broken(self->at, "poll fails");
            for (size_t i = 0; i < count; i++, met++) {
                if (met >= frames || events[i].type != ZCN_EVENT_MESSAGE) {
                    broken(self->at, "more comes out than went in");
                    return;
                }
                take_message(self, &events[i], seeds[met]);
            }
        } while (count != 0);
        /* The pool is full in the middle of a piece. */
        if (status == ZCN_ENOBUFS || status == ZCN_ENOMEM) {
            entry *of = self->count != 0 ? take_any(self) : atomic_exchange(&self->at->boxes[below(self, BOXES)], NULL);
            if (of != NULL) drop(self, of);
        }
    }
    if (met != frames) broken(self->at, "less comes out than went in");
}

/* One more reference, a part, or a copy of what is held. */
static void retain_or_copy(worker *self) {
    const entry *of = self->held[below(self, self->count)];
    entry made = *of;
    if (of->unit != NULL) {
        atomic_fetch_add(&of->item->references, 1);
        (void)zcn_unit_retain(of->unit);
        keep(self, &made);
        return;
    }
    const uint64_t how = below(self, 4);
    zcn_status status;
    if (how == 0) {
        const uint64_t offset = below(self, of->size + 1);
        made.size = below(self, of->size - offset + 1);
        made.data += offset;
        made.seed += offset;
        status = zcn_msg_slice(&made.msg, of->msg, offset, made.size);
    } else if (how == 1) {
        status = zcn_msg_detach(&made.msg, of->msg);
        if (status == ZCN_OK) made.data = zcn_msg_data(made.msg);
    } else {
        status = zcn_msg_retain(&made.msg, of->msg);
    }
    if (refused(self, status)) return;
    if (zcn_msg_size(made.msg) != made.size) broken(self->at, "a handle has another size");
    count_view(self->at, 1, (int64_t)made.size);
    keep(self, &made);
}

static void release_many(worker *self) {
    zcn_msg *msgs[16];
    size_t count = 0;
    for (size_t i = self->count; i-- > 0 && count < 16;) {
        entry *of = self->held[i];
        if (of->msg == NULL) continue;
        check_bytes(self, of);
        count_view(self->at, -1, -(int64_t)of->size);
        msgs[count++] = of->msg;
        free(of);
        self->held[i] = self->held[--self->count];
    }
    if (zcn_msg_release_batch(msgs, count) != ZCN_OK) broken(self->at, "a batch of handles does not end");
}

static void step(worker *self) {
    const uint64_t what = below(self, 100);
    if (what < 30) {
        if (self->count < HELD) make_unit(self);
    } else if (what < 40) {
        receive(self);
    } else if (what < 55) {
        if (self->count != 0 && self->count < HELD) retain_or_copy(self);
    } else if (what < 88) {
        if (self->count != 0) drop(self, take_any(self));
    } else if (what < 97) {
        /* To another thread, or from one. */
        entry *mine = self->count != 0 ? take_any(self) : NULL;
        entry *theirs = atomic_exchange(&self->at->boxes[below(self, BOXES)], mine);
        if (theirs != NULL) self->held[self->count++] = theirs;
    } else if (what < 99) {
        release_many(self);
    } else if (zcn_pool_trim(self->at->pool, NULL) != ZCN_OK) {
        broken(self->at, "trim fails");
    }
}

static void *work(void *argument) {
    worker *self = argument;
    if (zcn_stream_create(&self->stream, self->at->pool, self->at->framing, NULL) != ZCN_OK) {
        broken(self->at, "no stream");
        return NULL;
    }
    for (uint64_t i = 0; i < self->steps && atomic_load(&self->at->broken) == NULL; i++) step(self);
    zcn_stream_release(self->stream);
    /* Some of what it holds outlives the thread. */
    while (self->count != 0) {
        entry *of = take_any(self);
        if (below(self, 2) == 0) of = atomic_exchange(&self->at->boxes[below(self, BOXES)], of);
        if (of != NULL) drop(self, of);
    }
    return NULL;
}

/* ---- a source that counts ---- */

static void *source_allocate(void *context, uint64_t size, uint64_t alignment) {
    uint8_t *memory = mmap(NULL, size + alignment, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return NULL;
    uint8_t *start = (uint8_t *)(((uintptr_t)memory + alignment - 1) & ~(uintptr_t)(alignment - 1));
    if (start != memory) munmap(memory, (size_t)(start - memory));
    munmap(start + size, (size_t)(memory + alignment - start));
    atomic_fetch_add(&((source_counts *)context)->bytes, size);
    return start;
}
static void source_free(void *context, void *memory, uint64_t size) {
    atomic_fetch_sub(&((source_counts *)context)->bytes, size);
    munmap(memory, size);
}
static void source_end(void *context) { atomic_fetch_add(&((source_counts *)context)->ends, 1); }

/* ---- rounds ---- */

static void check_counts(const ground *at) {
    zcn_pool_stats stats = {.struct_size = sizeof stats};
    assert_ok(zcn_pool_get_stats(at->pool, &stats));
    assert_int_equal(stats.views, atomic_load(&at->views));
    assert_int_equal(stats.viewed_bytes, atomic_load(&at->viewed_bytes));
    assert_true(stats.in_use_bytes <= stats.reserved_bytes);
    assert_true(stats.pinned_bytes <= stats.in_use_bytes);
    if (at->limit != 0) assert_true(stats.reserved_peak_bytes <= at->limit);
}

/* One pool, from its making to its end; returns the steps that were made. */
static uint64_t life(uint64_t seed, uint64_t steps) {
    ground at = {.limit = 0};
    source_counts counts = {.ends = 0};
    const zcn_pool_source source = {sizeof source, source_allocate, source_free, NULL, source_end, &counts};
    zcn_pool_options options;
    zcn_pool_options_init(&options, sizeof options);
    options.block_size = seed % 3 == 0 ? 16 * KIB : 64 * KIB;
    options.source = &source;
    if (seed % 4 == 1) options.keep = 128 * KIB;
    if (seed % 4 == 2) at.limit = options.limit = 160 * options.block_size;
    if (seed % 4 == 3) options.keep_ms = 20;
    assert_ok(zcn_pool_create(&at.pool, &options));
    assert_ok(zcn_framing_parse(&at.framing, "length,width=4,strip=4,max=256K", NULL));

    uint64_t made = 0;
    worker workers[WORKERS + 1];
    while (made < steps && atomic_load(&at.broken) == NULL) {
        /* Threads that live for different times, and this one, which goes on. */
        size_t threads = 0;
        for (size_t i = 0; i <= WORKERS; i++) {
            worker *self = &workers[i];
            memset(self, 0, sizeof *self);
            self->at = &at;
            self->random = (seed + made + i) * 0x9E3779B97F4A7C15u | 1;
            self->steps = 100 + below(self, 1500);
            made += self->steps;
            if (i == WORKERS) continue;
            assert_int_equal(pthread_create(&self->thread, NULL, work, self), 0);
            threads++;
        }
        (void)work(&workers[WORKERS]);
        for (size_t i = 0; i < threads; i++) pthread_join(workers[i].thread, NULL);
        if (atomic_load(&at.broken) != NULL) fail_msg("%s (seed %" PRIu64 ")", atomic_load(&at.broken), seed);
        check_counts(&at);
    }
    /* The last of it ends on this thread, before or after the pool's handle. */
    const bool before = seed % 2 == 0;
    worker *self = &workers[WORKERS];
    for (size_t i = 0; i < BOXES && before; i++) {
        entry *left = atomic_exchange(&at.boxes[i], NULL);
        if (left != NULL) drop(self, left);
    }
    if (before) {
        assert_int_equal(atomic_load(&at.units), 0);
        assert_int_equal(atomic_load(&at.views), 0);
        check_counts(&at);
        assert_ok(zcn_pool_trim(at.pool, NULL));
        zcn_pool_stats stats = {.struct_size = sizeof stats};
        assert_ok(zcn_pool_get_stats(at.pool, &stats));
        assert_int_equal(stats.in_use_bytes, 0);
        assert_int_equal(stats.reserved_bytes, 0);
        assert_int_equal(atomic_load(&counts.bytes), 0);
    }
    assert_int_equal(atomic_load(&counts.ends), 0);
    zcn_pool_release(at.pool);
    for (size_t i = 0; i < BOXES; i++) {
        entry *left = atomic_exchange(&at.boxes[i], NULL);
        if (left != NULL) drop(self, left);
    }
    assert_int_equal(atomic_load(&at.units), 0);
    assert_int_equal(atomic_load(&at.views), 0);
    assert_int_equal(atomic_load(&at.foreign), 0);
    if (atomic_load(&at.broken) != NULL) fail_msg("%s (seed %" PRIu64 ")", atomic_load(&at.broken), seed);
    /* The pool went with the last of them, once. */
    assert_int_equal(atomic_load(&counts.ends), 1);
    assert_int_equal(atomic_load(&counts.bytes), 0);
    zcn_framing_release(at.framing);
    return made;
}

static uint64_t steps_wanted;
static uint64_t first_seed = 1;

static void counters_agree(void **state) {
    (void)state;
    uint64_t made = 0;
    for (uint64_t seed = first_seed; made < steps_wanted; seed++) made += life(seed, steps_wanted / 40 + 1000);
    print_message("%" PRIu64 " steps\n", made);
}

int main(int count, char **words) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(counters_agree)};
    steps_wanted = count > 1 ? strtoull(words[1], NULL, 10) : effort(400000, 20000);
    if (count > 2) first_seed = strtoull(words[2], NULL, 10);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
