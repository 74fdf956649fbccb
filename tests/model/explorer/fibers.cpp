// SPDX-License-Identifier: MIT
#include "fibers.h"

#include <sys/mman.h>
#include <ucontext.h>

#include <cstdio>
#include <cstdlib>

namespace model {

namespace {
Fibers *starting = nullptr;
}

Fibers::Fibers(unsigned count) : bytes_(count * stack_size) {
    void *memory = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        std::perror("model: stacks");
        std::abort();
    }
    stacks_ = static_cast<unsigned char *>(memory);
}

Fibers::~Fibers() { munmap(stacks_, bytes_); }

// A context is made once for each fiber; all later changes are jumps, which leave the signal mask alone. A start is a
// jump to the foot of the stack, whatever lies above it.
void Fibers::start(unsigned index, void (*body)()) {
    running_ = index;
    body_ = body;
    if (_setjmp(home_) != 0) return;
    if (made_[index]) _longjmp(feet_[index], 1);
    made_[index] = true;
    starting = this;
    ucontext_t context;
    getcontext(&context);
    context.uc_stack.ss_sp = stacks_ + index * stack_size;
    context.uc_stack.ss_size = stack_size;
    context.uc_link = nullptr;
    makecontext(&context, foot, 0);
    setcontext(&context);
    std::abort();
}

void Fibers::foot() {
    Fibers *self = starting;
    (void)_setjmp(self->feet_[self->running_]);
    self->body_();
    std::abort();
}

void Fibers::resume(unsigned index) {
    running_ = index;
    if (_setjmp(home_) == 0) _longjmp(fibers_[index], 1);
}

void Fibers::yield() {
    if (_setjmp(fibers_[running_]) == 0) _longjmp(home_, 1);
}

}  // namespace model
