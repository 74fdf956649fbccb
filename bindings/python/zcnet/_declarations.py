# SPDX-License-Identifier: MIT
"""What is used of the C library, as C has it. A test has a C compiler compare all of it with the headers."""

STRUCTS = {
    "zcn_error": "uint64_t struct_size; zcn_status status; int32_t sys_errno; char text[240];",
    "zcn_event": (
        "uint32_t type; zcn_status status; zcn_conn *conn; uintptr_t user; zcn_msg *msg; const void *data;"
        " uint64_t size; uint64_t token; uint64_t reserved;"
    ),
    "zcn_pool_options": (
        "uint64_t struct_size; uint64_t block_size; uint64_t limit; uint64_t keep; uint32_t huge_pages;"
        " uint32_t keep_ms; const zcn_pool_source *source; uint64_t shared_bytes;"
        " uint32_t detach_ms; uint32_t detach_ratio;"
    ),
    "zcn_pool_stats": (
        "uint64_t struct_size; uint64_t block_size; uint64_t limit_bytes; uint64_t reserved_bytes;"
        " uint64_t in_use_bytes; uint64_t cached_bytes; uint64_t region_bytes; uint64_t peak_bytes;"
        " uint64_t block_takes; uint64_t region_takes; uint64_t failures; uint64_t slabs; uint64_t waits;"
        " uint64_t reserved_peak_bytes; uint64_t thread_cached_bytes; uint64_t arena_bytes; uint64_t object_bytes;"
        " uint64_t views; uint64_t viewed_bytes; uint64_t pinned_bytes; uint64_t amplification;"
        " uint64_t oldest_view_ns; uint64_t copied_bytes; uint64_t huge_bytes; uint64_t huge_refused_bytes;"
        " uint64_t reserve_bytes;"
    ),
    "zcn_framing_options": (
        "uint64_t struct_size; uint32_t kind; uint32_t width; uint32_t little_endian; uint32_t max_varint;"
        " uint64_t offset; int64_t adjust; uint64_t strip; uint64_t max; uint64_t fixed; const void *delimiter;"
        " uint64_t delimiter_size; uint32_t check; uint32_t reserved; zcn_measure_function measure;"
        " void *measure_context;"
    ),
    "zcn_conn_options": (
        "uint64_t struct_size; const zcn_framing *send_framing; uint64_t high_water; uint64_t low_water; uint64_t"
        " copy_below; uint64_t flush_at; uint64_t read_budget; uint32_t messages_per_poll; uint32_t align;"
        " uint32_t align_from; uint32_t half_open; uint32_t connect_timeout_ms; uint32_t message_timeout_ms;"
        " uint32_t idle_timeout_ms; uint32_t drain_timeout_ms; uint32_t delay; uint32_t keepalive_s; uint32_t"
        " keepalive_interval_s; uint32_t keepalive_count; uint32_t user_timeout_ms; uint32_t send_buffer; uint32_t"
        " receive_buffer; uint32_t start_paused; uintptr_t user; uint32_t lag; uint32_t file_method;"
        " uint64_t zero_copy_from; uint64_t header_from; uint32_t id_width; uint32_t id_offset; uint32_t send_id_offset;"
        " uint32_t id_little_endian; uint32_t max_requests; uint32_t reserved;"
    ),
    "zcn_listen_options": (
        "uint64_t struct_size; const zcn_conn_options *conn; uint32_t backlog; uint32_t reuse_port;"
        " uint32_t max_connections; uint32_t accepts_per_poll; uint32_t v6_only; uint32_t unix_mode;"
        " uint32_t keep_path; uint32_t reserved; uintptr_t user;"
    ),
    "zcn_listener_stats": (
        "uint64_t struct_size; uint64_t accepted; uint64_t open; uint64_t limited; uint64_t dropped; uint64_t failed;"
    ),
    "zcn_loop_options": (
        "uint64_t struct_size; zcn_pool *pool; uint32_t event_capacity; uint32_t spin_us; uint32_t no_helper;"
        " uint32_t unfinished_blocks;"
    ),
    "zcn_stream_options": (
        "uint64_t struct_size; const zcn_framing *send_framing; uint64_t high_water; uint64_t low_water; uint64_t"
        " copy_below; uint32_t align; uint32_t align_from; uint32_t event_capacity; uint32_t messages_per_poll;"
        " uintptr_t user;"
    ),
    "zcn_stats": (
        "uint64_t struct_size; uint64_t messages_in; uint64_t bytes_in; uint64_t messages_out; uint64_t"
        " bytes_out; uint64_t read_calls; uint64_t write_calls; uint64_t iovecs_out; uint64_t copied_bytes;"
        " uint64_t copied_stash; uint64_t copied_moved; uint64_t copied_own; uint64_t copied_aligned; uint64_t"
        " copied_fed; uint64_t copied_out; uint64_t queued_bytes; uint64_t unfinished_bytes; uint64_t"
        " trailing_bytes; uint64_t messages_dropped; uint64_t bytes_dropped; uint64_t file_sendfile; uint64_t"
        " file_mmap; uint64_t file_splice; uint64_t file_direct; uint64_t zero_copy_writes; uint64_t zero_copy_bytes;"
        " uint64_t zero_copy_copied; uint64_t zero_copy_refused; uint64_t zero_copy_awaited;"
        " uint64_t copied_body; uint64_t file_received; uint64_t body_dropped; uint64_t requests; uint64_t answers;"
        " uint64_t unanswered; uint64_t requests_waiting; uint64_t pages_lent;"
    ),
    "zcn_loop_stats": (
        "uint64_t struct_size; uint64_t polls; uint64_t waits; uint64_t wakes; uint64_t events; uint64_t connections;"
        " uint64_t accepted; uint64_t closed; uint64_t accept_limited; uint64_t pool_pauses; uint64_t copied_detached;"
        " uint64_t paused; uint64_t pinned_bytes; zcn_stats total;"
    ),
    "zcn_dial_options": (
        "uint64_t struct_size; const zcn_conn_options *conn; uint32_t first_ms; uint32_t longest_ms; uint32_t attempts;"
        " uint32_t reserved; uintptr_t user;"
    ),
    "zcn_dialer_stats": (
        "uint64_t struct_size; uint64_t attempts; uint64_t connected; uint64_t failures; uint64_t wait_ms;"
    ),
    "zcn_file_options": (
        "uint64_t struct_size; uint32_t method; uint32_t flags; int32_t directory; uint32_t reserved;"
    ),
    "zcn_receive_file_options": (
        "uint64_t struct_size; uint64_t offset; uint64_t token; uint32_t flush; uint32_t reserved;"
    ),
    "zcn_relay_options": (
        "uint64_t struct_size; const zcn_framing *forward_framing; const zcn_framing *backward_framing;"
        " const zcn_framing *forward_first; const zcn_framing *backward_first; uint64_t budget; uint32_t method;"
        " uint32_t idle_timeout_ms; uint32_t half_close_timeout_ms; uint32_t drain_timeout_ms; uintptr_t user;"
    ),
    "zcn_relay_flow": (
        "uint64_t bytes_in; uint64_t bytes_out; uint64_t spliced_bytes; uint64_t copied_bytes; uint64_t read_calls;"
        " uint64_t write_calls; uint64_t messages; uint64_t held_bytes; uint64_t lost_bytes; uint64_t tapped_bytes;"
        " uint64_t tap_missed_bytes; uint32_t ended; zcn_status tap_status;"
    ),
    "zcn_relay_stats": "uint64_t struct_size; zcn_relay_flow forward; zcn_relay_flow backward;",
    "zcn_loop_relay_stats": (
        "uint64_t struct_size; uint64_t open; uint64_t ended; uint64_t failed; uint64_t stalled; uint64_t forward_bytes;"
        " uint64_t backward_bytes; uint64_t spliced_bytes; uint64_t copied_bytes; uint64_t read_calls; uint64_t"
        " write_calls; uint64_t messages; uint64_t held_bytes; uint64_t lost_bytes; uint64_t tapped_bytes; uint64_t"
        " tap_missed_bytes;"
    ),
}

FUNCTIONS = """
uint32_t zcn_version(void);
const char *zcn_status_name(zcn_status status);
const char *zcn_status_text(zcn_status status);

void zcn_pool_options_init(zcn_pool_options *options, size_t struct_size);
zcn_status zcn_pool_create(zcn_pool **out, const zcn_pool_options *options);
zcn_status zcn_pool_default(zcn_pool **out);
zcn_status zcn_pool_trim(zcn_pool *pool, uint64_t *out_bytes);
zcn_status zcn_pool_get_stats(zcn_pool *pool, zcn_pool_stats *stats);
zcn_status zcn_pool_dump(zcn_pool *pool, int fd);
zcn_status zcn_pool_get_shared(zcn_pool *pool, int *out_fd, uint64_t *out_bytes);
zcn_status zcn_pool_get_offset(zcn_pool *pool, const void *data, uint64_t size, uint64_t *out_offset);
void zcn_pool_release(zcn_pool *pool);

void zcn_framing_options_init(zcn_framing_options *options, size_t struct_size);
zcn_status zcn_framing_create(zcn_framing **out, const zcn_framing_options *options, zcn_error *error);
zcn_status zcn_framing_parse(zcn_framing **out, const char *text, zcn_error *error);
zcn_status zcn_framing_text(const zcn_framing *framing, char *buffer, size_t capacity, size_t *out_size);
zcn_status zcn_framing_overhead(const zcn_framing *framing, uint64_t body_size, uint64_t *out_head, uint64_t *out_tail);
zcn_status zcn_framing_measure(const zcn_framing *framing, const void *data, uint64_t size, uint64_t *out_frame_size, uint64_t *out_head, uint64_t *out_tail);
void zcn_framing_release(zcn_framing *framing);

zcn_status zcn_msg_frame(const zcn_msg *msg, const void **out_data, uint64_t *out_size);
zcn_status zcn_msg_retain(zcn_msg **out, const zcn_msg *msg);
zcn_status zcn_msg_release(zcn_msg *msg);
zcn_status zcn_msg_slice(zcn_msg **out, const zcn_msg *msg, uint64_t offset, uint64_t size);
zcn_status zcn_msg_detach(zcn_msg **out, const zcn_msg *msg);
zcn_status zcn_msg_join(zcn_msg **out, const zcn_msg *const *msgs, size_t count);
zcn_status zcn_msg_settle(zcn_msg **msgs, size_t count, size_t *out_copied);
zcn_status zcn_msg_make_writable(zcn_msg **out, zcn_msg *msg, void **out_data);
const void *zcn_msg_data(const zcn_msg *msg);
uint64_t zcn_msg_size(const zcn_msg *msg);

zcn_status zcn_unit_alloc(zcn_unit **out, void **out_data, zcn_pool *pool, const zcn_framing *framing, uint64_t size);
zcn_status zcn_unit_create(zcn_unit **out, zcn_pool *pool);
zcn_status zcn_unit_append_copy(zcn_unit *unit, const void *data, uint64_t size);
zcn_status zcn_unit_append_ref(zcn_unit *unit, const void *data, uint64_t size, zcn_release_function release, void *context);
zcn_status zcn_unit_append_pages(zcn_unit *unit, const void *data, uint64_t size);
zcn_status zcn_unit_append_msg(zcn_unit *unit, const zcn_msg *msg);
zcn_status zcn_unit_append_frame(zcn_unit *unit, const zcn_msg *msg);
zcn_status zcn_unit_set_prefix(zcn_unit *unit, const void *data, uint64_t size);
zcn_status zcn_unit_truncate(zcn_unit *unit, uint64_t size);
zcn_status zcn_unit_set_token(zcn_unit *unit, uint64_t token);
zcn_status zcn_unit_seal(zcn_unit *unit, const zcn_framing *framing);
uint64_t zcn_unit_size(const zcn_unit *unit);
zcn_unit *zcn_unit_retain(zcn_unit *unit);
void zcn_unit_release(zcn_unit *unit);

void zcn_conn_options_init(zcn_conn_options *options, size_t struct_size);
zcn_status zcn_connect(zcn_conn **out, zcn_loop *loop, const char *address, const zcn_framing *framing, const zcn_conn_options *options);
zcn_status zcn_conn_adopt(zcn_conn **out, zcn_loop *loop, int fd, const zcn_framing *framing, const zcn_conn_options *options);
zcn_status zcn_conn_send(zcn_conn *conn, zcn_unit *unit);
zcn_status zcn_conn_send_msg(zcn_conn *conn, const zcn_msg *msg);
zcn_status zcn_conn_send_copy(zcn_conn *conn, const void *data, uint64_t size);
zcn_status zcn_conn_forward(zcn_conn *conn, const zcn_msg *msg);
zcn_status zcn_conn_post(zcn_conn *conn, zcn_unit *unit);
zcn_status zcn_conn_flush(zcn_conn *conn);
zcn_status zcn_conn_close(zcn_conn *conn);
zcn_status zcn_conn_abort(zcn_conn *conn);
zcn_status zcn_conn_shutdown(zcn_conn *conn);
zcn_status zcn_conn_pause(zcn_conn *conn);
zcn_status zcn_conn_resume(zcn_conn *conn);
zcn_status zcn_conn_set_framing(zcn_conn *conn, const zcn_msg *after_msg, const zcn_framing *framing);
zcn_status zcn_conn_set_send_framing(zcn_conn *conn, const zcn_framing *framing);
zcn_status zcn_conn_set_option(zcn_conn *conn, uint32_t option, uint64_t value);
zcn_status zcn_conn_get_option(zcn_conn *conn, uint32_t option, uint64_t *out_value);
zcn_status zcn_conn_local_address(zcn_conn *conn, char *buffer, size_t capacity);
zcn_status zcn_conn_peer_address(zcn_conn *conn, char *buffer, size_t capacity);
zcn_status zcn_conn_get_error(const zcn_conn *conn, zcn_error *error);
zcn_status zcn_conn_get_stats(const zcn_conn *conn, zcn_stats *stats);
uint32_t zcn_conn_get_state(const zcn_conn *conn);
int zcn_conn_fd(const zcn_conn *conn);
zcn_conn *zcn_conn_retain(zcn_conn *conn);
void zcn_conn_release(zcn_conn *conn);

zcn_status zcn_conn_take_fd(zcn_conn *conn, int *out_fd, zcn_msg **out_rest);
zcn_status zcn_conn_move(zcn_conn *conn, zcn_loop *loop);
zcn_status zcn_conn_send_to_all(zcn_conn *const *conns, size_t count, zcn_unit *unit, uint32_t flags, zcn_status *statuses, size_t *out_sent);
zcn_status zcn_conn_reserve(zcn_conn *conn, void **out_data, uint64_t *out_room, uint64_t size);
zcn_status zcn_conn_commit(zcn_conn *conn, uint64_t size, void **out_data, uint64_t *out_room);
zcn_status zcn_conn_explain(zcn_conn *conn, char *buffer, size_t capacity);

zcn_status zcn_conn_begin_request(zcn_conn *conn, uint64_t token, int64_t timeout_ns, uint64_t *out_id);
zcn_status zcn_conn_end_request(zcn_conn *conn, uint64_t id);
zcn_status zcn_conn_put_id(const zcn_conn *conn, void *body, uint64_t size, uint64_t id);
zcn_status zcn_conn_get_id(const zcn_conn *conn, const void *data, uint64_t size, uint64_t *out_id);
zcn_status zcn_conn_request(zcn_conn *conn, const void *data, uint64_t size, uint64_t token, int64_t timeout_ns);
zcn_status zcn_conn_answer(zcn_conn *conn, uint64_t id, const void *data, uint64_t size);

void zcn_dial_options_init(zcn_dial_options *options, size_t struct_size);
zcn_status zcn_dial(zcn_dialer **out, zcn_loop *loop, const char *address, const zcn_framing *framing, const zcn_dial_options *options);
zcn_conn *zcn_dialer_get_conn(const zcn_dialer *dialer);
zcn_status zcn_dialer_hurry(zcn_dialer *dialer);
zcn_status zcn_dialer_close(zcn_dialer *dialer);
zcn_status zcn_dialer_get_stats(const zcn_dialer *dialer, zcn_dialer_stats *stats);
void zcn_dialer_release(zcn_dialer *dialer);

void zcn_relay_options_init(zcn_relay_options *options, size_t struct_size);
zcn_status zcn_relay_conns(zcn_relay **out, zcn_conn *first, zcn_conn *second, const zcn_relay_options *options);
zcn_status zcn_relay_fds(zcn_relay **out, zcn_loop *loop, int first, int second, const zcn_relay_options *options);
zcn_status zcn_relay_tap(zcn_relay *relay, uint32_t direction, int fd, uint32_t policy, uint32_t wait_ms);
zcn_status zcn_relay_close(zcn_relay *relay);
zcn_status zcn_relay_abort(zcn_relay *relay);
zcn_status zcn_relay_get_error(const zcn_relay *relay, zcn_error *error);
zcn_status zcn_relay_get_stats(const zcn_relay *relay, zcn_relay_stats *stats);
zcn_relay *zcn_relay_retain(zcn_relay *relay);
void zcn_relay_release(zcn_relay *relay);

void zcn_file_options_init(zcn_file_options *options, size_t struct_size);
zcn_status zcn_file_open(zcn_file **out, const char *path, const zcn_file_options *options, zcn_error *error);
zcn_status zcn_file_adopt(zcn_file **out, int fd, const zcn_file_options *options);
uint64_t zcn_file_size(const zcn_file *file);
int64_t zcn_file_mtime(const zcn_file *file);
int zcn_file_fd(const zcn_file *file);
void zcn_file_release(zcn_file *file);
zcn_status zcn_unit_append_file(zcn_unit *unit, zcn_file *file, uint64_t offset, uint64_t size);
void zcn_receive_file_options_init(zcn_receive_file_options *options, size_t struct_size);
zcn_status zcn_conn_receive_file(zcn_conn *conn, const zcn_msg *after, int fd, uint64_t size, const zcn_receive_file_options *options);
zcn_status zcn_conn_get_file_error(const zcn_conn *conn, zcn_error *error);
zcn_status zcn_file_cache_create(zcn_file_cache **out, uint32_t capacity, uint32_t valid_ms, const zcn_file_options *options);
zcn_status zcn_file_cache_open(zcn_file_cache *cache, zcn_file **out, const char *path, zcn_error *error);
void zcn_file_cache_release(zcn_file_cache *cache);

void zcn_listen_options_init(zcn_listen_options *options, size_t struct_size);
zcn_status zcn_listen(zcn_listener **out, zcn_loop *loop, const char *address, const zcn_framing *framing, const zcn_listen_options *options);
zcn_status zcn_listen_stat(zcn_listener **out, zcn_loop *loop, const char *address);
zcn_status zcn_listener_address(const zcn_listener *listener, char *buffer, size_t capacity);
zcn_status zcn_listener_close(zcn_listener *listener);
zcn_status zcn_listener_get_stats(const zcn_listener *listener, zcn_listener_stats *stats);
int zcn_listener_fd(const zcn_listener *listener);
void zcn_listener_release(zcn_listener *listener);

void zcn_loop_options_init(zcn_loop_options *options, size_t struct_size);
zcn_status zcn_loop_create(zcn_loop **out, const zcn_loop_options *options);
zcn_status zcn_loop_poll(zcn_loop *loop, int64_t timeout_ns, const zcn_event **out_events, size_t *out_count, int32_t *out_more);
int zcn_loop_fd(zcn_loop *loop);
zcn_status zcn_loop_get_stats(zcn_loop *loop, zcn_loop_stats *stats);
zcn_status zcn_loop_get_relay_stats(zcn_loop *loop, zcn_loop_relay_stats *stats);
zcn_status zcn_loop_next_deadline(zcn_loop *loop, int64_t *out_ns);
zcn_status zcn_loop_wake(zcn_loop *loop);
zcn_status zcn_loop_timer_set(zcn_loop *loop, uint64_t token, int64_t delay_ns);
zcn_status zcn_loop_timer_cancel(zcn_loop *loop, uint64_t token);
zcn_status zcn_loop_await_memory(zcn_loop *loop, zcn_pool *pool, uint64_t size, uint64_t token);
zcn_status zcn_loop_close(zcn_loop *loop);
zcn_status zcn_loop_get_error(const zcn_loop *loop, zcn_error *error);
void zcn_loop_release(zcn_loop *loop);

void zcn_stream_options_init(zcn_stream_options *options, size_t struct_size);
zcn_status zcn_stream_create(zcn_stream **out, zcn_pool *pool, const zcn_framing *framing, const zcn_stream_options *options);
zcn_status zcn_stream_feed(zcn_stream *stream, const void *data, uint64_t size, uint64_t *out_taken);
zcn_status zcn_stream_feed_msg(zcn_stream *stream, const zcn_msg *msg);
zcn_status zcn_stream_set_framing(zcn_stream *stream, const zcn_msg *after_msg, const zcn_framing *framing);
zcn_status zcn_stream_set_send_framing(zcn_stream *stream, const zcn_framing *framing);
zcn_status zcn_stream_end(zcn_stream *stream);
zcn_status zcn_stream_poll(zcn_stream *stream, const zcn_event **out_events, size_t *out_count, int32_t *out_more);
zcn_status zcn_stream_send(zcn_stream *stream, zcn_unit *unit);
zcn_status zcn_stream_send_msg(zcn_stream *stream, const zcn_msg *msg);
zcn_status zcn_stream_gather(zcn_stream *stream, struct iovec *iovecs, size_t capacity, size_t *out_count);
zcn_status zcn_stream_write_done(zcn_stream *stream, uint64_t size);
zcn_status zcn_stream_get_error(zcn_stream *stream, zcn_error *error);
zcn_status zcn_stream_get_stats(zcn_stream *stream, zcn_stats *stats);
void zcn_stream_release(zcn_stream *stream);
"""

EVENTS = {
    "NONE": 0, "CONNECTED": 1, "ACCEPTED": 2, "MESSAGE": 3, "SENT": 4, "WRITABLE": 5, "PEER_CLOSED": 6, "CLOSED": 7,
    "WOKEN": 8, "TIMER": 9, "ACCEPT_LIMITED": 10, "POOL_LIMITED": 11, "ARRIVED": 12, "LISTENER_CLOSED": 13,
    "RELAY_ENDED": 14, "REDIAL": 15, "DIALER_CLOSED": 16, "UNANSWERED": 17, "FILE_RECEIVED": 18,
    "POOL_READY": 19,
}

FRAMINGS = {"CUSTOM": 6}

STATES = {"CONNECTING": 1, "OPEN": 2, "DRAINING": 3, "CLOSED": 4}

LAGS = {"REFUSE": 0, "DROP_NEWEST": 1, "DROP_OLDEST": 2, "KEEP_LATEST": 3, "DISCONNECT": 4}

RELAY_METHODS = {"AUTO": 0, "SPLICE": 1, "COPY": 2}

DIRECTIONS = {"FORWARD": 0, "BACKWARD": 1}

TAPS = {"END": 0, "SKIP": 1, "WAIT": 2}

FILE_METHODS = {"AUTO": 0, "SENDFILE": 1, "MMAP": 2, "SPLICE": 3, "COPY": 4, "DIRECT": 5}

FILE_FLAGS = {"BENEATH": 1, "NO_SYMLINKS": 2}

FLUSHES = {"NONE": 0, "SYNC": 1, "ASYNC": 2}

STATUSES = {
    "OK": 0, "AGAIN": 1, "EOF": 2, "EINVAL": -1, "ENOMEM": -2, "ENOBUFS": -3, "EOPTION": -4, "EBUSY": -5, "ESTALE":
    -6, "EFORKED": -7, "EUNSUPPORTED": -8, "EINTERNAL": -9, "EFRAME_TOO_LARGE": -20, "EFRAME_UNDERFLOW": -21,
    "EFRAME_VARINT": -22, "EFRAME_STRIP": -23, "EFRAME_TRUNCATED": -24, "EFRAME_SIZE": -25, "EFRAME_VALUE": -26,
    "EFRAME_DELIMITER": -27, "EFRAME_MEASURE": -28, "ECLOSED": -40, "ETIMEDOUT": -41, "ESYS": -42, "ERESET": -43,
    "EADDRESS": -44, "EREFUSED": -45, "EUNREACHABLE": -46, "EINUSE": -47, "ERESOLVE": -48, "EACCESS": -49,
    "ETRUNCATED": -50, "EABORTED": -51, "EDROPPED": -52, "ELAGGED": -53, "ENOTFOUND": -60,
    "ENOSPACE": -61,
}

OPTIONS = {
    "DELAY": 1, "KEEPALIVE_S": 2, "KEEPALIVE_INTERVAL_S": 3, "KEEPALIVE_COUNT": 4, "USER_TIMEOUT_MS": 5,
    "SEND_BUFFER": 6, "RECEIVE_BUFFER": 7, "HIGH_WATER": 8, "LOW_WATER": 9, "IDLE_TIMEOUT_MS": 10,
    "MESSAGE_TIMEOUT_MS": 11, "DRAIN_TIMEOUT_MS": 12, "MESSAGES_PER_POLL": 13, "QUICK_ACK": 14, "FILE_METHOD": 15,
    "ZERO_COPY_FROM": 16,
}
