// SPDX-License-Identifier: MIT
// The loop: polls, and hands out what happened as one array.
//
// It owns the poller, the inbox, the timers, the batch and the receive memory of its connections. Two counts keep it:
// handles of the program, and holds of what refers to it (connections, letters under way). When the last handle goes
// everything is closed; when the last hold goes the memory does.
#pragma once

#include <pthread.h>
#include <sys/epoll.h>

#include <atomic>
#include <memory>
#include <unordered_map>

#include "base/error.h"
#include "base/flag.h"
#include "base/inbox.h"
#include "base/list.h"
#include "memory/pool.h"
#include "net/batch.h"
#include "net/conn.h"
#include "net/conn_requests.h"
#include "net/dialer.h"
#include "net/listener.h"
#include "net/relay.h"
#include "net/room.h"
#include "net/timers.h"
#include "os/process.h"
#include "zcnet/loop.h"

namespace zcnet::net {

// Kinds of poller tokens, in the low bits of an object's address.
// Relays have one for each of their sockets and taps.
enum : uint64_t { token_conn = 0, token_listener = 1, token_inbox = 2, token_relay = 4, token_tap = 6, token_mask = 7 };

struct ProgramTimer : Timer {
    ProgramTimer() noexcept : Timer(TimerOf::program) {}
    uint64_t token = 0;
};

struct PostLetter : LoopLetter {
    PostLetter(zcn_conn *to, zcn_unit *what) noexcept : LoopLetter(Message::post), conn(to), unit(what) {}
    zcn_conn *conn;
    zcn_unit *unit;
    Status ended = ZCN_OK;  // why the unit cannot be sent, while that is not told yet
};

struct ArrivalLetter : LoopLetter {
    explicit ArrivalLetter(zcn_conn *which) noexcept : LoopLetter(Message::arrival), conn(which) {}
    zcn_conn *conn;
};

// A connection that was moved away: its handle stays until the events that show it are gone.
struct Departed {
    zcn_conn *conn;
    Departed *next;
};

struct Lookup;
struct LookupLetter : LoopLetter {
    LookupLetter(zcn_conn *which, Lookup *what) noexcept : LoopLetter(Message::lookup), conn(which), lookup(what) {}
    zcn_conn *conn;
    Lookup *lookup;
};

zcn_loop_options default_loop_options() noexcept;

}  // namespace zcnet::net

struct zcn_loop final {
  public:
    using Status = zcnet::Status;

    static Status create(zcn_loop **out, const zcn_loop_options &options) noexcept;

    void retain() noexcept { handles_.fetch_add(1, std::memory_order_relaxed); }
    void release() noexcept;
    void hold() noexcept { holds_.fetch_add(1, std::memory_order_relaxed); }
    void unhold() noexcept;

    Status poll(int64_t timeout_ns, const zcn_event **out_events, size_t *out_count, int32_t *out_more) noexcept;
    int public_fd() noexcept;
    int64_t next_deadline() noexcept;
    Status wake() noexcept;  // any thread
    Status set_timer(uint64_t token, int64_t delay_ns) noexcept;
    Status cancel_timer(uint64_t token) noexcept;
    Status await_room(zcn_pool *pool, uint64_t size, uint64_t token) noexcept;
    void close() noexcept;
    void read_stats(zcn_loop_stats *stats) noexcept;
    void read_stats(zcn_loop_relay_stats *stats) noexcept;

    // For connections and listeners.
    void put(zcnet::net::LoopLetter *letter) noexcept;  // any thread
    void settle_inbox() noexcept { take_letters(); }
    void add(zcn_conn *conn) noexcept;
    void remove(zcn_conn *conn, zcnet::net::Departed *departed) noexcept;  // moved away
    void finished(zcn_conn *conn) noexcept;                                // CLOSED was told
    void become_ready(zcn_conn *conn) noexcept;
    void become_dirty(zcn_conn *conn) noexcept;
    void hold_unfinished(zcn_conn *conn, bool held) noexcept;
    void forget(zcn_conn *conn) noexcept;  // leaves every list but `all`
    void wait_for_memory() noexcept;
    void relieve_held_up() noexcept;
    void count_paused(bool on) noexcept { memory_paused_ += on ? 1 : UINT64_MAX; }
    void accept_later(zcn_listener *listener) noexcept;
    void add(zcn_listener *listener) noexcept;
    void remove(zcn_listener *listener) noexcept;
    void add(zcn_dialer *dialer) noexcept;
    void remove(zcn_dialer *dialer) noexcept;
    void add(zcn_relay *relay) noexcept;
    void become_ready(zcn_relay *relay) noexcept;
    void finished(zcn_relay *relay) noexcept;  // RELAY_ENDED was told
    void forget(zcn_relay *relay) noexcept;    // leaves every list but `all`
    template <class Visit>
    void each_conn(Visit &&visit) noexcept {
        for (zcn_conn *conn = all_.front(); conn != nullptr; conn = all_.after(conn)) visit(conn);
    }
    template <class Visit>
    void each_relay(Visit &&visit) noexcept {
        for (zcn_relay *relay = relays_.front(); relay != nullptr; relay = relays_.after(relay)) visit(relay);
    }
    [[nodiscard]] bool polling() const noexcept { return polling_; }
    // Which poll this is, to count what one poll gives.
    [[nodiscard]] uint32_t serial() const noexcept { return serial_; }
    // For a connection that is closed: its messages in the array that the calling thread looks at are blanked. Any
    // thread; nothing happens for one that does not own the loop.
    void blank(const zcn_conn *conn) noexcept;

    [[nodiscard]] zcnet::net::Batch &batch() noexcept { return *batch_; }
    [[nodiscard]] zcnet::receive::Intake &intake() noexcept { return intake_; }
    [[nodiscard]] zcnet::net::Timers &timers() noexcept { return timers_; }
    [[nodiscard]] zcn_pool *pool() const noexcept { return pool_; }
    [[nodiscard]] int poller() const noexcept { return poller_; }
    [[nodiscard]] zcnet::io::PipePool &pipes() noexcept { return pipes_; }
    // The guard of the round of relays that is running.
    [[nodiscard]] zcnet::os::PipeSignal &pipe_signal() noexcept { return *pipe_signal_; }
    // The guard of the round that is running, or the caller's where there is none.
    [[nodiscard]] zcnet::os::PipeSignal &pipe_signal_or(zcnet::os::PipeSignal &own) noexcept {
        return pipe_signal_ != nullptr ? *pipe_signal_ : own;
    }
    [[nodiscard]] int64_t now() const noexcept { return now_; }
    // When the kernel was last asked what came.
    [[nodiscard]] int64_t looked_at() const noexcept { return looked_at_; }
    int64_t read_clock() noexcept;
    [[nodiscard]] uint64_t process() const noexcept { return process_; }
    // relaxed: a hint for other threads, the owner's own word for the owner.
    [[nodiscard]] bool closing() const noexcept { return closing_.load(std::memory_order_relaxed); }
    [[nodiscard]] bool has_helper() const noexcept { return helper_; }
    [[nodiscard]] zcnet::Error &error() noexcept { return error_; }
    [[nodiscard]] const zcnet::Error &error() const noexcept { return error_; }
    zcn_loop_stats &counters() noexcept { return counters_; }

  private:
    zcn_loop(zcn_pool *pool, const zcn_loop_options &options) noexcept;
    ~zcn_loop();

    bool acquire() noexcept;
    void begin_poll() noexcept;
    void look(int64_t wait_ns) noexcept;
    [[nodiscard]] int64_t patience() const noexcept;
    void dispatch(const epoll_event &event) noexcept;
    void take_letters() noexcept;
    bool pass_on(const zcn_conn *conn, zcnet::net::LoopLetter *letter) noexcept;
    void deliver_letter(zcnet::net::LoopLetter *letter) noexcept;
    void drop_letter(zcnet::net::LoopLetter *letter) noexcept;
    void drop_letters() noexcept;
    void flush_dirty() noexcept;
    void run_ready() noexcept;
    void run_listeners() noexcept;
    void run_relays() noexcept;
    void run_timers() noexcept;
    void tell_woken() noexcept;
    void tell_rooms() noexcept;
    void on_room(zcnet::net::RoomWait *wait) noexcept;
    void end_rooms(bool ours) noexcept;
    void relieve_blocks() noexcept;
    void look_for_starvation() noexcept;
    void check_starvation() noexcept;
    bool still_finishing(zcn_conn *conn) noexcept;
    void tell_stalled(uint64_t bytes) noexcept;
    void memory_came() noexcept;
    [[nodiscard]] bool has_work() const noexcept;
    [[nodiscard]] bool is_empty() const noexcept {
        return all_.empty() && listeners_.empty() && relays_.empty() && dialers_.empty();
    }
    void raise() noexcept;
    void lower() noexcept;
    void release_departed() noexcept;
    void look_after_pool() noexcept {
        const int64_t every = pool_->look_after_every();
        // Without memory for the timer the next poll tries again.
        if (every != 0 && pool_timer_.place == 0) (void)timers_.set(&pool_timer_, now_ + every);
    }
    void shut_down() noexcept;
    int64_t wait_time(int64_t deadline) noexcept;

    struct PoolWaiter : zcnet::memory::Waiter {
        zcn_loop *loop = nullptr;
    };

    std::atomic<uint32_t> handles_{1};
    std::atomic<uint32_t> holds_{1};
    enum : uint32_t { idle, polled, blanked };
    std::atomic<uint32_t> busy_{idle};
    std::atomic<pthread_t> last_poller_{};
    uint64_t process_ = 0;
    int poller_ = -1;
    int inbox_fd_ = -1;
    zcnet::Inbox inbox_;
    zcnet::ExchangedFlag wake_asked_{0};
    zcnet::ExchangedFlag memory_asked_{0};
    std::atomic<bool> dead_{false};  // nobody takes letters any more
    zcnet::net::LoopLetter wake_letter_{zcnet::net::Message::wake};
    zcnet::net::LoopLetter memory_letter_{zcnet::net::Message::memory};
    PoolWaiter waiter_;

    zcn_pool *pool_;
    zcnet::net::Batch *batch_ = nullptr;
    zcnet::receive::Intake intake_;
    zcnet::net::Timers timers_;
    zcnet::net::Timer pool_timer_{zcnet::net::TimerOf::pool};  // runs while the pool has something to look after
    std::unordered_map<uint64_t, std::unique_ptr<zcnet::net::ProgramTimer>> program_timers_;

    zcnet::List<zcn_conn, zcnet::net::AllTag> all_;
    zcnet::List<zcn_conn, zcnet::net::AllTag> finished_;  // references end at the next poll
    zcnet::net::Departed *departed_ = nullptr;            // moved away; the same
    zcnet::List<zcn_conn, zcnet::net::ReadyTag> ready_;
    zcnet::List<zcn_conn, zcnet::net::DirtyTag> dirty_;
    zcnet::List<zcn_conn, zcnet::net::HeldTag> held_;  // unfinished messages in shared blocks, the stalest first
    zcnet::List<zcn_listener, zcnet::net::ListenersTag> listeners_;
    zcnet::List<zcn_dialer, zcnet::net::DialersTag> dialers_;
    zcnet::List<zcn_listener, zcnet::net::AcceptingTag> accepting_;
    zcnet::List<zcn_relay, zcnet::net::RelaysTag> relays_;
    zcnet::List<zcn_relay, zcnet::net::RelaysTag> finished_relays_;  // references end at the next poll
    zcnet::List<zcn_relay, zcnet::net::RelayReadyTag> ready_relays_;
    uint64_t ready_relay_count_ = 0;
    zcnet::List<zcnet::net::RoomWait, zcnet::net::RoomTag> due_rooms_;
    zcnet::List<zcnet::net::RoomWait, zcnet::net::RoomTag> asleep_rooms_;
    zcnet::io::PipePool pipes_;
    zcnet::os::PipeSignal *pipe_signal_ = nullptr;
    uint64_t ready_count_ = 0;
    uint64_t memory_paused_ = 0;  // connections that wait for memory

    uint32_t serial_ = 0;
    uint64_t stalled_ = 0;        // what the pool was told that we hold in unfinished messages alone
    int wait_failure_ = 0;        // errno of a wait that failed for good
    uint32_t starved_polls_ = 0;  // in a row, with nothing but unfinished messages in the pool
    // Who has the reserve to finish in while all starve: since when, and what it had when it last got on.
    struct {
        const zcn_conn *conn = nullptr;
        uint64_t bytes = 0;
        int64_t since = 0;
        int64_t moved_at = 0;
    } finisher_;
    uint32_t unlooked_ = 0;  // polls since the kernel was asked
    int64_t now_ = 0;
    int64_t looked_at_ = 0;
    int64_t spin_ns_ = 0;
    uint32_t unfinished_blocks_ = 64;
    bool helper_ = true;
    std::atomic<bool> closing_{false};
    bool over_told_ = false;  // a poll has said that everything has ended
    bool nested_ = false;     // the program watches our descriptor
    bool raised_ = false;     // and it was raised for work that is left
    bool polling_ = false;
    bool woken_ = false;  // a WOKEN event is to be told
    zcnet::Error error_;
    zcn_loop_stats counters_{};
    zcn_loop_relay_stats ended_relays_{};  // the sum over them
    epoll_event events_[256];
};

inline bool zcn_conn::in_process() const noexcept { return zcnet::os::in_process(loop()->process()); }

inline zcnet::Status zcn_conn::send_status() const noexcept {
    if (!in_process()) [[unlikely]]
        return ZCN_EFORKED;
    // acquire: pairs with the request of another thread, whose sends happened before it.
    const uint32_t requests = requests_.load(std::memory_order_acquire);
    return (requests & zcnet::net::request_refuses) == 0 ? ZCN_OK : ZCN_ECLOSED;
}
