// SPDX-License-Identifier: MIT
#include "net/resolver.h"

#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <new>

#include "os/process.h"

namespace zcnet::net {

namespace {

// A cold path, so a plain mutex. The thread ends when the list is empty, and is started anew for the next name.
struct Helper {
    uint64_t process = 0;
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    Lookup *first = nullptr;
    Lookup *last = nullptr;
    bool running = false;
};

constinit std::atomic<Helper *> present{nullptr};

// A child of fork has one of its own: its parent's may be locked, has no thread there, and its list is the parent's.
Helper *helper() noexcept {
    // acquire and release: the helper is complete for whoever finds it.
    Helper *found = present.load(std::memory_order_acquire);
    const uint64_t process = os::process_number();
    if (found != nullptr && found->process == process) return found;
    auto *made = new (std::nothrow) Helper();
    if (made == nullptr) return nullptr;
    made->process = process;
    if (present.compare_exchange_strong(found, made, std::memory_order_acq_rel, std::memory_order_acquire)) return made;
    delete made;
    return found;
}

Lookup *next_lookup(Helper *mine) noexcept {
    pthread_mutex_lock(&mine->mutex);
    Lookup *lookup = mine->first;
    if (lookup == nullptr) {
        mine->running = false;
    } else {
        mine->first = lookup->next;
        if (mine->first == nullptr) mine->last = nullptr;
    }
    pthread_mutex_unlock(&mine->mutex);
    return lookup;
}

void *run(void *context) noexcept {
    while (Lookup *lookup = next_lookup(static_cast<Helper *>(context))) {
        lookup->status = resolve(lookup->host, lookup->port, false, lookup->endpoints, &lookup->count, &lookup->error);
        lookup->done(lookup);
    }
    return nullptr;
}

bool start_thread(Helper *mine) noexcept {
    // The program's signals are for its own threads.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_t thread;
    const bool started = pthread_create(&thread, &attributes, run, mine) == 0;
    pthread_attr_destroy(&attributes);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return started;
}

}  // namespace

Status start_lookup(Lookup *lookup) noexcept {
    Helper *const mine = helper();
    if (mine == nullptr) return ZCN_ENOMEM;
    lookup->next = nullptr;
    pthread_mutex_lock(&mine->mutex);
    if (!mine->running) {
        mine->running = start_thread(mine);
        if (!mine->running) {
            pthread_mutex_unlock(&mine->mutex);
            return ZCN_ESYS;
        }
    }
    if (mine->last == nullptr) {
        mine->first = lookup;
    } else {
        mine->last->next = lookup;
    }
    mine->last = lookup;
    pthread_mutex_unlock(&mine->mutex);
    return ZCN_OK;
}

}  // namespace zcnet::net
