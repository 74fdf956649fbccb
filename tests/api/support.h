/* SPDX-License-Identifier: MIT */
/*
 * What the tests of the C API share: it brings CMocka, libzcnet and the system's headers, in the order that they need.
 *
 * An assertion of CMocka jumps back into the test that runs, so that everything here that asserts is for the main
 * thread only. Threads hand their findings back and the test checks them.
 */
#ifndef ZCNET_TESTS_API_SUPPORT_H
#define ZCNET_TESTS_API_SUPPORT_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
/* CMocka wants those before it. */
#include <cmocka.h>
#include <zcnet/zcnet.h>

/* ---- statuses ---- */

/* Fails with the names of both statuses and the text of the call. */
#define assert_status(call, expected) check_status((call), (expected), #call, __FILE__, __LINE__)
#define assert_ok(call) assert_status(call, ZCN_OK)
void check_status(zcn_status got, zcn_status expected, const char *call, const char *file, int line);

/* ---- time and effort ---- */

/* True under Valgrind and in builds with a sanitizer: everything takes ten to fifty times as long. */
bool slow_machine(void);
bool under_valgrind(void);
/* Another processor's program, under qemu (scripts/cross.sh): it does not tell a child of its fork (MADV_WIPEONFORK has
 * no effect), starts no program of its own kind, and gives an older TCP_INFO. Tests that need one of these are skipped.
 */
bool emulated(void);
/* `full` rounds, or `reduced` of them on a slow machine. */
size_t effort(size_t full, size_t reduced);
/* 24 bits of a sequence that is the same for the same seed. */
uint32_t random_bits(uint32_t *seed);

uint64_t now_ns(void); /* monotonic */
/* When so many milliseconds have passed; more of them on a slow machine. */
uint64_t deadline_after_ms(uint64_t milliseconds);
bool deadline_passed(uint64_t deadline);
int milliseconds_left(uint64_t deadline); /* for poll(2): 0 when it has passed */
/* Long enough for whatever ought to happen soon. */
#define WAIT_MS 20000

/* ---- bytes ---- */

/* A pattern without a short period; every (seed, offset) is its own sequence. */
void fill_pattern(void *data, size_t size, uint64_t seed);
bool has_pattern(const void *data, size_t size, uint64_t seed);
#define assert_pattern(data, size, seed) assert_true(has_pattern((data), (size), (seed)))

/* Bytes that grow. */
typedef struct bytes {
    uint8_t *data;
    size_t size;
    size_t capacity;
} bytes;
void bytes_append(bytes *to, const void *data, size_t size);
void bytes_append_zeros(bytes *to, size_t size);
void bytes_append_iovecs(bytes *to, const struct iovec *iovecs, size_t count);
void bytes_clear(bytes *of); /* empties and frees */

/* A block of exactly `size` bytes on the heap, so that a tool sees every byte read or written behind it. */
void *exact_block(size_t size, int value);

/* ---- framing ---- */

zcn_framing *framing_of(const char *text);

/* A framing and the facts that a frame builder needs, told apart from the text that the library reads. */
typedef struct frame_shape {
    const char *text;
    uint32_t kind; /* ZCN_FRAMING_* */
    uint32_t width;
    bool little_endian;
    uint64_t offset;
    int64_t adjust;
    uint64_t strip; /* hidden at the start, or at the end for a delimiter */
    const char *delimiter;
    size_t delimiter_size;
    uint64_t fixed;
} frame_shape;

extern const frame_shape frame_shapes[]; /* at least one of each kind but raw and custom */
extern const size_t frame_shape_count;

/* The simple one: the header and body that most tests want. */
#define PLAIN_FRAMING "length,width=4,strip=4,max=16M"
extern const frame_shape plain_shape;

/* Appends the frame of a body; the bytes before the length field are zero. Returns the frame's size. */
size_t append_frame(bytes *to, const frame_shape *shape, const void *body, size_t size);
/* Messages of PLAIN_FRAMING with the patterns 0 … count - 1. */
void append_messages(bytes *to, size_t count, size_t size);
/* The body that a receiver of that frame sees: for strip other than the whole header it is not the body sent. */
void append_view(bytes *to, const frame_shape *shape, const uint8_t *frame, size_t frame_size);
/* A body of that many bytes that the shape can carry: no delimiter in it, a fixed size where one is asked for. */
size_t body_size_for(const frame_shape *shape, size_t wanted);
void fill_body(void *data, size_t size, uint64_t seed);

/* ---- events ---- */

/* What one event said, with copies of what it only lent. */
typedef struct seen {
    uint32_t type;
    zcn_status status;
    zcn_conn *conn; /* to compare; no reference */
    uintptr_t user;
    uint64_t size;
    uint64_t token;
    uint8_t *body;  /* copy of data; exactly size bytes */
    uint8_t *frame; /* copy of the whole frame; NULL when the message has none */
    uint64_t frame_size;
    zcn_msg *kept; /* owned, when the collector keeps */
} seen;

typedef struct collector {
    seen *at;
    size_t count;
    size_t capacity;
    bool keep;    /* retain each message */
    bool no_copy; /* leave body and frame NULL, for many bytes */
} collector;

/* Notes events; blanked ones are noted too, with the type ZCN_EVENT_NONE. */
void collect(collector *into, const zcn_event *events, size_t count);
size_t count_of(const collector *in, uint32_t type);
size_t count_for(const collector *in, uint32_t type, const zcn_conn *conn);
/* The n-th event of a type (0: the first); NULL when there are fewer. */
const seen *nth_of(const collector *in, uint32_t type, size_t n);
const seen *first_for(const collector *in, uint32_t type, const zcn_conn *conn);
/* Frees everything, kept messages included. */
void collector_clear(collector *of);

/* ---- streams ---- */

zcn_stream *stream_of(zcn_pool *pool, const char *framing_text, const zcn_stream_options *options);
/* Polls until there is no more, and notes what comes. Returns the number of events. */
size_t stream_collect(zcn_stream *stream, collector *into);
/* Reads bytes into the stream's room, polling as often as it asks for. */
void stream_read(zcn_stream *stream, const void *data, size_t size, collector *into);
/* The same through zcn_stream_feed(). */
void stream_feed(zcn_stream *stream, const void *data, size_t size, collector *into);
/* Takes what the stream wants written, at most `most` bytes (0: all). Returns how many. */
size_t stream_write(zcn_stream *stream, bytes *to, size_t most);
/* Moves all that `from` has to say into `to`. */
void stream_pump(zcn_stream *from, zcn_stream *to, collector *into);

/* Feeds messages of one size in the plain framing, with bodies of the patterns 0, 1 …, and keeps them all. */
void stream_keep(zcn_stream *stream, size_t count, size_t size, collector *into);

/* A message of its own, with a body of `size` bytes of the pattern `seed`, of a stream over that pool. */
zcn_msg *owned_msg(zcn_pool *pool, size_t size, uint64_t seed);
/* A unit of pool memory with that body. */
zcn_unit *pattern_unit(zcn_pool *pool, const zcn_framing *framing, size_t size, uint64_t seed);

/* ---- scripts ---- */

/* A stream of frames built without the library, and what a receiver of it must see. */
typedef struct script {
    const frame_shape *shape;
    bytes wire;
    size_t count;
    size_t capacity;
    size_t *starts; /* of each frame in wire; starts[count] is its end */
} script;

void script_add(script *to, const frame_shape *shape, size_t body_size, uint64_t seed);
/* Frames with bodies of all kinds of small sizes. */
script small_script(const frame_shape *shape);
void script_clear(script *of);
/* How many frames are complete in the first `size` bytes. */
size_t script_complete(const script *of, size_t size);
/* Fails unless the messages noted from `from` on are the frames first … last - 1 of the script, in order. */
void assert_script(const script *of, const collector *got, size_t from, size_t first, size_t last);

/* ---- loops ---- */

/* A loop with what it has said so far. on_event, if set, sees each event while it is still borrowed. */
typedef struct side {
    zcn_loop *loop;
    collector got;
    void (*on_event)(struct side *self, const zcn_event *event);
    void *context;
} side;

void side_open(side *of, const zcn_loop_options *options);
/* Releases the loop, frees what was noted. */
void side_close(side *of);
/* One poll; returns `more`. */
bool side_poll(side *of, int64_t timeout_ns);

/* Waits until one of the loops has something to do, then polls those once. b may be NULL. */
void pump_once(side *a, side *b, uint64_t deadline);
/* Polls both, one after the other in this thread, until the condition holds; fails at the deadline. */
#define PUMP_UNTIL(a, b, condition)                                                      \
    do {                                                                                 \
        const uint64_t pump_deadline_ = deadline_after_ms(WAIT_MS);                      \
        while (!(condition)) {                                                           \
            if (deadline_passed(pump_deadline_)) fail_msg("never came: %s", #condition); \
            pump_once((a), (b), pump_deadline_);                                         \
        }                                                                                \
    } while (0)
/* Polls both until neither has anything to do at once: what was under way has arrived, as far as it can. */
void pump_idle(side *a, side *b);

typedef enum transport { OVER_TCP, OVER_TCP6, OVER_UNIX, OVER_ABSTRACT, OVER_SOCKETPAIR } transport;
const char *transport_name(transport over);
/* False without IPv6: the test says so and skips. */
bool transport_works(transport over);
/* An address to listen at that nobody else uses. Socket files lie in a folder that goes when the program ends. */
void fresh_address(transport over, char *buffer, size_t capacity);
/* Listens and says where. */
zcn_listener *listen_at(side *on, const char *address, const zcn_framing *framing, const zcn_listen_options *options,
                        char bound[128]);

/* ---- peers that are no loops ---- */

/* A blocking socket of the program, connected to an address text; for peers that break the rules. */
int raw_connect(const char *address);
/* Two connected stream sockets of the program. */
void raw_pair(int ends[2]);
void raw_tcp_pair(int ends[2]);
/* Writes all of it; fails when the other side takes nothing for too long. */
void raw_write(int fd, const void *data, size_t size);
/* The frame of a body in the plain framing. */
void raw_write_frame(int fd, const void *body, size_t size);
/* As much as the socket takes at once. */
size_t raw_pour(int fd, const void *data, size_t size);
/* Closes a TCP socket so that its peer sees a reset. */
void raw_reset(int fd);
/* Reads for as long as a side is polled, until the end or a reset. Returns 0, or the errno of the reset. */
int raw_read_to_end(int fd, side *polled, bytes *into);
/* How many descriptors this process has open. */
size_t open_descriptors(void);

/* Two loops with one connection between them. Its ends are borrowed. */
typedef struct pair {
    side server;
    side client;
    zcn_listener *listener; /* NULL over a socketpair */
    char address[128];
    zcn_conn *accepted;
    zcn_conn *dialled;
} pair;

/* options: for both ends, or NULL. loop_options: for both loops, or NULL. */
void pair_open(pair *of, transport over, const char *framing_text, const zcn_conn_options *options,
               const zcn_loop_options *loop_options);
/* Releases listener and loops. */
void pair_close(pair *of);

/* One suite for all transports: a test is run on each of them, under its own name. */
typedef struct transport_test {
    const char *name;
    void (*run)(transport over);
} transport_test;
#define TRANSPORT_TEST(test) \
    { #test, test }
/* What a main() returns. */
int run_on_each_transport(const transport_test *tests, size_t count);

#endif
