/* SPDX-License-Identifier: MIT */
/* What the Go package calls: the C API with handles as numbers, and loops over batches, so that one call from Go does
   the work of many. Nothing in here keeps a pointer to Go memory unless it is pinned. Go is called in one case only:
   for framings whose frames a function in Go measures, out of the functions whose names end in _calling. */
#ifndef ZCNET_GO_BRIDGE_H
#define ZCNET_GO_BRIDGE_H

#ifdef ZCNET_VENDORED
#if !__has_include("zcnet_vendored.h")
#error "the sources are not here: run scripts/amalgamate.sh, or build without the tag zcnet_vendored"
#endif
#include "zcnet_vendored.h"
#else
#include <zcnet/zcnet.h>
#endif

#if ZCN_VERSION_NUMBER < 1000 || ZCN_VERSION_NUMBER >= 2000
#error "this package is made for libzcnet 0.1"
#endif

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Go reads events by a struct of its own, with numbers where these pointers are: a borrowed handle is no address. */
_Static_assert(sizeof(zcn_event) == 64, "event.go has the layout of an event");
_Static_assert(offsetof(zcn_event, conn) == 8 && offsetof(zcn_event, user) == 16 && offsetof(zcn_event, msg) == 24 &&
                   offsetof(zcn_event, data) == 32 && offsetof(zcn_event, size) == 40 &&
                   offsetof(zcn_event, token) == 48,
               "event.go has the layout of an event");

enum { ZCNGO_FORWARDS = 256 };

typedef struct zcngo_forward {
    uintptr_t conn;
    uintptr_t msg;
} zcngo_forward;

/* One for each loop, in C memory: what goes in and out of a poll, so that the call itself has one argument. */
typedef struct zcngo_loop {
    zcn_loop *loop;
    const zcn_event *events;
    size_t count;
    int64_t deadline_ns;
    int32_t more;
    int32_t keep; /* retain the messages of each poll */
    size_t forward_count;
    zcngo_forward forwards[ZCNGO_FORWARDS];
    /* By event: 0, a message that was retained, or ZCNGO_LOST. Pages that are not used cost nothing. */
    uintptr_t kept[4096];
} zcngo_loop;

enum { ZCNGO_LOST = 1 };

static inline void zcngo_run_forwards(zcngo_loop *l) {
    for (size_t i = 0; i < l->forward_count; i++) {
        const zcngo_forward *f = &l->forwards[i];
        const zcn_status status = zcn_conn_forward((zcn_conn *)f->conn, (const zcn_msg *)f->msg);
        if (status == ZCN_OK) continue;
        /* A message is missing in what the peer gets: nothing may follow it. */
        if (status != ZCN_ECLOSED) zcn_conn_abort((zcn_conn *)f->conn);
    }
    l->forward_count = 0;
}

/* Retains the messages of the array from there on. */
static inline void zcngo_loop_keep(zcngo_loop *l, size_t from) {
    for (size_t i = from; i < l->count; i++) {
        l->kept[i] = 0;
        if (l->events[i].type != ZCN_EVENT_MESSAGE) continue;
        zcn_msg *kept;
        l->kept[i] = zcn_msg_retain(&kept, l->events[i].msg) == ZCN_OK ? (uintptr_t)kept : ZCNGO_LOST;
    }
}

static inline int32_t zcngo_loop_poll(zcngo_loop *l) {
    zcngo_run_forwards(l);
    zcn_status status = zcn_loop_poll(l->loop, 0, &l->events, &l->count, &l->more);
    if (status != ZCN_OK) return status;
    if (l->count == 0) return zcn_loop_next_deadline(l->loop, &l->deadline_ns);
    if (l->keep) zcngo_loop_keep(l, 0);
    return ZCN_OK;
}

/* The same where a framing in Go may be called: Go is told of the others that they never do that. */
static inline int32_t zcngo_loop_poll_calling(zcngo_loop *l) { return zcngo_loop_poll(l); }

/* Waits on a thread of its own, without the loop's lock. */
static inline int zcngo_wait(int fd, int64_t timeout_ns) {
    struct pollfd p = {.fd = fd, .events = POLLIN};
    const int64_t ms = timeout_ns < 0 || timeout_ns > INT64_C(2000000000000000) ? -1 : (timeout_ns + 999999) / 1000000;
    return poll(&p, 1, ms > 0x7FFFFFFF ? 0x7FFFFFFF : (int)ms);
}

static inline int32_t zcngo_msg_retain(uintptr_t *out, uintptr_t msg) {
    return zcn_msg_retain((zcn_msg **)out, (const zcn_msg *)msg);
}
static inline int32_t zcngo_msg_release(uintptr_t msg) { return zcn_msg_release((zcn_msg *)msg); }
static inline int32_t zcngo_msg_release_batch(const uintptr_t *msgs, size_t count) {
    return zcn_msg_release_batch((zcn_msg *const *)msgs, count);
}

typedef struct zcngo_view {
    uintptr_t msg;
    const void *data;
    uint64_t size;
} zcngo_view;

static inline void zcngo_msg_view(zcngo_view *out, uintptr_t msg) {
    out->msg = msg;
    out->data = zcn_msg_data((const zcn_msg *)msg);
    out->size = zcn_msg_size((const zcn_msg *)msg);
}

enum { ZCNGO_RETAIN, ZCNGO_DETACH };
static inline int32_t zcngo_msg_take(zcngo_view *out, uintptr_t msg, int how, uint64_t offset, uint64_t size) {
    zcn_msg *taken;
    const zcn_status status = how == ZCNGO_RETAIN   ? zcn_msg_retain(&taken, (const zcn_msg *)msg)
                              : how == ZCNGO_DETACH ? zcn_msg_detach(&taken, (const zcn_msg *)msg)
                                                    : zcn_msg_slice(&taken, (const zcn_msg *)msg, offset, size);
    if (status == ZCN_OK) zcngo_msg_view(out, (uintptr_t)taken);
    return status;
}
static inline int32_t zcngo_msg_settle(uintptr_t *msgs, size_t count, size_t *copied) {
    return zcn_msg_settle((zcn_msg **)msgs, count, copied);
}
static inline int32_t zcngo_msg_join(zcngo_view *out, const uintptr_t *msgs, size_t count) {
    zcn_msg *joined;
    const zcn_status status = zcn_msg_join(&joined, (const zcn_msg *const *)msgs, count);
    if (status == ZCN_OK) zcngo_msg_view(out, (uintptr_t)joined);
    return status;
}
/* msg is consumed on ZCN_OK. */
static inline int32_t zcngo_msg_make_writable(zcngo_view *out, uintptr_t msg, void **data) {
    zcn_msg *made;
    const zcn_status status = zcn_msg_make_writable(&made, (zcn_msg *)msg, data);
    if (status == ZCN_OK) zcngo_msg_view(out, (uintptr_t)made);
    return status;
}
static inline int32_t zcngo_msg_frame(uintptr_t msg, const void **data, uint64_t *size) {
    return zcn_msg_frame((const zcn_msg *)msg, data, size);
}
static inline int32_t zcngo_msg_iovecs(uintptr_t msg, struct iovec *iov, size_t capacity, size_t *count) {
    return zcn_msg_iovecs((const zcn_msg *)msg, iov, capacity, count);
}

static inline int32_t zcngo_send_msg(zcn_conn *conn, uintptr_t msg) {
    return zcn_conn_send_msg(conn, (const zcn_msg *)msg);
}
static inline int32_t zcngo_set_framing(zcn_conn *conn, uintptr_t msg, const zcn_framing *framing) {
    return zcn_conn_set_framing(conn, (const zcn_msg *)msg, framing);
}
static inline int32_t zcngo_unit_append_msg(zcn_unit *unit, uintptr_t msg) {
    return zcn_unit_append_msg(unit, (const zcn_msg *)msg);
}
static inline int32_t zcngo_unit_append_frame(zcn_unit *unit, uintptr_t msg) {
    return zcn_unit_append_frame(unit, (const zcn_msg *)msg);
}

static inline int32_t zcngo_receive_file(zcn_conn *conn, uintptr_t after, int fd, uint64_t size, uint64_t offset,
                                         uint64_t token, uint32_t flush) {
    zcn_receive_file_options options;
    zcn_receive_file_options_init(&options, sizeof options);
    options.offset = offset;
    options.token = token;
    options.flush = flush;
    return zcn_conn_receive_file(conn, (const zcn_msg *)after, fd, size, &options);
}

/* Asks with a copy of some bytes, and says by which id: so that the request can be taken back. */
static inline int32_t zcngo_request(zcn_conn *conn, const void *data, uint64_t size, uint64_t token, int64_t timeout_ns,
                                    uint64_t *id) {
    zcn_status status = zcn_conn_begin_request(conn, token, timeout_ns, id);
    if (status != ZCN_OK) return status;
    status = zcn_conn_answer(conn, *id, data, size);
    if (status != ZCN_OK) zcn_conn_end_request(conn, *id);
    return status;
}

/* The loop's new connection: takes the package's reference, and gives it its number. */
static inline void zcngo_conn_take(zcn_conn *conn, uintptr_t user) {
    zcn_conn_retain(conn);
    zcn_conn_set_user(conn, user);
}

/* What is to be known of a connection that has ended. */
static inline void zcngo_conn_end(zcn_conn *conn, zcn_error *error, zcn_stats *stats) {
    error->struct_size = sizeof *error;
    stats->struct_size = sizeof *stats;
    zcn_conn_get_error(conn, error);
    zcn_conn_get_stats(conn, stats);
    zcn_conn_release(conn);
}

/* Pinned Go memory: when the library lets go of it, its number goes on a list that Go empties. The library may do so
   on any thread, so no Go code is called. */
typedef struct zcngo_pin {
    struct zcngo_pin *next;
    uint64_t number;
} zcngo_pin;

extern _Atomic(zcngo_pin *) zcngo_unpinned;

void zcngo_pin_done(void *context, const void *data, uint64_t size);

static inline int32_t zcngo_unit_append_pinned(zcn_unit *unit, const void *data, uint64_t size, uint64_t number) {
    zcngo_pin *pin = (zcngo_pin *)malloc(sizeof *pin);
    if (pin == NULL) return ZCN_ENOMEM;
    pin->number = number;
    const zcn_status status = zcn_unit_append_ref(unit, data, size, zcngo_pin_done, pin);
    if (status != ZCN_OK) free(pin);
    return status;
}

static inline int zcngo_any_unpinned(void) {
    return atomic_load_explicit(&zcngo_unpinned, memory_order_relaxed) != NULL;
}

/* Moves up to capacity numbers out; the rest comes with the next call. */
size_t zcngo_take_unpinned(uint64_t *numbers, size_t capacity);

/* Memory from first to before end. */
typedef struct zcngo_range {
    uintptr_t first, end;
} zcngo_range;

/* Where the program itself is mapped for reading only; how many such ranges were written. */
size_t zcngo_constants(zcngo_range *ranges, size_t capacity);

/* A framing whose frames a function in Go measures, which knows it by the number. */
int32_t zcngo_framing_of_function(zcn_framing **out, uintptr_t number, uint64_t max, uint64_t strip, zcn_error *error);

static inline int32_t zcngo_framing_measure_calling(const zcn_framing *framing, const void *data, uint64_t size,
                                                    uint64_t *frame, uint64_t *head, uint64_t *tail) {
    return zcn_framing_measure(framing, data, size, frame, head, tail);
}

/* A pool's memory from functions in Go. The library asks for it in the middle of calls of which Go was told that they
   never call back. So whoever wants something of a source waits here, and a goroutine serves one demand after the
   other. */
typedef struct zcngo_source zcngo_source;
enum { ZCNGO_ALLOCATE, ZCNGO_FREE, ZCNGO_DROP };
typedef struct zcngo_demand {
    struct zcngo_demand *next;
    int kind;
    int done;
    int32_t kept; /* of ZCNGO_DROP: the answer */
    void *memory; /* of ZCNGO_ALLOCATE: the answer */
    uint64_t size, alignment;
} zcngo_demand;

/* NULL: no memory. */
zcngo_source *zcngo_source_create(void);
/* The pool owns the source on ZCN_OK. */
int32_t zcngo_pool_of_source(zcn_pool **out, const zcn_pool_options *options, zcngo_source *source, int drops);
/* Waits, on a thread of its own; NULL when the pool is gone. */
zcngo_demand *zcngo_source_next(zcngo_source *source);
void zcngo_source_answer(zcngo_source *source, zcngo_demand *demand);
void zcngo_source_free(zcngo_source *source);

/* Streams: one step each. */
typedef struct zcngo_stream {
    zcn_stream *stream;
    const zcn_event *events;
    size_t count;
    int32_t more;
    struct iovec room[2];
    size_t room_count;
    struct iovec out[64];
    size_t out_count;
} zcngo_stream;

static inline int32_t zcngo_stream_poll(zcngo_stream *s) {
    return zcn_stream_poll(s->stream, &s->events, &s->count, &s->more);
}
static inline int32_t zcngo_stream_room(zcngo_stream *s) {
    return zcn_stream_read_room(s->stream, s->room, 2, &s->room_count);
}
/* What was read, and what came of it. */
static inline int32_t zcngo_stream_read(zcngo_stream *s, uint64_t size) {
    const zcn_status status = zcn_stream_read_done(s->stream, size);
    return status != ZCN_OK ? status : zcngo_stream_poll(s);
}
static inline int32_t zcngo_stream_set_framing(zcngo_stream *s, uintptr_t after, const zcn_framing *framing) {
    return zcn_stream_set_framing(s->stream, (const zcn_msg *)after, framing);
}
static inline int32_t zcngo_stream_poll_calling(zcngo_stream *s) { return zcngo_stream_poll(s); }
static inline int32_t zcngo_stream_room_calling(zcngo_stream *s) { return zcngo_stream_room(s); }
static inline int32_t zcngo_stream_read_calling(zcngo_stream *s, uint64_t size) { return zcngo_stream_read(s, size); }
static inline int32_t zcngo_stream_gather(zcngo_stream *s) {
    return zcn_stream_gather(s->stream, s->out, sizeof s->out / sizeof s->out[0], &s->out_count);
}
static inline int32_t zcngo_stream_send_msg(zcngo_stream *s, uintptr_t msg) {
    return zcn_stream_send_msg(s->stream, (const zcn_msg *)msg);
}

#endif
