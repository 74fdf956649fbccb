// SPDX-License-Identifier: MIT
#include "net/stat_page.h"

#include <cinttypes>
#include <cstdarg>
#include <cstdio>
#include <utility>

#include "net/loop.h"
#include "os/os.h"
#include "receive/survey.h"
#include "zcnet/version.h"

namespace zcnet::net {

namespace {

constexpr size_t page_bytes = 32 * 1024;
constexpr size_t longest_line = 768;
constexpr size_t most_listed = 16;  // connections, and as many relays

struct Field {
    const char *name;
    const char *kind;  // counter or gauge
    size_t place;
};

#define COUNTER(type, name) \
    { #name, "counter", offsetof(type, name) }
#define GAUGE(type, name) \
    { #name, "gauge", offsetof(type, name) }

constexpr Field loop_fields[] = {
    COUNTER(zcn_loop_stats, polls),       COUNTER(zcn_loop_stats, waits),
    COUNTER(zcn_loop_stats, wakes),       COUNTER(zcn_loop_stats, events),
    GAUGE(zcn_loop_stats, connections),   COUNTER(zcn_loop_stats, accepted),
    COUNTER(zcn_loop_stats, closed),      COUNTER(zcn_loop_stats, accept_limited),
    COUNTER(zcn_loop_stats, pool_pauses), COUNTER(zcn_loop_stats, copied_detached),
    GAUGE(zcn_loop_stats, paused),        GAUGE(zcn_loop_stats, pinned_bytes),
};

constexpr Field total_fields[] = {
    COUNTER(zcn_stats, messages_in),     COUNTER(zcn_stats, bytes_in),         COUNTER(zcn_stats, messages_out),
    COUNTER(zcn_stats, bytes_out),       COUNTER(zcn_stats, read_calls),       COUNTER(zcn_stats, write_calls),
    COUNTER(zcn_stats, iovecs_out),      COUNTER(zcn_stats, copied_bytes),     COUNTER(zcn_stats, copied_stash),
    COUNTER(zcn_stats, copied_moved),    COUNTER(zcn_stats, copied_own),       COUNTER(zcn_stats, copied_aligned),
    COUNTER(zcn_stats, copied_fed),      COUNTER(zcn_stats, copied_out),       GAUGE(zcn_stats, queued_bytes),
    GAUGE(zcn_stats, unfinished_bytes),  COUNTER(zcn_stats, trailing_bytes),   COUNTER(zcn_stats, messages_dropped),
    COUNTER(zcn_stats, bytes_dropped),   COUNTER(zcn_stats, file_sendfile),    COUNTER(zcn_stats, file_mmap),
    COUNTER(zcn_stats, file_splice),     COUNTER(zcn_stats, file_direct),      COUNTER(zcn_stats, zero_copy_writes),
    COUNTER(zcn_stats, zero_copy_bytes), COUNTER(zcn_stats, zero_copy_copied), COUNTER(zcn_stats, zero_copy_refused),
    GAUGE(zcn_stats, zero_copy_awaited), COUNTER(zcn_stats, copied_body),      COUNTER(zcn_stats, file_received),
    COUNTER(zcn_stats, body_dropped),    COUNTER(zcn_stats, requests),         COUNTER(zcn_stats, answers),
    COUNTER(zcn_stats, unanswered),      GAUGE(zcn_stats, requests_waiting),   COUNTER(zcn_stats, pages_lent),
};

constexpr Field relay_fields[] = {
    GAUGE(zcn_loop_relay_stats, open),
    COUNTER(zcn_loop_relay_stats, ended),
    COUNTER(zcn_loop_relay_stats, failed),
    GAUGE(zcn_loop_relay_stats, stalled),
    COUNTER(zcn_loop_relay_stats, forward_bytes),
    COUNTER(zcn_loop_relay_stats, backward_bytes),
    COUNTER(zcn_loop_relay_stats, spliced_bytes),
    COUNTER(zcn_loop_relay_stats, copied_bytes),
    COUNTER(zcn_loop_relay_stats, read_calls),
    COUNTER(zcn_loop_relay_stats, write_calls),
    COUNTER(zcn_loop_relay_stats, messages),
    GAUGE(zcn_loop_relay_stats, held_bytes),
    COUNTER(zcn_loop_relay_stats, lost_bytes),
    COUNTER(zcn_loop_relay_stats, tapped_bytes),
    COUNTER(zcn_loop_relay_stats, tap_missed_bytes),
};

constexpr Field pool_fields[] = {
    GAUGE(zcn_pool_stats, block_size),
    GAUGE(zcn_pool_stats, limit_bytes),
    GAUGE(zcn_pool_stats, reserved_bytes),
    GAUGE(zcn_pool_stats, in_use_bytes),
    GAUGE(zcn_pool_stats, cached_bytes),
    GAUGE(zcn_pool_stats, region_bytes),
    GAUGE(zcn_pool_stats, peak_bytes),
    COUNTER(zcn_pool_stats, block_takes),
    COUNTER(zcn_pool_stats, region_takes),
    COUNTER(zcn_pool_stats, failures),
    GAUGE(zcn_pool_stats, slabs),
    COUNTER(zcn_pool_stats, waits),
    GAUGE(zcn_pool_stats, reserved_peak_bytes),
    GAUGE(zcn_pool_stats, thread_cached_bytes),
    GAUGE(zcn_pool_stats, arena_bytes),
    GAUGE(zcn_pool_stats, object_bytes),
    GAUGE(zcn_pool_stats, views),
    GAUGE(zcn_pool_stats, viewed_bytes),
    GAUGE(zcn_pool_stats, pinned_bytes),
    GAUGE(zcn_pool_stats, amplification),
    GAUGE(zcn_pool_stats, oldest_view_ns),
    COUNTER(zcn_pool_stats, copied_bytes),
    GAUGE(zcn_pool_stats, huge_bytes),
    GAUGE(zcn_pool_stats, huge_refused_bytes),
    GAUGE(zcn_pool_stats, reserve_bytes),
};

#undef COUNTER
#undef GAUGE

// A field that is added to a struct is missed here at once. Its size comes first, and is none of them.
template <size_t Count>
constexpr bool covers(const Field (&)[Count], size_t bytes) noexcept {
    return (Count + 1) * sizeof(uint64_t) == bytes;
}
static_assert(covers(loop_fields, offsetof(zcn_loop_stats, total)));
static_assert(covers(total_fields, sizeof(zcn_stats)));
static_assert(covers(relay_fields, sizeof(zcn_loop_relay_stats)));
static_assert(covers(pool_fields, sizeof(zcn_pool_stats)));

class Page {
  public:
    Page() noexcept : text_(static_cast<char *>(os::allocate(page_bytes))) {}
    Page(const Page &) = delete;
    Page &operator=(const Page &) = delete;
    ~Page() { os::deallocate(text_); }

    __attribute__((format(printf, 2, 3))) void add(const char *format, ...) noexcept {
        if (text_ == nullptr || page_bytes - used_ < longest_line) return;
        va_list words;
        va_start(words, format);
        const int size = std::vsnprintf(text_ + used_, longest_line, format, words);
        va_end(words);
        if (size > 0 && static_cast<size_t>(size) < longest_line) used_ += static_cast<size_t>(size);
    }

    template <size_t Count>
    void add(const char *whose, const Field (&fields)[Count], const void *values) noexcept {
        for (const Field &field : fields) {
            const uint64_t value =
                *reinterpret_cast<const uint64_t *>(static_cast<const unsigned char *>(values) + field.place);
            add("%s %s_%s %" PRIu64 "\n", field.kind, whose, field.name, value);
        }
    }

    void write(int fd) const noexcept {
        if (text_ == nullptr) return;
        const iovec piece{text_, used_};
        (void)os::uninterrupted([&] { return os::send(fd, &piece, 1); });
    }

  private:
    char *text_;
    size_t used_ = 0;
};

// The text of an address, or what stands for none. A peer chooses the name of its own end of a local socket: as one
// word, so that it makes no lines of its own.
struct Name {
    char text[128];

    void become(Status read) noexcept {
        if (read != ZCN_OK) std::snprintf(text, sizeof text, "-");
        for (char *at = text; *at != 0; at++)
            if (static_cast<unsigned char>(*at) <= ' ' || *at == 0x7F) *at = '?';
    }
};

// Those that hold most bytes, the one that holds most first.
template <class Object>
class Worst {
  public:
    void offer(Object *object, uint64_t bytes) noexcept {
        Held held{object, bytes};
        for (size_t i = 0; i < count_; i++)
            if (held.bytes > worst_[i].bytes) std::swap(held, worst_[i]);
        if (count_ < most_listed) worst_[count_++] = held;
    }
    template <class Visit>
    void each(Visit &&visit) const noexcept {
        for (size_t i = 0; i < count_; i++) visit(*worst_[i].object);
    }

  private:
    struct Held {
        Object *object;
        uint64_t bytes;
    };
    Held worst_[most_listed];
    size_t count_ = 0;
};

// What they hold has to leave or is not complete: one that stands still is among them.
void add_conns(Page *page, zcn_loop *loop) noexcept {
    Worst<zcn_conn> worst;
    loop->each_conn(
        [&](zcn_conn *conn) { worst.offer(conn, conn->stream().queued_bytes() + conn->stream().window().pending()); });
    worst.each([&](const zcn_conn &conn) {
        zcn_stats stats{};
        conn.read_stats(&stats);
        Name peer;
        peer.become(conn.address(true, peer.text, sizeof peer.text));
        page->add("conn %s state %" PRIu32 " queued_bytes %" PRIu64 " unfinished_bytes %" PRIu64 " bytes_in %" PRIu64
                  " bytes_out %" PRIu64 " messages_in %" PRIu64 " messages_out %" PRIu64 " quiet_ms %" PRId64 "\n",
                  peer.text, conn.public_state(), stats.queued_bytes, stats.unfinished_bytes, stats.bytes_in,
                  stats.bytes_out, stats.messages_in, stats.messages_out, (loop->now() - conn.active_at()) / 1000000);
    });
}

void add_relays(Page *page, zcn_loop *loop) noexcept {
    Worst<zcn_relay> worst;
    loop->each_relay([&](zcn_relay *relay) { worst.offer(relay, relay->held()); });
    worst.each([&](const zcn_relay &relay) {
        zcn_relay_stats stats{};
        relay.read_stats(&stats);
        Name peers[2];
        for (uint32_t side = 0; side < 2; side++)
            peers[side].become(relay.peer_address(side, peers[side].text, sizeof peers[side].text));
        page->add(
            "relay %s %s forward_held_bytes %" PRIu64 " backward_held_bytes %" PRIu64 " forward_bytes %" PRIu64
            " backward_bytes %" PRIu64 " spliced_bytes %" PRIu64 " copied_bytes %" PRIu64 " tap_missed_bytes %" PRIu64
            " forward_ended %" PRIu32 " backward_ended %" PRIu32 " quiet_ms %" PRId64 "\n",
            peers[0].text, peers[1].text, stats.forward.held_bytes, stats.backward.held_bytes, stats.forward.bytes_out,
            stats.backward.bytes_out, stats.forward.spliced_bytes + stats.backward.spliced_bytes,
            stats.forward.copied_bytes + stats.backward.copied_bytes,
            stats.forward.tap_missed_bytes + stats.backward.tap_missed_bytes, stats.forward.ended, stats.backward.ended,
            relay.quiet_ns() / 1000000);
    });
}

}  // namespace

void show_page(zcn_loop *loop, int fd) noexcept {
    Page page;
    page.add("zcnet %s\n", zcn_version_text());
    zcn_loop_stats stats{};
    loop->read_stats(&stats);
    page.add("loop", loop_fields, &stats);
    page.add("total", total_fields, &stats.total);
    zcn_pool_stats pool{};
    loop->pool()->read_stats(&pool);
    // Without memory for the survey its figures are 0.
    (void)receive::add_survey(loop->pool(), &pool);
    page.add("pool", pool_fields, &pool);
    zcn_loop_relay_stats relays{};
    loop->read_stats(&relays);
    page.add("relay", relay_fields, &relays);
    add_conns(&page, loop);
    add_relays(&page, loop);
    page.add("end\n");
    page.write(fd);
}

}  // namespace zcnet::net
