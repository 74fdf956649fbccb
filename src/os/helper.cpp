// SPDX-License-Identifier: MIT
#include "os/helper.h"

#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <cerrno>
#include <ctime>
#include <new>

#include "os/os.h"
#include "os/process.h"

namespace zcnet::os {

namespace {

constexpr auto kinds = static_cast<uint32_t>(HelperFor::count);

// So long a helper waits for its next task before it ends. Reads of a file follow each other closely, names do not.
constexpr int64_t patience_ns[kinds] = {0, 50000000};

// A cold path, so a plain mutex.
struct Helper {
    uint64_t process = 0;
    int64_t patience = 0;
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t more;  // by the monotonic clock
    Task *first = nullptr;
    Task *last = nullptr;
    bool running = false;
};

constinit std::atomic<Helper *> present[kinds]{};

Helper *make_helper(uint32_t kind, uint64_t process) noexcept {
    auto *made = new (std::nothrow) Helper();
    if (made == nullptr) return nullptr;
    made->process = process;
    made->patience = patience_ns[kind];
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&made->more, &attributes);
    pthread_condattr_destroy(&attributes);
    return made;
}

// A child of fork has one of its own: its parent's may be locked, has no thread there, and its list is the parent's.
Helper *helper(uint32_t kind) noexcept {
    // acquire and release: the helper is complete for whoever finds it.
    Helper *found = present[kind].load(std::memory_order_acquire);
    const uint64_t process = process_number();
    if (found != nullptr && found->process == process) return found;
    Helper *made = make_helper(kind, process);
    if (made == nullptr) return nullptr;
    if (present[kind].compare_exchange_strong(found, made, std::memory_order_acq_rel, std::memory_order_acquire))
        return made;
    pthread_cond_destroy(&made->more);
    delete made;
    return found;
}

Task *next_task(Helper *mine) noexcept {
    pthread_mutex_lock(&mine->mutex);
    if (mine->first == nullptr && mine->patience != 0) {
        const int64_t until = now() + mine->patience;
        const timespec by{static_cast<time_t>(until / 1000000000), static_cast<long>(until % 1000000000)};
        while (mine->first == nullptr && pthread_cond_timedwait(&mine->more, &mine->mutex, &by) == 0) {
        }
    }
    Task *task = mine->first;
    if (task == nullptr) {
        mine->running = false;
    } else {
        mine->first = task->next_task;
        if (mine->first == nullptr) mine->last = nullptr;
    }
    pthread_mutex_unlock(&mine->mutex);
    return task;
}

void *run(void *context) noexcept {
    while (Task *task = next_task(static_cast<Helper *>(context))) task->run(task);
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

int start_task(HelperFor kind, Task *task) noexcept {
    Helper *const mine = helper(static_cast<uint32_t>(kind));
    if (mine == nullptr) return -ENOMEM;
    task->next_task = nullptr;
    pthread_mutex_lock(&mine->mutex);
    if (!mine->running) {
        mine->running = start_thread(mine);
        if (!mine->running) {
            pthread_mutex_unlock(&mine->mutex);
            return -EAGAIN;
        }
    }
    if (mine->last == nullptr) {
        mine->first = task;
    } else {
        mine->last->next_task = task;
    }
    mine->last = task;
    pthread_cond_signal(&mine->more);
    pthread_mutex_unlock(&mine->mutex);
    return 0;
}

}  // namespace zcnet::os
