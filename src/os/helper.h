// SPDX-License-Identifier: MIT
// Helper threads of the process, for calls that may wait long: each does one kind of task, one after the other, and is
// there only while there are some.
#pragma once

#include <cstdint>

namespace zcnet::os {

// A list of its own for each, so that a name server that does not answer keeps no file waiting.
enum class HelperFor : uint32_t { names, files, count };

// The owner keeps a task alive until run() has been called, on the helper's thread.
struct Task {
    void (*run)(Task *task) noexcept = nullptr;
    Task *next_task = nullptr;
};

// 0; -ENOMEM, or -EAGAIN when no thread can be started: then the task was not taken.
int start_task(HelperFor kind, Task *task) noexcept;

}  // namespace zcnet::os
