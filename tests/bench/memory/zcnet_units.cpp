// SPDX-License-Identifier: MIT
// Units and messages, by the public functions.
#include <zcnet/zcnet.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "work.h"

namespace {

constexpr std::size_t batch = 64;
constexpr std::size_t messages = 4096;
constexpr std::size_t together = 10000;  // steps of two threads at once

void must(zcn_status status, const char *what) {
    if (status == ZCN_OK) return;
    std::fprintf(stderr, "%s: %s\n", what, zcn_status_text(status));
    std::exit(1);
}

zcn_pool *pool = nullptr;
zcn_framing *framing = nullptr;

struct Units {
    static void *take() {
        zcn_unit *unit = nullptr;
        void *data = nullptr;
        must(zcn_unit_alloc(&unit, &data, pool, framing, bench::unit_bytes), "zcn_unit_alloc");
        return unit;
    }
    static void give(void *unit) { zcn_unit_release(static_cast<zcn_unit *>(unit)); }
};

// A stream with borrowed messages that lie in one block.
class Messages {
  public:
    Messages() {
        zcn_stream_options options;
        zcn_stream_options_init(&options, sizeof options);
        options.event_capacity = messages;
        must(zcn_stream_create(&stream_, pool, framing, &options), "zcn_stream_create");
        constexpr std::size_t body = 28;
        for (std::size_t i = 0; i < messages; i++) {
            frames_.insert(frames_.end(), {0, 0, 0, body});
            frames_.insert(frames_.end(), body, 'a');
        }
        renew();
    }
    Messages(const Messages &) = delete;
    Messages &operator=(const Messages &) = delete;
    ~Messages() { zcn_stream_release(stream_); }

    // The next ones; the borrow of those before ends.
    void renew() {
        std::size_t count = 0;
        do {
            must(zcn_stream_poll(stream_, &events_, &count, nullptr), "zcn_stream_poll");
        } while (count != 0);
        std::uint64_t taken = 0;
        must(zcn_stream_feed(stream_, frames_.data(), frames_.size(), &taken), "zcn_stream_feed");
        must(zcn_stream_poll(stream_, &events_, &count, nullptr), "zcn_stream_poll");
        if (taken != frames_.size() || count != messages) std::abort();
    }

    const zcn_msg *operator[](std::size_t i) const { return events_[i].msg; }

  private:
    std::vector<unsigned char> frames_;
    zcn_stream *stream_ = nullptr;
    const zcn_event *events_ = nullptr;
};

// Keeps a borrowed message, and lets it go.
std::vector<bench::Figure> retain(double seconds) {
    Messages all;
    const double ns = bench::time_batches(
        seconds, messages,
        [&] {
            for (std::size_t i = 0; i < messages; i++) {
                zcn_msg *kept = nullptr;
                must(zcn_msg_retain(&kept, all[i]), "zcn_msg_retain");
                must(zcn_msg_release(kept), "zcn_msg_release");
            }
        },
        [&] { all.renew(); });
    return {{"ns", ns}};
}

// Runs the same step on two threads at once; what the slower one needs for it.
std::vector<bench::Figure> on_both(double seconds, const std::function<void(std::size_t)> &steps_of) {
    double ns[2] = {};
    const auto run = [&](std::size_t which) {
        ns[which] = bench::time_batches(seconds, together, [&] { steps_of(which); });
    };
    bench::on_two_threads([&] { run(0); }, [&] { run(1); });
    return {{"ns", std::max(ns[0], ns[1])}};
}

// One more handle of a message that is owned, and its end.
std::vector<bench::Figure> retain_owned(double seconds, const Messages &one, const Messages &other) {
    zcn_msg *owned[2] = {};
    must(zcn_msg_retain(&owned[0], one[0]), "zcn_msg_retain");
    must(zcn_msg_retain(&owned[1], other[40]), "zcn_msg_retain");
    const std::vector<bench::Figure> figures = on_both(seconds, [&](std::size_t which) {
        for (std::size_t i = 0; i < together; i++) {
            zcn_msg *kept = nullptr;
            must(zcn_msg_retain(&kept, owned[which]), "zcn_msg_retain");
            must(zcn_msg_release(kept), "zcn_msg_release");
        }
    });
    for (zcn_msg *msg : owned) must(zcn_msg_release(msg), "zcn_msg_release");
    return figures;
}

// Both threads change the count of one block, or each that of its own.
std::vector<bench::Figure> retain_two(double seconds) {
    const Messages all;
    return retain_owned(seconds, all, all);
}
std::vector<bench::Figure> retain_apart(double seconds) {
    const Messages one;
    const Messages other;
    return retain_owned(seconds, one, other);
}

// What the processors need for a count that both raise and lower, and for nothing else.
std::vector<bench::Figure> count_two(double seconds) {
    static std::atomic<std::uint64_t> count{0};
    return on_both(seconds, [&](std::size_t) {
        for (std::size_t i = 0; i < together; i++) {
            count.fetch_add(1, std::memory_order_relaxed);
            count.fetch_sub(1, std::memory_order_acq_rel);
        }
    });
}

// Keeps 64 borrowed messages, and lets them go in one call; and the latter alone.
std::vector<bench::Figure> retain_batch(double seconds) {
    Messages all;
    std::vector<zcn_msg *> kept(messages);
    const auto keep = [&](std::size_t first) {
        for (std::size_t i = first; i < first + batch; i++) must(zcn_msg_retain(&kept[i], all[i]), "zcn_msg_retain");
    };
    const auto release = [&](std::size_t first) {
        must(zcn_msg_release_batch(&kept[first], batch), "zcn_msg_release_batch");
    };
    const double both = bench::time_batches(
        seconds / 2, messages,
        [&] {
            for (std::size_t i = 0; i < messages; i += batch) {
                keep(i);
                release(i);
            }
        },
        [&] { all.renew(); });
    const double alone = bench::time_batches(
        seconds / 2, messages,
        [&] {
            for (std::size_t i = 0; i < messages; i += batch) release(i);
        },
        [&] {
            all.renew();
            for (std::size_t i = 0; i < messages; i += batch) keep(i);
        });
    return {{"ns", both}, {"release_ns", alone}};
}

std::vector<bench::Figure> load(double) {
    static constexpr bench::LoadContender units = {
        [](std::size_t size) {
            zcn_unit *unit = nullptr;
            void *data = nullptr;
            must(zcn_unit_alloc(&unit, &data, pool, framing, size), "zcn_unit_alloc");
            return bench::Held{unit, data};
        },
        Units::give, [] { must(zcn_pool_trim(pool, nullptr), "zcn_pool_trim"); },
        [](std::vector<bench::Figure> *figures) {
            zcn_pool_stats stats{};
            stats.struct_size = sizeof stats;
            must(zcn_pool_get_stats(pool, &stats), "zcn_pool_get_stats");
            figures->push_back({"reserved_over_in_use", static_cast<double>(stats.reserved_peak_bytes) /
                                                            static_cast<double>(stats.peak_bytes)});
        }};
    return bench::mixed_load(units);
}

}  // namespace

int main(int argc, char **argv) {
    must(zcn_pool_create(&pool, nullptr), "zcn_pool_create");
    must(zcn_framing_parse(&framing, "length,width=4,strip=4,max=1M", nullptr), "zcn_framing_parse");
    return bench::memory_main(argc, argv, zcn_version_text(),
                              {{"unit", bench::one_thread<Units>},
                               {"unit-across", bench::across_threads<Units>},
                               {"retain", retain},
                               {"retain-two", retain_two},
                               {"retain-apart", retain_apart},
                               {"count-two", count_two},
                               {"retain-batch", retain_batch},
                               {"load", load}});
}
