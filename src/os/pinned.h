// SPDX-License-Identifier: MIT
// The words of the socket interface for writes without a copy.
#pragma once

// clang-format off
#include <ctime>  // which errqueue.h needs and leaves out
#include <linux/errqueue.h>
// clang-format on
#include <netinet/in.h>
#include <sys/socket.h>

#include "os/os.h"

namespace zcnet::os {

inline int send_flags(uint32_t how) noexcept {
    return MSG_NOSIGNAL | ((how & send_more) != 0 ? MSG_MORE : 0) | ((how & send_pinned) != 0 ? MSG_ZEROCOPY : 0);
}

// False: the message from the error queue is about something else.
inline bool read_pinned_done(msghdr &header, PinnedDone *done) noexcept {
    for (cmsghdr *part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
        const bool ip = part->cmsg_level == SOL_IP && part->cmsg_type == IP_RECVERR;
        const bool ip6 = part->cmsg_level == SOL_IPV6 && part->cmsg_type == IPV6_RECVERR;
        if (!ip && !ip6) continue;
        const auto &error = *reinterpret_cast<const sock_extended_err *>(CMSG_DATA(part));
        if (error.ee_errno != 0 || error.ee_origin != SO_EE_ORIGIN_ZEROCOPY) continue;
        *done = {error.ee_info, error.ee_data, (error.ee_code & SO_EE_CODE_ZEROCOPY_COPIED) != 0};
        return true;
    }
    return false;
}

inline int receive_pinned_done(int fd, PinnedDone *done) noexcept {
    alignas(cmsghdr) char control[128];
    msghdr header{};
    header.msg_control = control;
    header.msg_controllen = sizeof control;
    if (::recvmsg(fd, &header, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) return -errno;
    return read_pinned_done(header, done) ? 0 : -ENOMSG;
}

}  // namespace zcnet::os
