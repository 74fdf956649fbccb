// SPDX-License-Identifier: MIT
#include "memory/births.h"

#include <mutex>
#include <new>

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

namespace {

// What stands in a bucket, in memory of its own. nullptr: nothing, or *failed.
Birth *copy_bucket(const Node *const *bucket, size_t *count, bool *failed) noexcept {
    const std::lock_guard guard(lock);
    *count = 0;
    for (const Node *node = *bucket; node != nullptr; node = node->next) ++*count;
    if (*count == 0) return nullptr;
    auto *copy = static_cast<Birth *>(os::allocate(*count * sizeof(Birth)));
    *failed = copy == nullptr;
    if (*failed) return nullptr;
    size_t at = 0;
    for (const Node *node = *bucket; node != nullptr; node = node->next) new (&copy[at++]) Birth(node->birth);
    return copy;
}

}  // namespace

bool visit_births(void (*visit)(void *context, const Birth &birth), void *context) noexcept {
    bool complete = true;
    for (const Node *const &bucket : table) {
        size_t count = 0;
        bool failed = false;
        Birth *births = copy_bucket(&bucket, &count, &failed);
        complete = complete && !failed;
        for (size_t i = 0; births != nullptr && i < count; i++) visit(context, births[i]);
        os::deallocate(births);
    }
    return complete;
}

}  // namespace zcnet::memory
