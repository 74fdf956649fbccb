// SPDX-License-Identifier: MIT
#include "machine.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace model {

namespace {

constexpr uint32_t initial_event = 0;

uint64_t mask(uint8_t size) { return size == 8 ? UINT64_MAX : (uint64_t{1} << (8 * size)) - 1; }

uint64_t read_memory(uintptr_t address, uint8_t size) {
    uint64_t value = 0;
    std::memcpy(&value, reinterpret_cast<const void *>(address), size);  // little or big end: both ways are alike
    if (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__) value >>= 8 * (8 - size);
    return value;
}

void write_memory(uintptr_t address, uint8_t size, uint64_t value) {
    if (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__) value <<= 8 * (8 - size);
    std::memcpy(reinterpret_cast<void *>(address), &value, size);
}

uint64_t combine(const Operation &operation, uint64_t old) {
    switch (operation.kind) {
        case Kind::add:
            return old + operation.operand;
        case Kind::sub:
            return old - operation.operand;
        case Kind::bit_and:
            return old & operation.operand;
        case Kind::bit_or:
            return old | operation.operand;
        case Kind::bit_xor:
            return old ^ operation.operand;
        case Kind::bit_nand:
            return ~(old & operation.operand);
        case Kind::load:
        case Kind::store:
        case Kind::exchange:
        case Kind::compare:
            break;
    }
    return operation.operand;
}

}  // namespace

void Machine::start(unsigned spurious) {
    for (auto &thread : threads) {
        thread = ThreadState{};
        thread.history = static_cast<uint64_t>(&thread - threads) + 1;
    }
    for (unsigned t = 0; t < max_threads; t++) threads[t].clock.steps[t] = 1;
    if (locations_.empty()) locations_.resize(max_locations);
    used_ = 0;
    sequential_ = View{};
    sequential_hash_ = 0;
    order_hash_ = 0;
    spurious_ = spurious;
}

int Machine::find(const Operation &operation) const {
    for (unsigned i = 0; i < used_; i++)
        if (locations_[i].address == operation.address) {
            if (locations_[i].size != operation.size) {
                std::fprintf(stderr, "model: one atomic is accessed with two sizes\n");
                std::abort();
            }
            return static_cast<int>(i);
        }
    return -1;
}

unsigned Machine::locate(const Operation &operation) {
    if (const int known = find(operation); known >= 0) return static_cast<unsigned>(known);
    if (used_ == max_locations) {
        std::fprintf(stderr, "model: more than %u atomics\n", max_locations);
        std::abort();
    }
    Location &location = locations_[used_];
    location.address = operation.address;
    location.size = operation.size;
    location.writes.clear();
    location.order.clear();
    Write first;
    first.value = read_memory(operation.address, operation.size);
    first.event = initial_event;
    location.writes.push_back(first);
    location.order.push_back(0);
    return used_++;
}

void Machine::forget(uintptr_t from, uintptr_t to) {
    // The place in the views stays taken: they may still name writes of it.
    for (unsigned i = 0; i < used_; i++)
        if (locations_[i].address < to && locations_[i].address + locations_[i].size > from) locations_[i].address = 0;
}

void Machine::join(View &into, const View &from) const {
    for (unsigned i = 0; i < used_; i++) {
        if (into.write[i] == from.write[i]) continue;
        const auto &writes = locations_[i].writes;
        if (writes[into.write[i]].place < writes[from.write[i]].place) into.write[i] = from.write[i];
    }
}

void Machine::insert(Location &location, unsigned place, Write &&write) {
    // The order as a set of neighbours, whose hash does not depend on who came first in time.
    const uint32_t before = location.writes[location.order[place - 1]].event;
    if (place < location.order.size()) {
        const uint32_t after = location.writes[location.order[place]].event;
        order_hash_ -= mix(after, before);
        order_hash_ += mix(after, write.event);
    }
    order_hash_ += mix(write.event, before);
    const bool last = place == location.order.size();
    if (last) write_memory(location.address, location.size, write.value);
    location.writes.push_back(static_cast<Write &&>(write));
    location.order.insert(location.order.begin() + place, static_cast<uint16_t>(location.writes.size() - 1));
    for (unsigned i = place; i < location.order.size(); i++)
        location.writes[location.order[i]].place = static_cast<uint16_t>(i);
}

Step Machine::perform(unsigned index, const Operation &operation, Choose choose) {
    ThreadState &thread = threads[index];
    // Where nothing was written yet there is nothing to choose, nor to remember.
    if (operation.kind == Kind::load && !operation.is_seq_cst() && find(operation) < 0) {
        Step step;
        step.event = (index + 1) << 16 | ++thread.events;
        step.from = initial_event;
        step.value = read_memory(operation.address, operation.size);
        thread.clock.steps[index]++;
        thread.history = mix(thread.history, mix(step.wrote, mix(step.from, step.value)));
        return step;
    }
    const unsigned at = locate(operation);
    Location &location = locations_[at];
    const uint64_t bits = mask(operation.size);
    if (operation.is_seq_cst()) join(thread.view, sequential_);

    const unsigned oldest = location.writes[thread.view.write[at]].place;
    const auto count = static_cast<unsigned>(location.order.size());
    Step step;
    step.event = (index + 1) << 16 | ++thread.events;
    Option options[256];
    unsigned available = 0;
    for (unsigned place = count; place-- > oldest;) {
        const uint16_t write = location.order[place];
        const bool taken = place + 1 < count && location.writes[location.order[place + 1]].follows;
        if (available + 2 > 256) std::abort();
        switch (operation.kind) {
            case Kind::load:
                options[available++] = {write, false};
                break;
            case Kind::store:  // the place behind this write
                if (!taken) options[available++] = {write, true};
                break;
            case Kind::compare:
                if (location.writes[write].value != (operation.expected & bits)) {
                    options[available++] = {write, false};
                } else {
                    if (!taken) options[available++] = {write, true};
                    if (operation.weak && spurious_ > 0) options[available++] = {write, false};
                }
                break;
            default:
                if (!taken) options[available++] = {write, true};
                break;
        }
    }
    const Option option = options[available == 1 ? 0 : choose(available)];
    const Write &seen = location.writes[option.write];
    const unsigned place = seen.place;
    step.value = seen.value;
    step.from = seen.event;
    step.wrote = option.succeeds;
    step.stale = place + 1 < count;
    if (operation.kind == Kind::compare && !option.succeeds && step.value == (operation.expected & bits)) spurious_--;

    const bool reads = operation.kind != Kind::store;
    const Order order = operation.kind == Kind::compare && !option.succeeds ? operation.failure : operation.order;
    if (reads) {
        thread.view.write[at] = option.write;
        if (acquires(order) && seen.carries) {
            join(thread.view, seen.view);
            thread.clock.join(seen.clock);
        }
    }
    if (option.succeeds) {
        Write write;
        write.value = combine(operation, step.value) & bits;
        write.event = step.event;
        write.follows = reads;
        step.written = write.value;
        thread.view.write[at] = static_cast<uint16_t>(location.writes.size());
        if (reads && seen.carries) {  // the release sequence goes on
            write.carries = true;
            write.view = seen.view;
            write.clock = seen.clock;
        }
        if (releases(order)) {
            write.carries = true;
            // The view of the write itself: known only when it stands in its place.
            View mine = thread.view;
            mine.write[at] = option.write;
            join(write.view, mine);
            write.clock.join(thread.clock);
        }
        const auto name = static_cast<uint16_t>(location.writes.size());
        insert(location, place + 1, static_cast<Write &&>(write));
        Write &made = location.writes[name];
        if (made.carries) made.view.write[at] = name;
    }
    if (operation.is_seq_cst()) {
        join(sequential_, thread.view);
        sequential_hash_ = mix(sequential_hash_, step.event);
        thread.history = mix(thread.history, sequential_hash_);
    }
    thread.clock.steps[index]++;
    // Where a store went is in the hash of the orders; what a thread has read is in its own.
    thread.history = mix(thread.history, mix(step.wrote, reads ? mix(step.from, step.value) : 0));
    return step;
}

void Machine::note(unsigned thread, uint64_t value) { threads[thread].history = mix(threads[thread].history, value); }

uint64_t Machine::state() const {
    uint64_t hash = order_hash_;
    for (const auto &thread : threads) hash = mix(hash, thread.history);
    return hash;
}

}  // namespace model
