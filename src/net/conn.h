// SPDX-License-Identifier: MIT
// A connection: a stream that its loop drives over a socket.
//
// The owner of the loop does everything here but what is marked; others reach it through the loop's inbox. What a
// poll has to tell about a connection is kept as flags and told in one order: that it stands, what was sent, that it is
// writable again, messages, the peer's end, its own end.
#pragma once

#include <atomic>
#include <memory>

#include "base/error.h"
#include "base/list.h"
#include "io/direct_reader.h"
#include "io/file_send.h"
#include "net/address.h"
#include "net/body.h"
#include "net/exchange.h"
#include "net/settings.h"
#include "net/timers.h"
#include "send/zero_copy.h"

namespace zcnet::net {

struct AllTag {};
struct ReadyTag {};
struct DirtyTag {};
struct HeldTag {};
struct Dial;
struct FormerLoop;
struct Lookup;

enum class State : uint8_t {
    connecting,
    open,
    draining,   // close was asked for: the queue empties
    lingering,  // the queue is empty: the peer's kernel takes the rest
    ended,      // the socket is gone, CLOSED is still to be told
    closed
};

// Tells the loop that a chunk of a file was read. There is one at a time, which holds a reference on the connection.
struct FileLetter : io::DirectReader, LoopLetter {
    explicit FileLetter(zcn_conn *which) noexcept : LoopLetter(Message::file), conn(which) {}
    zcn_conn *conn;
};

// What few connections need, in memory of its own.
struct Rare {
    Error error;
    send::Dropped dropped;
    Dial *dial = nullptr;
    FormerLoop *former = nullptr;
    std::unique_ptr<io::Transfer> transfer;         // made with the first file that is sent
    uint64_t file_bytes[io::last_method + 1] = {};  // that left by each method, but by copies
    uint64_t page_bytes = 0;                        // that were handed over as pages
    std::unique_ptr<FileLetter> direct;             // stays as long as the connection: reads may be under way
    send::ZeroCopy zero_copy;
    std::unique_ptr<Bodies> bodies;      // made with the first body that goes into a file
    std::unique_ptr<Exchange> exchange;  // made with the first request
    zcn_dialer *dialer = nullptr;        // that made this connection, retained until CLOSED is told
};

struct FormerLoop {
    zcn_loop *loop;
    FormerLoop *before;
};

}  // namespace zcnet::net

struct zcn_conn final : zcnet::Link<zcnet::net::AllTag>,
                        zcnet::Link<zcnet::net::ReadyTag>,
                        zcnet::Link<zcnet::net::DirtyTag>,
                        zcnet::Link<zcnet::net::HeldTag>,
                        zcnet::net::Timer,
                        zcnet::net::LoopLetter {
  public:
    using Status = zcnet::Status;
    using State = zcnet::net::State;

    // A connection of a loop; its socket is given by start_*() or dial. The loop holds the one reference.
    // Takes over no reference on settings: it has its own.
    static Status create(zcn_conn **out, zcn_loop *loop, const zcn_framing *framing,
                         zcnet::net::Settings *settings) noexcept;

    void retain() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
    void release() noexcept;

    // Ways to begin. The descriptor is consumed on ZCN_OK.
    Status start_socket(int fd, bool is_tcp, uint32_t told_as) noexcept;
    Status start_dial(const zcnet::net::Address &address) noexcept;
    void take_lookup(const zcnet::net::Lookup &lookup) noexcept;

    // What the loop calls.
    void on_readiness(uint32_t events) noexcept;
    void service() noexcept;  // tells what there is to tell, reads
    void flush() noexcept;
    void on_timer() noexcept;
    void on_requests() noexcept;
    Status on_post(zcn_unit *unit) noexcept;  // takes over the unit on ZCN_OK
    // Tells the end of a unit that was posted and cannot be sent; false when it cannot be told now.
    bool tell_unposted(const zcn_unit *unit, Status status) noexcept;
    void on_memory() noexcept;
    void on_file() noexcept;  // a chunk of a file was read, or need not be any more
    void on_flushed(zcnet::net::Body *body) noexcept;
    void on_relief() noexcept;  // a connection that held ours up is below low water again, or gone
    void arrive(zcn_loop *loop) noexcept;
    [[nodiscard]] bool arriving() const noexcept { return arriving_; }
    // Ends without a word, for a loop that goes.
    void end_silently() noexcept;
    // Closes because unfinished messages fill the pool.
    void close_for_memory() noexcept;
    Status evict() noexcept;

    // What the program calls.
    Status send(zcn_unit *unit) noexcept;
    static Status send_to_all(zcn_conn *const *conns, size_t count, zcn_unit *unit, bool all_or_nothing,
                              Status *statuses, size_t *sent) noexcept;
    Status send_batch(zcn_unit *const *units, size_t count, size_t *sent) noexcept;
    Status send_message(const zcn_msg *msg) noexcept;
    Status forward(const zcn_msg *msg) noexcept;
    Status send_copy(const void *data, uint64_t size) noexcept;
    Status reserve(void **out_data, uint64_t *out_room, uint64_t size) noexcept;
    Status commit(uint64_t size, void **out_data, uint64_t *out_room) noexcept;
    Status flush_now() noexcept;
    Status begin_request(uint64_t token, int64_t timeout_ns, uint64_t *id) noexcept;
    Status end_request(uint64_t id) noexcept;
    Status send_request(const void *data, uint64_t size, uint64_t token, int64_t timeout_ns) noexcept;
    Status send_answer(uint64_t id, const void *data, uint64_t size) noexcept;
    [[nodiscard]] const zcnet::net::IdPlace &id_place() const noexcept { return settings().id; }
    Status post(zcn_unit *unit) noexcept;       // any thread
    Status request_close(bool abort) noexcept;  // any thread
    Status shutdown() noexcept;
    Status pause(bool on) noexcept;
    Status set_framing(const zcn_msg *after, const zcn_framing *framing) noexcept;
    Status set_send_framing(const zcn_framing *framing) noexcept;
    Status receive_file(const zcn_msg *after, int fd, uint64_t size, const zcn_receive_file_options &options) noexcept;
    Status copy_file_error(zcn_error *error) const noexcept;
    Status take_fd(int *out_fd, zcn_msg **out_rest) noexcept;
    // The same in steps, for who has more to do before it is sure: only the last one changes anything.
    Status can_leave() noexcept;
    Status copy_rest(zcnet::memory::Block **out) noexcept;  // nullptr: nothing is left; one reference
    int leave() noexcept;                                   // the descriptor; the poller still knows it
    // Takes the poller's word back from who took it over.
    void watch_again() noexcept { (void)watch(fd_, EPOLL_CTL_MOD, output_watched_); }
    Status move(zcn_loop *loop) noexcept;
    Status set_option(uint32_t option, uint64_t value) noexcept;
    Status get_option(uint32_t option, uint64_t *value) const noexcept;
    Status address(bool peer, char *buffer, size_t capacity) const noexcept;
    Status explain(char *buffer, size_t capacity) const noexcept;
    Status copy_error(zcn_error *error) const noexcept;
    void read_stats(zcn_stats *stats) const noexcept;

    // What the options ask of a socket that the program has; -errno.
    int apply_options(int fd, bool is_tcp) const noexcept;
    [[nodiscard]] bool in_process() const noexcept;
    [[nodiscard]] zcn_loop *loop() const noexcept { return loop_.load(std::memory_order_acquire); }
    [[nodiscard]] int fd() const noexcept { return fd_; }
    [[nodiscard]] bool is_tcp() const noexcept { return is_tcp_; }
    [[nodiscard]] State state() const noexcept { return state_; }
    [[nodiscard]] uint32_t public_state() const noexcept;
    [[nodiscard]] uintptr_t user() const noexcept { return user_; }
    [[nodiscard]] int64_t active_at() const noexcept { return active_at_; }
    void set_user(uintptr_t user) noexcept;
    void set_listener(zcn_listener *listener) noexcept { listener_ = listener; }
    Status set_dialer(zcn_dialer *dialer) noexcept;
    [[nodiscard]] zcnet::net::Stream &stream() noexcept { return stream_; }
    [[nodiscard]] bool memory_paused() const noexcept { return memory_paused_; }
    [[nodiscard]] bool finishing() const noexcept { return finisher_ && !memory_paused_; }
    static zcn_conn *of_letter(zcnet::net::LoopLetter *letter) noexcept { return static_cast<zcn_conn *>(letter); }
    [[nodiscard]] uint64_t held() const noexcept { return stream_.window().held(); }

  private:
    friend struct zcnet::net::Dial;

    zcn_conn(zcn_loop *loop, const zcn_framing *in, const zcn_framing *out, zcnet::net::Settings *settings) noexcept;
    ~zcn_conn() = default;
    template <class Object>
    friend void zcnet::memory::destroy_object(Object *object) noexcept;
    template <class Object, class... Arguments>
    friend Object *zcnet::memory::make_object(Arguments &&...arguments) noexcept;

    // conn_dial.cpp
    void dial_next() noexcept;
    void dial_failed(Status status, int number) noexcept;
    void dial_writable() noexcept;
    void dial_late(int64_t asked) noexcept;
    void give_up_attempt() noexcept;
    [[nodiscard]] int64_t dial_deadline() const noexcept;
    void drop_dial() noexcept;
    zcn_dialer *leave_dialer() noexcept;
    [[nodiscard]] zcnet::net::Dial *dial() const noexcept { return rare_ != nullptr ? rare_->dial : nullptr; }
    zcnet::net::Rare *rare() noexcept;

    // conn_close.cpp
    void begin_close(Status reason) noexcept;
    void go_on_closing() noexcept;
    [[nodiscard]] Status reason_after_failure() const noexcept;
    void discard_input() noexcept;
    void finish(Status reason) noexcept;
    void abort_now(Status reason) noexcept;
    void detach_socket() noexcept;
    void fail_stream(Status reason) noexcept;

    // conn.cpp, conn_read.cpp, conn_write.cpp
    [[nodiscard]] Status send_status() const noexcept;
    // Nothing is read, for reasons on this side: deadlines for receiving stand still.
    [[nodiscard]] bool stands_still() const noexcept {
        return paused_ || held_up_ || memory_paused_ || stream_.holds_body_up();
    }
    void go_on() noexcept;
    [[nodiscard]] bool drops() const noexcept { return settings().limits.lag != zcnet::send::Lag::refuse; }
    // conn_lag.cpp: above high water, where sends are not refused.
    template <class Send>
    Status send_lagging(Send &&send) noexcept;
    Status unit_lagging(zcn_unit *unit) noexcept;
    Status message_lagging(const zcn_msg *msg) noexcept;
    Status copy_lagging(const void *data, uint64_t size) noexcept;
    void disconnect(Status why) noexcept;
    Status prepare_send(const zcn_unit *unit) noexcept;
    void mute() noexcept;
    void queued() noexcept;
    Status find_shown(const zcn_msg *after, const zcn_event **out) const noexcept;
    [[nodiscard]] bool shows_more_behind(const zcn_event *shown) const noexcept;
    void tell(uint32_t type, Status status) noexcept;
    bool tell_pending() noexcept;
    bool tell_closed() noexcept;
    void read() noexcept;
    bool deliver() noexcept;
    bool read_once(uint64_t *budget) noexcept;
    bool may_ask(uint64_t budget) noexcept;
    [[nodiscard]] bool stopped_early() const noexcept;
    void input_ended() noexcept;
    void input_failed(int number) noexcept;
    void wait_for_memory() noexcept;
    void write() noexcept { write(UINT64_MAX); }
    void write(uint64_t most) noexcept;
    int watch(int fd, int operation, bool output) noexcept;
    void wait_for_room() noexcept;
    void write_refused(ssize_t sent) noexcept;
    void fail_writing(Status why, int number) noexcept;
    // conn_files.cpp
    zcnet::io::Transfer *transfer() noexcept;
    uint32_t file_method(const zcnet::send::SourceStep &step) noexcept;
    int load_source() noexcept;
    int load_direct(const zcnet::send::SourceStep &step) noexcept;
    void start_reading() noexcept;
    void drop_transfer() noexcept;
    ssize_t send_source(uint64_t most, zcnet::os::PipeSignal &signal) noexcept;
    uint64_t lend_from() noexcept;
    ssize_t send_pages(const iovec &pages, uint64_t most, zcnet::os::PipeSignal &signal) noexcept;
    void write_ahead(uint64_t queued) noexcept;
    // conn_body.cpp
    [[nodiscard]] bool receives_body() const noexcept;
    [[nodiscard]] bool flushes_bodies() const noexcept;
    bool receive_body(uint64_t *budget) noexcept;
    void take_pending(zcnet::io::FileReceive *receive, zcnet::os::PipeSignal &signal) noexcept;
    void end_body(Status reason) noexcept;
    bool flush_body(zcnet::net::Body *body) noexcept;
    static void note_flushed(zcnet::net::Body *body) noexcept;
    void drop_body(Status reason) noexcept;
    bool tell_bodies() noexcept;
    void add_body_stats(zcn_stats *stats) const noexcept;
    // conn_exchange.cpp
    [[nodiscard]] zcnet::net::Exchange *exchange() const noexcept {
        return rare_ != nullptr ? rare_->exchange.get() : nullptr;
    }
    void match_answers(uint32_t from) noexcept;
    void take_answers_back(uint32_t from) noexcept;
    bool tell_unanswered() noexcept;
    void end_requests(Status reason) noexcept;
    // conn_zero_copy.cpp
    [[nodiscard]] uint64_t pin_from() noexcept;
    ssize_t send_pieces(const iovec *pieces, zcnet::send::Gathered *found) noexcept;
    bool read_pinned_done() noexcept;
    void leave_socket(Status why) noexcept;
    [[nodiscard]] bool is_idle() const noexcept;
    uint64_t packet_size() noexcept;
    void become_ready() noexcept;
    void arm_timer() noexcept;
    void note_progress(bool delivered) noexcept;
    void let_go() noexcept;
    [[nodiscard]] uint32_t delivered_now() const noexcept;
    void input_wrong(Status why) noexcept;
    void drop_input() noexcept;
    // The reason for an end in both directions.
    [[nodiscard]] Status end_of_input() const noexcept { return input_error_ != ZCN_OK ? input_error_ : ZCN_EOF; }
    bool read_failed_softly(Status why) noexcept;
    void end_finisher() noexcept;
    [[nodiscard]] const zcnet::net::Settings &settings() const noexcept { return mutable_settings(); }
    [[nodiscard]] zcnet::net::Settings &mutable_settings() const noexcept {
        // acquire: another thread that posts sees the values of a replaced settings object.
        return *settings_.load(std::memory_order_acquire);
    }
    zcnet::net::Settings *own_settings() noexcept;
    [[nodiscard]] int64_t next_deadline() const noexcept;
    __attribute__((format(printf, 4, 5))) void set_error(Status status, int number, const char *format, ...) noexcept;

    std::atomic<uint32_t> references_{1};
    std::atomic<uint32_t> requests_{0};
    std::atomic<uint64_t> posted_{0};  // bytes that were posted and not taken yet
    std::atomic<zcn_loop *> loop_;
    int fd_ = -1;
    State state_ = State::connecting;
    uint8_t told_as_ = 0;        // event type that is still to be told; 0: none
    uint16_t segment_size_ = 0;  // of TCP; 0: not asked for yet
    bool is_tcp_ : 1 = false;
    bool readable_ : 1 = false;
    bool writable_ : 1 = false;
    bool hung_up_ : 1 = false;  // an end, an error or urgent data was reported: a short read does not mean empty
    bool paused_ : 1 = false;
    bool memory_paused_ : 1 = false;
    bool memory_told_ : 1 = false;
    bool memory_retry_ : 1 = false;  // the last look found no memory of the system's: waiting by the clock
    bool input_ended_ : 1 = false;
    bool input_over_ : 1 = false;   // nothing is read any more
    bool drops_input_ : 1 = false;  // what is read is dropped: it is not in the framing
    bool tell_peer_closed_ : 1 = false;
    bool tell_writable_ : 1 = false;
    bool tell_memory_ : 1 = false;
    bool shutdown_wanted_ : 1 = false;
    bool shutdown_done_ : 1 = false;
    bool write_failed_ : 1 = false;
    bool flushing_ : 1 = false;
    bool finisher_ : 1 = false;  // has the right to the pool's reserve
    bool arriving_ : 1 = false;
    bool retry_write_ : 1 = false;
    bool awaits_file_ : 1 = false;  // nothing to write until a chunk of a file has been read
    bool output_watched_ : 1 = false;
    bool broken_ : 1 = false;      // writing failed for a reason of our own, which is in reason_
    bool held_up_ : 1 = false;     // not read, because what it brings cannot leave elsewhere
    bool holds_up_ : 1 = false;    // others are held up by this one's queue
    Status reason_ = ZCN_OK;       // of the CLOSED event
    Status input_error_ = ZCN_OK;  // found by parsing; takes effect when what is before it was delivered
    uint32_t linger_ms_ = 0;
    uint32_t serial_ = 0;     // of the poll that delivered_ counts
    uint32_t delivered_ = 0;  // messages told in it
    uintptr_t user_ = 0;
    std::atomic<zcnet::net::Settings *> settings_;
    zcn_listener *listener_ = nullptr;
    zcnet::net::Rare *rare_ = nullptr;
    int64_t active_at_ = 0;  // last byte in or out
    union {
        int64_t message_at_ = 0;  // open: when the unfinished message began; 0: there is none
        int64_t close_by_;        // connecting and closing: the deadline
    };
    zcnet::net::Stream stream_;
};
