// SPDX-License-Identifier: MIT
#include "explorer.h"

#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "core.h"

namespace model {

Core *core = nullptr;
bool explored_code_runs = false;

bool Visited::insert(uint64_t hash, uint8_t asleep, uint8_t **kept) {
    if (2 * used_ >= slots_.size()) grow();
    if (hash == 0) hash = 1;
    for (uint64_t i = hash;; i++) {
        Slot &slot = slots_[i % slots_.size()];
        *kept = &slot.asleep;
        if (slot.hash == hash) return false;
        if (slot.hash != 0) continue;
        slot = {hash, asleep};
        used_++;
        return true;
    }
}

void Visited::grow() {
    std::vector<Slot> old(slots_.empty() ? 4096 : 2 * slots_.size());
    old.swap(slots_);
    for (const Slot &slot : old) {
        if (slot.hash == 0) continue;
        uint64_t i = slot.hash;
        while (slots_[i % slots_.size()].hash != 0) i++;
        slots_[i % slots_.size()] = slot;
    }
}

void Visited::clear() {
    slots_.clear();
    used_ = 0;
}

// The search. A run repeats the choices it is given and takes the first way at each new one.
Outcome Core::explore(uint64_t most_runs) {
    core = this;
    phase_ = Phase::set_up;
    constexpr size_t bytes = size_t{4} << 30;
    void *memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        std::perror("model: address space");
        std::abort();
    }
    arena_ = reinterpret_cast<uintptr_t>(memory);
    arena_end_ = arena_ + bytes;
    if (scenario_.set_up != nullptr) scenario_.set_up();
    const uintptr_t arena = arena_;
    const uint64_t taken = taken_;
    for (;;) {
        const End end = run();
        shadow_.restore();
        arena_ = arena;
        taken_ = taken;
        outcome_.runs++;
        if (end == End::failed) {
            outcome_.broken = story();
            break;
        }
        if (end == End::again) {
            // An atomic turned out to be shared that had been taken for one thread's own.
            choices_.clear();
            visited_.clear();
            outcome_.executions = 0;
            outcome_.seen.clear();
            continue;
        }
        if (end == End::complete) outcome_.executions++;
        if (!next_choice()) {
            outcome_.held = true;
            break;
        }
        if (outcome_.runs >= most_runs) {
            outcome_.broken = "not all of it was explored: more than " + std::to_string(most_runs) + " runs";
            break;
        }
    }
    outcome_.states = visited_.size();
    munmap(memory, bytes);
    mutation_.end();
    core = nullptr;
    return outcome_;
}

// The next way at the last choice that has one.
bool Core::next_choice() {
    while (!choices_.empty()) {
        Choice &last = choices_.back();
        if (last.of_threads) {
            last.todo = static_cast<uint8_t>(last.todo & ~(1u << last.chosen));
            if (last.todo != 0) {
                last.asleep = static_cast<uint8_t>(last.asleep | 1u << last.chosen);
                last.chosen = static_cast<uint16_t>(__builtin_ctz(last.todo));
                return true;
            }
        } else if (++last.chosen < last.count) {
            return true;
        }
        choices_.pop_back();
    }
    return false;
}

unsigned Core::choose(unsigned count) {
    if (position_ == choices_.size()) {
        Choice fresh;
        fresh.count = static_cast<uint16_t>(count);
        choices_.push_back(fresh);
    }
    return choices_[position_++].chosen;
}

unsigned Core::choose_for(unsigned count) {
    const unsigned chosen = choose(count);
    machine_.note(current_, chosen);
    return chosen;
}

// Who goes on. False: all ways from here were tried, or lead where another order of the same steps led.
bool Core::pick(uint8_t *asleep, unsigned *thread) {
    if (position_ == choices_.size()) {
        uint8_t alive = 0;
        for (unsigned t = 0; t < max_threads; t++)
            if (threads_[t].alive) alive = static_cast<uint8_t>(alive | 1u << t);
        Choice fresh;
        fresh.of_threads = true;
        fresh.asleep = *asleep;
        fresh.todo = static_cast<uint8_t>(alive & ~*asleep);
        uint8_t *kept = nullptr;
        if (!visited_.insert(machine_.state(), *asleep, &kept)) {
            // Seen before: only what was asleep then and is awake now is left.
            fresh.todo = static_cast<uint8_t>(fresh.todo & *kept);
            *kept = static_cast<uint8_t>(*kept & *asleep);
        }
        if (fresh.todo == 0) return false;
        fresh.chosen = static_cast<uint16_t>(__builtin_ctz(fresh.todo));
        choices_.push_back(fresh);
    }
    const Choice &choice = choices_[position_++];
    *thread = choice.chosen;
    *asleep = 0;
    for (unsigned t = 0; t < max_threads; t++)
        if ((choice.asleep >> t & 1) != 0 && independent(threads_[t].next, threads_[*thread].next))
            *asleep = static_cast<uint8_t>(*asleep | 1u << t);
    return true;
}

Core::End Core::run() {
    position_ = 0;
    failed_ = again_ = abandoned_ = false;
    events_.clear();
    machine_.start(scenario_.spurious);
    phase_ = Phase::threads;
    for (Local &local : locals_) std::memset(local.kept.data() + local.size, 0, local.size * max_threads);
    bool left = true;
    for (unsigned t = 0; t < max_threads && left; t++) {
        threads_[t] = Thread{};
        if (scenario_.threads[t] == nullptr) continue;
        threads_[t].alive = true;
        run_thread(t, true);
        left = !failed_ && !again_ && !abandoned_;
    }
    uint8_t asleep = 0;
    while (left) {
        bool alive = false;
        for (const Thread &thread : threads_) alive = alive || thread.alive;
        if (!alive) break;
        unsigned chosen = 0;
        if (!pick(&asleep, &chosen)) return End::pruned;
        run_thread(chosen, false);
        left = !failed_ && !again_ && !abandoned_;
    }
    if (again_) return End::again;
    if (abandoned_) return End::pruned;
    if (left && scenario_.finish != nullptr) {
        phase_ = Phase::finish;
        current_ = max_threads;
        fibers_.start(max_threads, body);
    }
    return failed_ ? End::failed : End::complete;
}

void Core::run_thread(unsigned thread, bool starts) {
    current_ = thread;
    swap_locals(0, thread + 1);
    if (starts) {
        fibers_.start(thread, body);
    } else {
        fibers_.resume(thread);
    }
    swap_locals(thread + 1, 0);
}

void Core::swap_locals(unsigned out, unsigned in) {
    for (Local &local : locals_) {
        std::memcpy(local.kept.data() + out * local.size, local.variable, local.size);
        std::memcpy(local.variable, local.kept.data() + in * local.size, local.size);
    }
}

void Core::body() {
    Core &self = *core;
    if (self.phase_ == Phase::finish) {
        explored_code_runs = true;
        self.scenario_.finish();
        explored_code_runs = false;
    } else {
        Thread &thread = self.threads_[self.current_];
        explored_code_runs = true;
        self.scenario_.threads[self.current_]();
        while (thread.end != nullptr && self.scenario_.threads_end) {
            auto *end = thread.end;
            thread.end = nullptr;
            end(thread.end_with);
        }
        explored_code_runs = false;
        thread.alive = false;
    }
    self.leave();
}

// This fiber is not resumed: the next run starts it anew.
void Core::leave() {
    fibers_.yield();
    std::abort();
}

void Core::abandon() {
    abandoned_ = true;
    leave();
}

void Core::fail(const char *what, const void *place, const void *other) {
    if (phase_ == Phase::set_up) {
        std::fprintf(stderr, "model: %s in the set-up of %s\n", what, scenario_.name);
        std::abort();
    }
    failed_ = true;
    broken_ = what;
    broken_at_ = place;
    broken_with_ = other;
    leave();
}

// Whether other threads can tell when it is done. What one thread alone accesses needs no place in the order; that it
// is one thread alone is learnt, and the search begins anew where it was not so.
bool Core::is_visible(const Operation &operation) {
    Access &access = accesses_[operation.address];
    const bool before = (access.threads & (access.threads - 1)) != 0 && access.written;
    const bool known = access.threads != 0;
    access.threads = static_cast<uint8_t>(access.threads | 1u << current_);
    access.written = access.written || operation.writes();
    const bool now = (access.threads & (access.threads - 1)) != 0 && access.written;
    if (now && !before && known) again_ = true;
    return now || operation.is_seq_cst();
}

Step Core::atomic(const Operation &given) {
    const Operation operation = mutation_.apply(given);
    if (fibers_.on_a_stack(operation.address)) fail("an atomic on a stack cannot be explored", operation.place);
    const bool visible = is_visible(operation);
    if (again_) leave();
    Thread &thread = threads_[current_];
    thread.next = operation;
    if (visible) fibers_.yield();
    ThreadState &state = machine_.threads[current_];
    const auto access = operation.writes() ? model::Access::atomic_write : model::Access::atomic_read;
    if (const char *wrong =
            shadow_.access(current_, state.clock, operation.address, operation.size, access, operation.place))
        fail(wrong, operation.place, shadow_.other_place());
    const Step step = machine_.perform(current_, operation, [](unsigned count) { return core->choose(count); });
    events_.push_back({static_cast<uint8_t>(current_), operation, step});
    if (state.events > 2000) fail("a thread comes to no end", operation.place);
    return step;
}

void Core::plain(uintptr_t address, size_t size, bool writes, const void *place) {
    if (fibers_.on_a_stack(address)) return;
    for (const Local &local : locals_)
        if (address - reinterpret_cast<uintptr_t>(local.variable) < local.size) return;
    if (phase_ == Phase::finish) {
        if (shadow_.given_back(address, size)) fail("an access to memory that was given back", place);
        if (writes) shadow_.keep(address, size);
        return;
    }
    const auto access = writes ? model::Access::write : model::Access::read;
    if (const char *wrong = shadow_.access(current_, machine_.threads[current_].clock, address, size, access, place))
        fail(wrong, place, shadow_.other_place());
    if (writes) machine_.forget(address, address + size);
}

void *Core::take(size_t size, size_t alignment) {
    const uintptr_t at = (arena_ + alignment - 1) & ~(alignment - 1);
    if (at + size > arena_end_) return nullptr;
    arena_ = at + size;
    taken_ += size;
    return reinterpret_cast<void *>(at);
}

void Core::give_back(uintptr_t address, size_t size, const void *place) {
    taken_ -= size;
    if (phase_ == Phase::set_up) return;
    static const Clock all_known = [] {
        Clock clock;
        for (auto &steps : clock.steps) steps = UINT16_MAX;
        return clock;
    }();
    const bool ended = phase_ == Phase::finish;
    const Clock &clock = ended ? all_known : machine_.threads[current_].clock;
    if (const char *wrong = shadow_.give_back(ended ? 0 : current_, clock, address, size, place))
        fail(wrong, place, shadow_.other_place());
    machine_.forget(address, address + size);
}

void Core::each_thread_has(void *variable, size_t size) {
    Local local;
    local.variable = static_cast<unsigned char *>(variable);
    local.size = size;
    local.kept.resize(size * (max_threads + 1));
    locals_.push_back(local);
}

void Core::at_thread_end(void (*end)(void *), void *with) {
    if (phase_ != Phase::threads) return;
    threads_[current_].end = with == nullptr ? nullptr : end;
    threads_[current_].end_with = with;
}

Outcome explore(const Scenario &scenario, uint64_t most_runs) {
    static Core *last = nullptr;  // large; its memory serves the next exploration
    delete last;
    last = new Core(scenario);
    return last->explore(most_runs);
}

void require(bool holds, const char *what) noexcept {
    if (holds || core == nullptr) return;
    const Inside inside;
    core->fail(what, __builtin_return_address(0));
}

unsigned choose(unsigned count) noexcept {
    const Inside inside;
    return core->choose_for(count);
}

uint64_t memory_in_use() noexcept { return core->taken(); }

void no_more_memory() noexcept { core->no_more_memory(); }

void note(uint64_t outcome) noexcept {
    const Inside inside;
    core->note_outcome(outcome);
}

void each_thread_has(void *variable, size_t size) noexcept { core->each_thread_has(variable, size); }
void at_thread_end(void (*end)(void *), void *with) noexcept { core->at_thread_end(end, with); }
unsigned this_thread() noexcept { return core->current(); }

}  // namespace model
