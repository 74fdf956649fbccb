// SPDX-License-Identifier: MIT
#include "net/resolver.h"

#include <pthread.h>
#include <signal.h>

namespace zcnet::net {

namespace {

// A cold path, so a plain mutex. The thread ends when the list is empty, and is started anew for the next name.
pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
Lookup *first = nullptr;
Lookup *last = nullptr;
bool running = false;

Lookup *next_lookup() noexcept {
    pthread_mutex_lock(&mutex);
    Lookup *lookup = first;
    if (lookup == nullptr) {
        running = false;
    } else {
        first = lookup->next;
        if (first == nullptr) last = nullptr;
    }
    pthread_mutex_unlock(&mutex);
    return lookup;
}

void *run(void *) noexcept {
    while (Lookup *lookup = next_lookup()) {
        lookup->status = resolve(lookup->host, lookup->port, false, lookup->endpoints, &lookup->count, &lookup->error);
        lookup->done(lookup);
    }
    return nullptr;
}

bool start_thread() noexcept {
    // The program's signals are for its own threads.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_t thread;
    const bool started = pthread_create(&thread, &attributes, run, nullptr) == 0;
    pthread_attr_destroy(&attributes);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return started;
}

}  // namespace

Status start_lookup(Lookup *lookup) noexcept {
    lookup->next = nullptr;
    pthread_mutex_lock(&mutex);
    if (!running) {
        // In a child of fork the parent's list is not ours; a helper that was running is not there.
        running = start_thread();
        if (!running) {
            pthread_mutex_unlock(&mutex);
            return ZCN_ESYS;
        }
    }
    if (last == nullptr) {
        first = lookup;
    } else {
        last->next = lookup;
    }
    last = lookup;
    pthread_mutex_unlock(&mutex);
    return ZCN_OK;
}

}  // namespace zcnet::net
