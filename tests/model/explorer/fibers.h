// SPDX-License-Identifier: MIT
// Fibers: a stack each, and a jump from one to the other without a system call.
#pragma once

#include <csetjmp>
#include <cstddef>
#include <cstdint>

namespace model {

class Fibers {
  public:
    static constexpr unsigned most = 8;
    static constexpr size_t stack_size = 256 * 1024;

    explicit Fibers(unsigned count);
    ~Fibers();
    Fibers(const Fibers &) = delete;
    Fibers &operator=(const Fibers &) = delete;

    // Starts a fiber from the beginning, wherever an earlier run of it stopped, and runs it until it yields. `body`
    // must not return.
    void start(unsigned index, void (*body)());
    void resume(unsigned index);
    // From within a fiber: back to whoever resumed it.
    void yield();

    [[nodiscard]] bool on_a_stack(uintptr_t address) const {
        return address - reinterpret_cast<uintptr_t>(stacks_) < bytes_;
    }

  private:
    static void foot();

    unsigned char *stacks_ = nullptr;
    size_t bytes_ = 0;
    unsigned running_ = 0;
    jmp_buf home_;
    void (*body_)() = nullptr;
    bool made_[most] = {};
    jmp_buf feet_[most];
    jmp_buf fibers_[most];
};

}  // namespace model
