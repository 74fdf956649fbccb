// SPDX-License-Identifier: MIT
#include "call_counter.h"

#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace tool {
namespace {

// A call that nothing else here makes.
constexpr uint64_t mark = SYS_getppid;

// The number of the call that a stopped thread is entering; nothing when it is on its way out.
std::optional<uint64_t> entered_call(pid_t thread) {
    __ptrace_syscall_info info{};
    const auto size = reinterpret_cast<void *>(sizeof info);
    if (ptrace(PTRACE_GET_SYSCALL_INFO, thread, size, &info) <= 0) return {};
    if (info.op != PTRACE_SYSCALL_INFO_ENTRY) return {};
    return info.entry.nr;
}

}  // namespace

void be_traced() {
    // In a group of its own, so that the parent can wait for all of its threads and for nobody else.
    if (setpgid(0, 0) == 0 && ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == 0) raise(SIGSTOP);
}

void mark_calls() { syscall(static_cast<long>(mark)); }

std::optional<uint64_t> count_calls(pid_t child, int *exit_status) {
    *exit_status = 0;
    if (waitpid(child, exit_status, 0) != child || !WIFSTOPPED(*exit_status)) return {};
    const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL;
    const bool traced = ptrace(PTRACE_SETOPTIONS, child, nullptr, options) == 0;
    ptrace(traced ? PTRACE_SYSCALL : PTRACE_DETACH, child, nullptr, nullptr);
    uint64_t count = 0;
    uint64_t marks = 0;
    for (;;) {
        int status = 0;
        const pid_t thread = waitpid(-child, &status, __WALL);
        if (thread < 0) {
            if (errno == EINTR) continue;
            return {};
        }
        if (!WIFSTOPPED(status)) {
            if (thread != child) continue;
            *exit_status = status;
            break;
        }
        long pass_on = 0;
        if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
            if (const std::optional<uint64_t> number = entered_call(thread)) {
                if (*number == mark)
                    marks++;
                else if (marks == 1)
                    count++;
            }
        } else if (WSTOPSIG(status) != SIGTRAP && WSTOPSIG(status) != SIGSTOP) {
            pass_on = WSTOPSIG(status);
        }
        ptrace(PTRACE_SYSCALL, thread, nullptr, pass_on);
    }
    if (!traced || marks != 2) return {};
    return count;
}

}  // namespace tool
