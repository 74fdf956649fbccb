// SPDX-License-Identifier: MIT
#include "feed.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

namespace fault_test {

namespace {

uint64_t pattern_of(const Feed &feed, uint32_t message) { return feed.number * 1000000 + message; }

}  // namespace

void feed_begin(World *world, Feed *feed, uint64_t number, uint32_t largest, uint32_t count,
                const zcn_conn_options &options) {
    *feed = {};
    feed->conn = world_adopt(world, options, &feed->fd);
    feed->number = number;
    feed->largest = largest;
    feed->count = count;
    assert_true(largest <= most_feed);
}

void feed_end(Feed *feed) {
    if (feed->fd >= 0) (void)::close(feed->fd);
    feed->fd = -1;
}

// Mostly small ones, some as large as they may be.
uint32_t feed_size(const Feed &feed, uint32_t message) {
    Random random{pattern_of(feed, message)};
    const uint64_t kind = random.below(16);
    if (kind == 0) return feed.largest;
    if (kind < 3) return static_cast<uint32_t>(random.below(feed.largest + 1));
    return static_cast<uint32_t>(random.below(std::min<uint64_t>(feed.largest, 300) + 1));
}

uint64_t feed_write(Feed *feed, uint64_t most) {
    static uint8_t frame[4 + most_feed];
    uint64_t total = 0;
    while (feed->fd >= 0 && feed->written < feed->count && most != 0) {
        const uint32_t size = feed_size(*feed, feed->written);
        for (int i = 0; i < 4; i++) frame[i] = static_cast<uint8_t>(size >> (24 - 8 * i));
        fill_pattern(frame + 4, size, pattern_of(*feed, feed->written));
        const uint64_t asked = std::min(most, 4 + size - feed->done);
        const ssize_t took = ::send(feed->fd, frame + feed->done, asked, MSG_NOSIGNAL);
        if (took <= 0) return total;
        feed->done += static_cast<uint64_t>(took);
        total += static_cast<uint64_t>(took);
        most -= static_cast<uint64_t>(took);
        if (feed->done == 4 + uint64_t{size}) {
            feed->done = 0;
            feed->written++;
        }
    }
    return total;
}

void feed_look(Verdict *verdict, Feed *feed, const zcn_event *event) {
    switch (event->type) {
        case ZCN_EVENT_MESSAGE:
            if (event->size != feed_size(*feed, feed->arrived) ||
                !is_pattern(event->data, event->size, pattern_of(*feed, feed->arrived)))
                note(verdict, "feed %llu: message %u came as another one, of %llu bytes",
                     static_cast<unsigned long long>(feed->number), feed->arrived,
                     static_cast<unsigned long long>(event->size));
            feed->arrived++;
            feed->told = false;
            return;
        case ZCN_EVENT_POOL_LIMITED:
            if (feed->told)
                note(verdict, "feed %llu: the same pause was told twice",
                     static_cast<unsigned long long>(feed->number));
            feed->told = true;
            feed->pauses++;
            return;
        case ZCN_EVENT_CLOSED:
            feed->ended++;
            feed->status = event->status;
            return;
        default:
            return;
    }
}

Feed *feed_of(Feed *feeds, uint32_t count, const zcn_conn *conn) {
    for (uint32_t i = 0; i < count; i++)
        if (feeds[i].conn == conn) return &feeds[i];
    return nullptr;
}

}  // namespace fault_test
