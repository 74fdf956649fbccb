// SPDX-License-Identifier: MIT
// What went wrong with an object: a status, errno and a sentence, without an allocation.
#pragma once

#include <cstdarg>
#include <cstdio>

#include "base/options.h"

namespace zcnet {

struct Error {
    Status status = ZCN_OK;
    int32_t sys_errno = 0;
    char text[240] = {};

    __attribute__((format(printf, 4, 5))) Status set(Status why, int32_t number, const char *format, ...) noexcept {
        status = why;
        sys_errno = number;
        va_list arguments;
        va_start(arguments, format);
        std::vsnprintf(text, sizeof text, format, arguments);
        va_end(arguments);
        return why;
    }

    // Copies itself to the caller's struct. NULL is allowed: the caller does not want to know.
    Status copy_to(zcn_error *out) const noexcept {
        if (out == nullptr) return ZCN_OK;
        zcn_error answer{};
        answer.status = status;
        answer.sys_errno = sys_errno;
        // What an older caller's struct cuts off, the text's end included, is cut here: it stays terminated.
        constexpr uint64_t before = offsetof(zcn_error, text);
        const uint64_t size = std::min<uint64_t>(out->struct_size, sizeof answer);
        const uint64_t room = size > before ? size - before : 0;
        if (room != 0) std::memcpy(answer.text, text, room - 1);
        return write_answer(out, answer);
    }
};

}  // namespace zcnet
