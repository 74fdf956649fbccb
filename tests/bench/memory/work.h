// SPDX-License-Identifier: MIT
// The work that allocators are given, and how it is timed. A contender is a type with static functions; everything here
// is compiled with it, so that nothing stands between the loop and the allocator.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace bench {

constexpr std::size_t block_bytes = 64 * 1024;
constexpr std::size_t unit_bytes = 64;

// What one run found, as "name": value.
struct Figure {
    const char *name;
    double value;
};

struct Work {
    const char *name;
    std::function<std::vector<Figure>(double seconds)> run;
};

// The whole of main(): `PROGRAM --list`, or `PROGRAM WORK SECONDS`, which prints one line of JSON.
int memory_main(int argc, char **argv, const std::string &version, const std::vector<Work> &works);

// Keeps the compiler from knowing what became of a pointer.
inline void escape(void *pointer) { asm volatile("" : : "g"(pointer) : "memory"); }

// Nanoseconds that one of `batch` steps takes: batches until the time is over, and the median of them, so that a batch
// in which somebody else had the processor does not count. What prepares a batch is not timed.
double time_batches(
    double seconds, std::size_t batch, const std::function<void()> &run_batch,
    const std::function<void()> &prepare = [] {});

// Runs one function on each of two threads, the first on the first processor that is allowed and so on.
void on_two_threads(const std::function<void()> &first, const std::function<void()> &second);

// From one thread to another, by so many at a time that the ring itself costs next to nothing.
class Ring {
  public:
    static constexpr std::size_t together = 32;

    // Where the producer writes the next ones, and that it has.
    void **room() {
        const std::size_t at = head_.load(std::memory_order_relaxed);
        // acquire: what lay there was read before it is written again.
        while (at - tail_.load(std::memory_order_acquire) == groups) wait();
        return items_[at % groups];
    }
    // release: the items, and what they point to.
    void push() { head_.store(head_.load(std::memory_order_relaxed) + 1, std::memory_order_release); }

    // Where the consumer reads, and that it has.
    void **items() {
        const std::size_t at = tail_.load(std::memory_order_relaxed);
        while (at == head_.load(std::memory_order_acquire)) wait();
        return items_[at % groups];
    }
    void pop() { tail_.store(tail_.load(std::memory_order_relaxed) + 1, std::memory_order_release); }

  private:
    static constexpr std::size_t groups = 16;
    // The other one may be on this processor.
    static void wait();

    alignas(64) std::atomic<std::size_t> head_{0};
    alignas(64) std::atomic<std::size_t> tail_{0};
    alignas(64) void *items_[groups][together] = {};
};

// Contender: take() gives memory that is not touched, give() takes it back.
template <class Contender>
std::vector<Figure> one_thread(double seconds) {
    constexpr std::size_t batch = 10000;
    return {{"ns", time_batches(seconds, batch, [&] {
                 for (std::size_t i = 0; i < batch; i++) {
                     void *memory = Contender::take();
                     escape(memory);
                     Contender::give(memory);
                 }
             })}};
}

// Taken here, given back there.
template <class Contender>
std::vector<Figure> across_threads(double seconds) {
    static Ring ring;
    constexpr std::size_t batch = 320 * Ring::together;
    double ns = 0;
    on_two_threads(
        [&] {
            ns = time_batches(seconds, batch, [&] {
                for (std::size_t i = 0; i < batch; i += Ring::together) {
                    void **room = ring.room();
                    for (std::size_t k = 0; k < Ring::together; k++) room[k] = Contender::take();
                    ring.push();
                }
            });
            ring.room()[0] = nullptr;
            ring.push();
        },
        [&] {
            for (;;) {
                void **items = ring.items();
                if (items[0] == nullptr) break;
                for (std::size_t k = 0; k < Ring::together; k++) Contender::give(items[k]);
                ring.pop();
            }
        });
    return {{"ns", ns}};
}

// What a load of mixed sizes costs in memory: two threads hold 128 MiB each, of 64 bytes to 64 KiB, pass as much again
// through oldest first, and let go of all.
constexpr std::uint64_t load_bytes = 256 << 20;

// Contender: take(size) gives memory, all of which is written; trim() gives to the system what it can; at_peak() adds
// figures of its own.
struct Held {
    void *handle;
    void *data;
};
struct LoadContender {
    Held (*take)(std::size_t size);
    void (*give)(void *handle);
    void (*trim)();
    void (*at_peak)(std::vector<Figure> *figures);
};
std::vector<Figure> mixed_load(const LoadContender &contender);

}  // namespace bench
