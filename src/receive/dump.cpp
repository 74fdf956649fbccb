// SPDX-License-Identifier: MIT
#include "receive/dump.h"

#include <cinttypes>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>

#include "base/flag.h"
#include "memory/clock.h"
#include "memory/pool.h"
#include "os/os.h"
#include "os/pipe_signal.h"
#include "os/place.h"
#include "receive/survey.h"

namespace zcnet::receive {

namespace {

using memory::Birth;

constexpr int standard_error = 2;

// Lines to a descriptor, gathered; after a failure nothing more is written.
class Lines {
  public:
    explicit Lines(int fd) noexcept : fd_(fd) {}

    __attribute__((format(printf, 2, 3))) void add(const char *format, ...) noexcept {
        if (sizeof text_ - used_ < longest) flush();
        va_list words;
        va_start(words, format);
        const int size = std::vsnprintf(text_ + used_, longest, format, words);
        va_end(words);
        used_ += size < 0 ? 0 : static_cast<size_t>(size) < longest ? static_cast<size_t>(size) : longest - 1;
    }

    Status flush() noexcept {
        os::PipeSignal signal;
        signal.block();
        for (size_t done = 0; done < used_ && status_ == ZCN_OK;) {
            const ssize_t wrote = os::uninterrupted([&] { return os::write(fd_, text_ + done, used_ - done); });
            if (wrote == -EPIPE) signal.raised();
            if (wrote <= 0) status_ = ZCN_ESYS;
            if (wrote > 0) done += static_cast<size_t>(wrote);
        }
        used_ = 0;
        return status_;
    }

  private:
    static constexpr size_t longest = 1024;  // more than the place, the words and the numbers of any line
    int fd_;
    Status status_ = ZCN_OK;
    size_t used_ = 0;
    char text_[8 * longest];
};

double seconds_since(uint32_t made) noexcept {
    const uint32_t now = memory::ticks();
    // One that was made since the clock was read is of no age.
    return static_cast<int32_t>(now - made) > 0 ? static_cast<double>(memory::ticks_between(made, now)) * 1e-9 : 0;
}

// " from PLACE" where it is known, else nothing.
struct From {
    char text[384] = "";
    explicit From(const void *place) noexcept {
        constexpr size_t word = sizeof " from " - 1;
        if (place == nullptr) return;
        (void)std::snprintf(text, sizeof text, " from ");
        os::describe_place(place, text + word, sizeof text - word);
    }
};

uintptr_t key_of(const Group *group, uint32_t place) noexcept {
    return reinterpret_cast<uintptr_t>(group) | place << 1;
}

// Messages of one pool; 0: of all.
void add_messages(Lines &lines, const char *before, uint64_t pool) noexcept {
    for_each_held([&](const Held &held) {
        if (pool != 0 && held.pool != pool) return true;
        for (uint32_t i = 0; i < held.count; i++) {
            Birth birth;
            const bool known =
                memory::births_wanted() && memory::find_birth(key_of(held.group, held.at[i].place), &birth);
            const From from(known ? birth.place : nullptr);
            // A joined message is of several pools.
            if (held.pool == 0)
                lines.add("%smessage, joined, %" PRIu64 " bytes, held %.3f s%s\n", before, held.at[i].size,
                          seconds_since(held.made), from.text);
            else
                lines.add("%smessage %" PRIu64 " bytes, held %.3f s, keeps %" PRIu64 " bytes of block %p%s\n", before,
                          held.at[i].size, seconds_since(held.made), held.pins, static_cast<const void *>(held.root),
                          from.text);
        }
        return true;
    });
}

struct Listing {
    Lines *lines;
    const char *before;
    uint64_t pool;
};

void add_birth(void *context, const Birth &birth) {
    const auto &listing = *static_cast<const Listing *>(context);
    // Messages are known by themselves.
    if (birth.noun == nullptr || (listing.pool != 0 && birth.pool != listing.pool)) return;
    const From from(birth.place);
    listing.lines->add("%s%s %" PRIu64 " bytes, held %.3f s%s\n", listing.before, birth.noun, birth.size,
                       seconds_since(birth.made), from.text);
}

void report_leaks() {
    // A child of fork() that ends as any program has let go of nothing: it is all its parent's.
    if (!memory::births_wanted()) return;
    Lines lines(standard_error);
    const char *before = "zcnet: alive at the end: ";
    add_messages(lines, before, 0);
    Listing listing{&lines, before, 0};
    (void)memory::visit_births(add_birth, &listing);
    (void)lines.flush();
}

void report_at_the_end() noexcept {
    // relaxed: only who is first matters.
    static constinit ExchangedFlag asked{0};
    if (!asked.exchange(true, std::memory_order_relaxed)) (void)std::atexit(report_leaks);
}

}  // namespace

void note_made(const char *noun, const void *handle, uint64_t size, uint64_t pool, const void *place) noexcept {
    if (handle == nullptr || !memory::births_wanted()) return;
    report_at_the_end();
    memory::note_birth({reinterpret_cast<uintptr_t>(handle), noun, size, pool, place, memory::ticks()});
}

void note_made(const zcn_msg *msg, const void *place) noexcept {
    if (msg == nullptr || !memory::births_wanted()) return;
    report_at_the_end();
    const Handle handle = take_apart(msg);
    memory::note_birth({key_of(handle.group, handle.place), nullptr, 0, 0, place, 0});
    View view;
    if (!find_view(msg, &view) || view.tail != is_join) return;
    // Whoever joined them made their handles, too.
    const auto *join = reinterpret_cast<const Join *>(view.data);
    for (uint32_t i = 0; i < join->count; i++) note_made(join->parts[i].held, place);
}

Status dump(const zcn_pool *pool, int fd) noexcept {
    zcn_pool_stats stats{};
    pool->read_stats(&stats);
    Survey held;
    if (!survey(pool->number(), &held)) return ZCN_ENOMEM;
    Lines lines(fd);
    lines.add("pool %" PRIu64 ": blocks of %" PRIu64 " bytes, limit %" PRIu64 ", of which %" PRIu64 " in reserve\n",
              pool->number(), stats.block_size, stats.limit_bytes, stats.reserve_bytes);
    lines.add("bytes: %" PRIu64 " reserved, %" PRIu64 " in use, %" PRIu64 " free; in use are %" PRIu64
              " of free blocks that threads keep, %" PRIu64 " that units are cut from, %" PRIu64 " of large messages\n",
              stats.reserved_bytes, stats.in_use_bytes, stats.cached_bytes, stats.thread_cached_bytes,
              stats.arena_bytes, stats.region_bytes);
    lines.add("messages: %" PRIu64 " held, %" PRIu64 " bytes, keep %" PRIu64 " bytes, oldest %.3f s\n", held.views,
              held.viewed_bytes, held.pinned_bytes, static_cast<double>(held.oldest_ns) * 1e-9);
    add_messages(lines, "", pool->number());
    Status missing = ZCN_OK;
    if (memory::births_wanted()) {
        Listing listing{&lines, "", pool->number()};
        if (!memory::visit_births(add_birth, &listing)) missing = ZCN_ENOMEM;
    }
    const Status written = lines.flush();
    return written != ZCN_OK ? written : missing;
}

}  // namespace zcnet::receive
