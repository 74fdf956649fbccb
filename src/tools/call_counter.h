// SPDX-License-Identifier: MIT
// Counts the system calls that a child process makes between two marks.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>

namespace tool {

// In the child: has the parent trace it from here on, where the system allows it.
void be_traced();
// In the child: the counting begins with the first mark, and ends with the second.
void mark_calls();

// In the parent: runs the child to its end. Nothing, when it cannot be traced or made no two marks; *exit_status is
// that of waitpid() all the same.
std::optional<uint64_t> count_calls(pid_t child, int *exit_status);

}  // namespace tool
