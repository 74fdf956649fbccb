// SPDX-License-Identifier: MIT
// What the compiler's thread instrumentation calls. The names and signatures are the compilers'.
#include <cstdint>
#include <cstring>

#include "core.h"

using model::core;
using model::Kind;
using model::Operation;
using model::Order;

namespace {

#define HERE __builtin_return_address(0)

// Only what the explored code does counts; the explorer itself is not instrumented.
void plain(const void *address, size_t size, bool writes, const void *place) {
    if (!model::explored_code_runs) return;
    const model::Inside inside;
    core->plain(reinterpret_cast<uintptr_t>(address), size, writes, place);
}

Order order_of(int order) {
    switch (order) {
        case __ATOMIC_RELAXED:
            return Order::relaxed;
        case __ATOMIC_CONSUME:
        case __ATOMIC_ACQUIRE:
            return Order::acquire;
        case __ATOMIC_RELEASE:
            return Order::release;
        case __ATOMIC_ACQ_REL:
            return Order::acq_rel;
        default:
            return Order::seq_cst;
    }
}

// Before and after the threads there is one: memory as it is, which has the last of all writes.
template <class T>
T alone(const Operation &operation, T *memory, bool *wrote) {
    const T old = *memory;
    const auto operand = static_cast<T>(operation.operand);
    *wrote =
        operation.kind != Kind::load && (operation.kind != Kind::compare || old == static_cast<T>(operation.expected));
    if (!*wrote) return old;
    plain(memory, sizeof(T), true, operation.place);
    switch (operation.kind) {
        case Kind::add:
            *memory = static_cast<T>(old + operand);
            break;
        case Kind::sub:
            *memory = static_cast<T>(old - operand);
            break;
        case Kind::bit_and:
            *memory = old & operand;
            break;
        case Kind::bit_or:
            *memory = old | operand;
            break;
        case Kind::bit_xor:
            *memory = old ^ operand;
            break;
        case Kind::bit_nand:
            *memory = static_cast<T>(~(old & operand));
            break;
        default:
            *memory = operand;
    }
    return old;
}

template <class T>
T perform(Kind kind, const volatile T *address, T operand, int order, const void *place, T expected = 0,
          int failure = __ATOMIC_RELAXED, bool weak = false, bool *succeeded = nullptr) {
    Operation operation;
    operation.kind = kind;
    operation.size = sizeof(T);
    operation.weak = weak;
    operation.order = order_of(order);
    operation.failure = order_of(failure);
    operation.address = reinterpret_cast<uintptr_t>(address);
    operation.operand = operand;
    operation.expected = expected;
    operation.place = place;
    bool wrote = false;
    T old = 0;
    if (model::explored_code_runs && core->phase() == model::Core::Phase::threads) {
        const model::Inside inside;
        const model::Step step = core->atomic(operation);
        old = static_cast<T>(step.value);
        wrote = step.wrote;
    } else {
        if (kind == Kind::load) plain(const_cast<T *>(address), sizeof(T), false, place);
        old = alone(operation, const_cast<T *>(address), &wrote);
    }
    if (succeeded != nullptr) *succeeded = wrote;
    return old;
}

}  // namespace

extern "C" {

void __tsan_init() {}
void __tsan_func_entry(void *) {}
void __tsan_func_exit() {}

#define ACCESS(size)                                                                       \
    void __tsan_read##size(void *address) { plain(address, size, false, HERE); }           \
    void __tsan_write##size(void *address) { plain(address, size, true, HERE); }           \
    void __tsan_unaligned_read##size(void *address) { plain(address, size, false, HERE); } \
    void __tsan_unaligned_write##size(void *address) { plain(address, size, true, HERE); } \
    void __tsan_read_write##size(void *address) { plain(address, size, true, HERE); }      \
    void __tsan_unaligned_read_write##size(void *address) { plain(address, size, true, HERE); }
ACCESS(1)
ACCESS(2)
ACCESS(4)
ACCESS(8)
ACCESS(16)

void __tsan_read_range(void *address, size_t size) { plain(address, size, false, HERE); }
void __tsan_write_range(void *address, size_t size) { plain(address, size, true, HERE); }
void __tsan_vptr_update(void **address, void *) { plain(address, sizeof(void *), true, HERE); }
void __tsan_vptr_read(void **address) { plain(address, sizeof(void *), false, HERE); }

// Block operations, in the place of the C library's: the linker sends the explored code here (--wrap). clang calls
// the names of the instrumentation instead.
void *__real_memcpy(void *to, const void *from, size_t size);
void *__real_memmove(void *to, const void *from, size_t size);
void *__real_memset(void *to, int value, size_t size);
void *__wrap_memcpy(void *to, const void *from, size_t size) {
    plain(from, size, false, HERE);
    plain(to, size, true, HERE);
    return __real_memcpy(to, from, size);
}
void *__wrap_memmove(void *to, const void *from, size_t size) {
    plain(from, size, false, HERE);
    plain(to, size, true, HERE);
    return __real_memmove(to, from, size);
}
void *__wrap_memset(void *to, int value, size_t size) {
    plain(to, size, true, HERE);
    return __real_memset(to, value, size);
}

#define ATOMIC(bits)                                                                                                 \
    uint##bits##_t __tsan_atomic##bits##_load(const volatile uint##bits##_t *a, int order) {                         \
        return perform<uint##bits##_t>(Kind::load, a, 0, order, HERE);                                               \
    }                                                                                                                \
    void __tsan_atomic##bits##_store(volatile uint##bits##_t *a, uint##bits##_t value, int order) {                  \
        perform<uint##bits##_t>(Kind::store, a, value, order, HERE);                                                 \
    }                                                                                                                \
    MODIFY(bits, exchange, exchange)                                                                                 \
    MODIFY(bits, fetch_add, add)                                                                                     \
    MODIFY(bits, fetch_sub, sub)                                                                                     \
    MODIFY(bits, fetch_and, bit_and)                                                                                 \
    MODIFY(bits, fetch_or, bit_or)                                                                                   \
    MODIFY(bits, fetch_xor, bit_xor)                                                                                 \
    MODIFY(bits, fetch_nand, bit_nand)                                                                               \
    int __tsan_atomic##bits##_compare_exchange_strong(volatile uint##bits##_t *a, uint##bits##_t *expected,          \
                                                      uint##bits##_t value, int order, int failure) {                \
        bool done = false;                                                                                           \
        *expected = perform<uint##bits##_t>(Kind::compare, a, value, order, HERE, *expected, failure, false, &done); \
        return done;                                                                                                 \
    }                                                                                                                \
    int __tsan_atomic##bits##_compare_exchange_weak(volatile uint##bits##_t *a, uint##bits##_t *expected,            \
                                                    uint##bits##_t value, int order, int failure) {                  \
        bool done = false;                                                                                           \
        *expected = perform<uint##bits##_t>(Kind::compare, a, value, order, HERE, *expected, failure, true, &done);  \
        return done;                                                                                                 \
    }                                                                                                                \
    uint##bits##_t __tsan_atomic##bits##_compare_exchange_val(volatile uint##bits##_t *a, uint##bits##_t expected,   \
                                                              uint##bits##_t value, int order, int failure) {        \
        return perform<uint##bits##_t>(Kind::compare, a, value, order, HERE, expected, failure, false);              \
    }
#define MODIFY(bits, name, kind)                                                                                 \
    uint##bits##_t __tsan_atomic##bits##_##name(volatile uint##bits##_t *a, uint##bits##_t operand, int order) { \
        return perform<uint##bits##_t>(Kind::kind, a, operand, order, HERE);                                     \
    }
ATOMIC(8)
ATOMIC(16)
ATOMIC(32)
ATOMIC(64)

void __tsan_atomic_thread_fence(int) {
    const model::Inside inside;
    if (core != nullptr) core->fail("a fence that stands alone", HERE);
}
void __tsan_atomic_signal_fence(int) {}

}  // extern "C"
