// SPDX-License-Identifier: MIT
// A pool: slabs cut into blocks, regions for large messages, one byte account with a limit.
//
// Upstream of every cache. Free blocks lie in two lock-free stacks: warm ones, whose pages are resident, and cold
// ones, whose pages were given back. Knows nothing of threads, connections or messages.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/flag.h"
#include "base/guard.h"
#include "base/probe.h"
#include "base/statistic.h"
#include "memory/block.h"
#include "memory/cache_cell.h"
#include "memory/clock.h"
#include "memory/directory.h"
#include "memory/source.h"
#include "memory/tagged_stack.h"
#include "os/process.h"
#include "zcnet/pool.h"

namespace zcnet::memory {

class MemfdSource;

// Someone who waits for memory of a limited pool. woken() runs once per wait, on the thread that freed memory.
struct Waiter {
    Waiter *next = nullptr;
    ExchangedFlag queued{0};
    void (*woken)(Waiter *) noexcept = nullptr;
};

// What a pool can say to one who waits for so many bytes.
enum class Room : uint8_t {
    some,   // a request would find them now
    none,   // it would when enough is given back
    never,  // the limit and the reserve leave no room for them, whatever is given back
};

// Where the memory of one request may come from.
enum class Purpose : uint8_t {
    ordinary,  // leaves the reserve alone
    finish     // the one unfinished message that may use the reserve
};

constexpr uint64_t smallest_region = 64 * 1024;
constexpr uint64_t largest_region = uint64_t{1} << 42;
constexpr uint64_t region_step = 64 * 1024;    // a region is charged in such steps
constexpr uint64_t most_around = 512;          // header, delimiter and room for them beside a unit's body
constexpr uint64_t huge_page_bytes = 2 << 20;  // slabs and large regions are aligned to it

// `use_` of a pool: bytes, those who are giving some back, and two flags.
constexpr uint64_t use_waiting = uint64_t{1} << 63;
constexpr uint64_t use_closed = uint64_t{1} << 62;
constexpr uint64_t use_giver = uint64_t{1} << 48;  // one of those who are giving back, and still wake waiters
constexpr uint64_t use_bytes = use_giver - 1;
constexpr uint64_t use_any = use_closed - 1;  // bytes or givers: the pool lives

}  // namespace zcnet::memory

struct zcn_pool {
  public:
    using Block = zcnet::memory::Block;
    using Purpose = zcnet::memory::Purpose;
    using Room = zcnet::memory::Room;
    using Status = zcnet::Status;

    static Status create(zcn_pool **out, const zcn_pool_options &options) noexcept;

    // References of handles, loops and streams. What was taken from the pool keeps its memory alive by itself.
    void retain() noexcept;
    void release() noexcept;

    // One block, its count 0; nullptr and *why at the limit or without memory.
    Block *take_block(Purpose purpose, Status *why) noexcept;
    // Up to `most` more, for whoever took one and takes the next soon, in one step: of those that are free and warm.
    // Returns how many; none where they could be missed.
    uint32_t take_more(Block **blocks, uint32_t most) noexcept;
    void give_block(Block *block) noexcept;

    // Address space for `size` bytes, of which the first `first` are charged.
    Block *take_region(uint64_t size, uint64_t first, Purpose purpose, Status *why) noexcept;
    // Charges the region's first `bytes`; false at the limit.
    bool commit_region(Block *region, uint64_t bytes, Purpose purpose) noexcept;
    void give_region(Block *region) noexcept;

    // A block of `size` bytes or more from the heap or a source, charged; its count 0.
    Block *take_heap(uint64_t size, Purpose purpose, Status *why) noexcept;
    void give_heap(Block *block) noexcept;

    // Makes sure that one message of `largest` bytes can always finish; false when the limit is too small for it.
    bool reserve_for(uint64_t largest) noexcept;
    // Blocks that threads cut units from: in use, and yet nothing to wait for. relaxed: a sum, looked at now and then.
    void count_arena(bool begins) noexcept {
        arena_bytes_.fetch_add(begins ? block_size_ : 0 - block_size_, std::memory_order_relaxed);
    }
    // What loops hold in unfinished messages alone while they wait for memory. relaxed: as above.
    void count_stalled(uint64_t before, uint64_t now) noexcept {
        stalled_bytes_.fetch_add(now - before, std::memory_order_relaxed);
    }
    // Nothing that is in use will come back by itself.
    [[nodiscard]] bool is_stalled() const noexcept {
        return in_use() <= stalled_bytes_.load(std::memory_order_relaxed) +
                               arena_bytes_.load(std::memory_order_relaxed) +
                               zcnet::memory::cached_blocks(number_) * block_size_;
    }
    // The right to use the reserve, for one holder at a time.
    bool begin_finish(const void *holder) noexcept;
    [[nodiscard]] bool has_finisher() const noexcept { return finisher_.load(std::memory_order_relaxed) != nullptr; }
    void end_finish(const void *holder) noexcept;

    // For a unit's body, or an append, of `size` bytes. Gives back what is free where only that can tell.
    Room room_for(uint64_t size) noexcept;
    [[nodiscard]] bool can_have_room(uint64_t size) const noexcept;

    // Queues a waiter for the next memory that comes free. The caller then tries once more before it sleeps.
    void wait(zcnet::memory::Waiter *waiter) noexcept;
    // The same for one who tries by asking for room: the answer of that second time. The waiter is queued whatever it
    // is.
    Room wait_for_room(zcnet::memory::Waiter *waiter, uint64_t size) noexcept;
    // Takes a waiter back; false when it is being woken at this moment.
    bool cancel_wait(zcnet::memory::Waiter *waiter) noexcept;

    uint64_t trim() noexcept;
    // Gives back what was free for a whole period, when one has ended.
    void look_after() noexcept;
    // Nanoseconds from one look to the next; 0: there is nothing to look after.
    [[nodiscard]] int64_t look_after_every() const noexcept {
        return keep_ticks_ != 0 && free_bytes() != 0 ? zcnet::memory::tick_ns * (int64_t{keep_ticks_} + 1) : 0;
    }
    // The memory file that its memory lies in; nullptr: it lies in none.
    [[nodiscard]] const zcnet::memory::MemfdSource *shared() const noexcept { return shared_; }
    void read_stats(zcn_pool_stats *stats) const noexcept;

    [[nodiscard]] uint64_t block_size() const noexcept { return block_size_; }
    [[nodiscard]] uint64_t limit() const noexcept { return limit_; }
    [[nodiscard]] uint64_t number() const noexcept { return number_; }
    [[nodiscard]] uint64_t process() const noexcept { return process_; }
    // The memory lies in a source, and the pool is of the process that this one was forked from: what the source gave
    // may be shared with that one. Nothing more is taken from it here, nothing written, and nothing given back.
    [[nodiscard]] bool is_inherited() const noexcept {
        return source_.allocate != nullptr && !zcnet::os::in_process(process_);
    }
    // For those who watch: nobody may touch these bytes of the pool's.
    void hide(const void *data, uint64_t size) const noexcept;
    [[nodiscard]] bool closed() const noexcept;
    // A hint: the caller holds the only handle.
    [[nodiscard]] bool last_handle() const noexcept { return handles_.load(std::memory_order_relaxed) == 1; }
    // How many blocks a private cache may hold: none when the pool is so small that a hoard could starve it.
    [[nodiscard]] uint32_t cache_blocks() const noexcept { return cache_blocks_; }
    [[nodiscard]] uint64_t in_use() const noexcept;
    void count_failure() noexcept {
        ZCNET_PROBE(pool__refuse, this);
        failures_.add(1);
    }
    // The policy against pinning, by the age of messages, and by what their block keeps and they are.
    [[nodiscard]] bool detaches_after(uint64_t held_ns) const noexcept {
        return detach_ratio_ != 0 && held_ns >= detach_after_ns_;
    }
    [[nodiscard]] bool detaches(uint64_t pinned, uint64_t bytes) const noexcept {
        return pinned / detach_ratio_ > bytes;
    }
    // What a block of take_heap() keeps.
    [[nodiscard]] uint64_t heap_bytes(uint64_t size) const noexcept {
        return (source_.allocate != nullptr ? zcnet::memory::source_bytes(size) : size) + sizeof(Block);
    }
    // Bytes of messages that were copied out of their blocks.
    void count_copied(uint64_t bytes) noexcept { copied_bytes_.add(bytes); }

    std::atomic<uint32_t> &link(uint32_t index) noexcept { return table_[index].next; }

  private:
    static constexpr uint32_t region_classes = 48;

    // Free memory in the hand of a thread, on its way between the stacks and a source: for that time nobody finds it.
    class Hand {
      public:
        explicit Hand(zcn_pool &pool) noexcept;
        ~Hand();
        Hand(const Hand &) = delete;
        Hand &operator=(const Hand &) = delete;
        void was_empty() noexcept { passed_ = 0; }

      private:
        zcn_pool &pool_;
        uint64_t passed_;
    };

    // Goes on with a request that found nothing: do { … } while (nothing && search.again());
    class Search {
      public:
        explicit Search(zcn_pool &pool) noexcept : pool_(pool) {}
        bool again() noexcept;

      private:
        zcn_pool &pool_;
        uint64_t before_ = 0;
        // In naps, about a second: longer than a thread whose hand is full is kept from going on by others, and an end
        // for one who always comes when a hand is full.
        uint32_t patience_ = 20000;
        bool first_ = true;
    };

    explicit zcn_pool(const zcn_pool_options &options) noexcept;
    ~zcn_pool() = default;
    void destroy() noexcept;

    [[nodiscard]] bool is_cut_from_block(uint64_t size) const noexcept;
    [[nodiscard]] uint64_t most_charged(uint64_t size) const noexcept;
    // Of a pool with a limit: there is room for so many bytes beside the reserve and what is accounted for.
    [[nodiscard]] bool leaves(uint64_t account, uint64_t bytes) const noexcept;
    [[nodiscard]] bool spares_reserve(Purpose purpose) const noexcept {
        return limit_ != 0 && purpose == Purpose::ordinary;
    }
    bool charge(uint64_t bytes, Purpose purpose) noexcept;
    bool charge_as_it_is(uint64_t bytes, Purpose purpose) noexcept;
    void uncharge(uint64_t bytes) noexcept;
    void use_charged(uint64_t bytes, Purpose purpose) noexcept;
    void give_up_charged(uint64_t bytes, Purpose purpose) noexcept;
    bool claim_use(uint64_t bytes) noexcept;
    void take_use(uint64_t bytes) noexcept;
    void give_use(uint64_t bytes) noexcept;
    void end_use(uint64_t mine) noexcept;
    [[nodiscard]] uint64_t free_bytes() const noexcept;
    [[nodiscard]] uint64_t free_beside(uint64_t use) const noexcept;
    [[nodiscard]] bool keeps_another(uint64_t bytes) const noexcept;
    uint64_t drop_free(bool for_block) noexcept;

    void *map_memory(uint64_t size, uint64_t alignment) noexcept;
    void unmap_memory(void *memory, uint64_t size) noexcept;
    bool drop_memory(void *memory, uint64_t size) noexcept;  // false: the pages stay, with their contents
    void ask_huge_pages(void *memory, uint64_t size) noexcept;
    Block *new_slab() noexcept;
    Block *take_beside_reserve(Status *why) noexcept;
    Block *take_fresh(Purpose purpose, Status *why) noexcept;
    Block *find_block() noexcept;
    Block *note_take(Block *block) noexcept;
    template <class Each>
    void for_chain(uint32_t first, Each &&each) noexcept;
    uint64_t reclaim_slabs(bool for_block = false) noexcept;
    uint64_t reclaim_once() noexcept;
    void drop_slab(uint32_t first) noexcept;
    [[nodiscard]] bool ends_by_slabs() const noexcept;
    void retire(uint32_t index) noexcept;
    uint64_t drop_free_blocks(uint64_t most) noexcept;

    void drop_region(Block *region) noexcept;
    uint64_t drop_free_regions(uint64_t most) noexcept;
    Block *make_on_heap(uint64_t size) noexcept;
    Block *make_from_source(uint64_t size) noexcept;

    void note_free() noexcept;
    bool period_over(uint32_t now) noexcept;
    void drop_surplus() noexcept;
    void wake_waiters() noexcept;
    void wake_if_waited() noexcept;
    Block *refuse(Status reason, Status *why) noexcept;

    uint64_t number_ = 0;
    uint64_t process_ = 0;
    uint64_t block_size_ = 0;
    uint64_t slab_size_ = 0;
    uint64_t limit_ = 0;
    uint64_t keep_ = 0;
    uint32_t huge_pages_ = 0;
    uint32_t cache_blocks_ = 0;
    uint32_t detach_ratio_ = 0;
    uint64_t detach_after_ns_ = 0;
    uint32_t keep_ticks_ = 0;  // how long free memory is kept that nobody needs; 0: for ever
    zcnet::memory::Source source_;
    zcnet::memory::MemfdSource *shared_ = nullptr;

    // What every block that is taken and given back changes: lines of their own, apart from what is only read. The
    // account and the stack lie apart too, since takers and givers come to them at different moments.
    // What is out, in bytes, how many are about to wake waiters, and two flags: somebody waits for memory, the last
    // handle is gone. One word, so that each hand-shake (wait against give, close against the last give) is one
    // read-modify-write.
    alignas(64) std::atomic<uint64_t> use_{0};
    std::atomic<uint64_t> charged_{0};     // resident: in use and kept free
    std::atomic<uint64_t> least_free_{0};  // of the policy: the least that was free in its present period
    alignas(64) zcnet::memory::TaggedStack<> warm_;

    alignas(64) std::atomic<uint32_t> handles_{1};
    std::atomic<uint64_t> reserve_{0};
    std::atomic<const void *> finisher_{nullptr};
    std::atomic<uint64_t> arena_bytes_{0};
    std::atomic<uint64_t> stalled_bytes_{0};
    std::atomic<zcnet::memory::Waiter *> waiters_{nullptr};
    // Who looks for empty slabs, and those who asked for it meanwhile; in the upper half those who need a block.
    std::atomic<uint64_t> reclaiming_{0};
    std::atomic<uint64_t> in_hand_{0};      // of a pool with a source: hands, and in the upper half how many there were
    std::atomic<bool> keeps_pages_{false};  // the source did, when it was asked last
    std::atomic<uint32_t> period_{0};       // when the present period of the policy began, in ticks

    zcnet::memory::TaggedStack<> cold_;
    zcnet::memory::TaggedStack<> spare_entries_;  // table entries of regions that were unmapped
    zcnet::memory::TaggedStack<> spare_slabs_;    // and first entries of slabs that were
    zcnet::memory::TaggedStack<> regions_[region_classes];

    zcnet::Statistic peak_;
    zcnet::Statistic block_takes_;
    zcnet::Statistic region_bytes_;
    zcnet::Statistic region_takes_;
    zcnet::Statistic failures_;
    zcnet::Statistic slabs_;
    zcnet::Statistic waits_;
    zcnet::Statistic reserved_peak_;
    zcnet::Statistic copied_bytes_;
    zcnet::Statistic huge_bytes_;
    zcnet::Statistic huge_refused_bytes_;

    zcnet::memory::Directory<Block, 512, 8192> table_;
};

namespace zcnet::memory {

// The pool of the process; nullptr without memory. The caller gets no reference.
zcn_pool *default_pool() noexcept;

// How many pools were closed so far while memory of theirs was out. Who sees it change looks at what it keeps.
uint32_t closings() noexcept;

// Defaults and validation of options.
zcn_pool_options default_pool_options() noexcept;

}  // namespace zcnet::memory
