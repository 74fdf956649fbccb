// SPDX-License-Identifier: MIT
#include "memory/births.h"

#include <mutex>

#include "os/os.h"

namespace zcnet::memory {

namespace {

struct Node {
    Birth birth;
    Node *next = nullptr;
};

constexpr uint32_t buckets = 4096;

constinit std::mutex lock;
constinit Node *table[buckets] = {};

Node **bucket_of(uintptr_t key) noexcept { return &table[(uint64_t{key} * 0x9E3779B97F4A7C15u) >> 52 & (buckets - 1)]; }

Node *find(uintptr_t key) noexcept {
    for (Node *node = *bucket_of(key); node != nullptr; node = node->next)
        if (node->birth.key == key) return node;
    return nullptr;
}

}  // namespace

void note_birth(const Birth &birth) noexcept {
    const std::lock_guard guard(lock);
    if (Node *known = find(birth.key)) {
        known->birth = birth;
        return;
    }
    auto *node = static_cast<Node *>(os::allocate(sizeof(Node)));
    if (node == nullptr) return;
    Node **bucket = bucket_of(birth.key);
    *node = {birth, *bucket};
    *bucket = node;
}

void forget_birth(uintptr_t key) noexcept {
    const std::lock_guard guard(lock);
    for (Node **link = bucket_of(key); *link != nullptr; link = &(*link)->next) {
        if ((*link)->birth.key != key) continue;
        Node *node = *link;
        *link = node->next;
        os::deallocate(node);
        return;
    }
}

bool find_birth(uintptr_t key, Birth *out) noexcept {
    const std::lock_guard guard(lock);
    const Node *node = find(key);
    if (node != nullptr) *out = node->birth;
    return node != nullptr;
}

void visit_births(void (*visit)(void *context, const Birth &birth), void *context) noexcept {
    const std::lock_guard guard(lock);
    for (const Node *bucket : table)
        for (const Node *node = bucket; node != nullptr; node = node->next) visit(context, node->birth);
}

}  // namespace zcnet::memory
