// SPDX-License-Identifier: MIT
#include "net/listener.h"

#include <netinet/in.h>

#include <cerrno>
#include <cstring>
#include <new>

#include "base/probe.h"
#include "memory/births.h"
#include "net/loop.h"
#include "net/stat_page.h"
#include "os/os.h"
#include "os/process.h"

using zcnet::Error;
using zcnet::Status;
using zcnet::net::Address;
using zcnet::net::Endpoint;
using zcnet::net::Settings;
using zcnet::net::Transport;

namespace {

constexpr uint32_t default_backlog = 1024;
constexpr uint32_t default_accepts = 64;
constexpr uint32_t first_back_off_ms = 10;
constexpr uint32_t longest_back_off_ms = 1000;

// Somebody is bound to the path of a socket file. A datagram socket asks: it is refused by another type of socket
// without that one noticing.
bool is_served(const Endpoint &endpoint) noexcept {
    const int fd = zcnet::os::make_probe();
    if (fd < 0) return true;
    const int result =
        zcnet::os::uninterrupted([&] { return zcnet::os::connect(fd, &endpoint.address.any, endpoint.size); });
    (void)zcnet::os::close(fd);
    return result != -ECONNREFUSED;
}

}  // namespace

zcn_listener::~zcn_listener() {
    if (framing_ != nullptr) framing_->release();
    if (settings_ != nullptr) settings_->release();
}

void zcn_listener::release() noexcept {
    // acq_rel: every holder's use happens before the end.
    if (references_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    zcnet::memory::note_death(this);
    zcn_loop *loop = loop_;
    delete this;
    loop->unhold();
}

bool zcn_listener::in_process() const noexcept { return zcnet::os::in_process(loop_->process()); }

Status zcn_listener::create(zcn_listener **out, zcn_loop *loop, const char *text, const zcn_framing *framing,
                            const zcn_listen_options &options, Error *error) noexcept {
    if (options.reuse_port > 1 || options.v6_only > 1 || options.keep_path > 1 || options.reserved != 0 ||
        options.unix_mode > 07777 || options.backlog > INT32_MAX)
        return error->set(ZCN_EINVAL, 0, "an option of the listener is out of range");
    Settings *settings = nullptr;
    if (const Status status = zcnet::net::make_settings(&settings, options.conn, error); status != ZCN_OK)
        return status;
    if (framing != nullptr && !loop->pool()->reserve_for(settings->largest_in_memory(framing->rule))) {
        settings->release();
        return error->set(ZCN_ENOBUFS, 0, "the pool's limit is too small for the framing's max");
    }
    auto *listener = new (std::nothrow) zcn_listener();
    if (listener == nullptr) {
        settings->release();
        return error->set(ZCN_ENOMEM, 0, "no memory");
    }
    loop->hold();
    listener->loop_ = loop;
    listener->settings_ = settings;
    if (framing != nullptr) framing->retain();
    listener->framing_ = framing;
    listener->shows_page_ = framing == nullptr;
    listener->user_ = options.user;
    listener->max_connections_ = options.max_connections;
    listener->accepts_per_poll_ = options.accepts_per_poll != 0 ? options.accepts_per_poll : default_accepts;
    Status status = listener->bind_address(text, options, error);
    if (status == ZCN_OK) {
        const int watched = zcnet::os::poller_set(loop->poller(), EPOLL_CTL_ADD, listener->fd_, EPOLLIN | EPOLLET,
                                                  reinterpret_cast<uintptr_t>(listener) | zcnet::net::token_listener);
        if (watched < 0)
            status =
                error->set(ZCN_ESYS, -watched, "the socket cannot be watched: %s", zcnet::net::why(ZCN_ESYS, -watched));
    }
    if (status != ZCN_OK) {
        // A descriptor of the program's stays its own.
        if (listener->fd_ >= 0 && !listener->adopted_) (void)zcnet::os::close(listener->fd_);
        listener->release();
        return status;
    }
    listener->spare_ = zcnet::os::open_spare();
    listener->open_ = true;
    listener->retain();  // the loop's
    loop->add(listener);
    loop->accept_later(listener);
    *out = listener;
    return ZCN_OK;
}

Status zcn_listener::bind_address(const char *text, const zcn_listen_options &options, Error *error) noexcept {
    Address address;
    if (const Status status = zcnet::net::parse_address(text, true, &address, error); status != ZCN_OK) return status;
    is_tcp_ = address.transport == Transport::tcp;
    if (shows_page_ && address.transport != Transport::unix_path && address.transport != Transport::unix_abstract)
        return error->set(ZCN_EADDRESS, 0, "'%s' is no Unix socket: counters are shown on this machine alone", text);
    if (address.transport == Transport::descriptor) {
        int listening = 0;
        socklen_t size = sizeof listening;
        const int result = zcnet::os::get_option(address.fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size);
        if (result < 0 || listening == 0)
            return error->set(result < 0 ? ZCN_ESYS : ZCN_EUNSUPPORTED, -result,
                              "descriptor %d is not a listening socket", address.fd);
        if (const int set = zcnet::os::set_nonblocking(address.fd); set < 0)
            return error->set(ZCN_ESYS, -set, "descriptor %d cannot be made non-blocking", address.fd);
        Endpoint bound;
        socklen_t bound_size = sizeof bound.address;
        (void)zcnet::os::local_address(address.fd, &bound.address.any, &bound_size);
        is_tcp_ = bound.address.any.sa_family != AF_UNIX;
        fd_ = address.fd;
        adopted_ = true;
        return ZCN_OK;
    }
    if (!address.is_name) {
        Status status = bind_endpoint(address.endpoint, options, error);
        if (status != ZCN_OK && std::strcmp(address.host, "*") == 0 &&
            (error->sys_errno == EAFNOSUPPORT || error->sys_errno == EADDRNOTAVAIL)) {
            Endpoint any;
            any.address.v4.sin_family = AF_INET;
            any.address.v4.sin_port = address.endpoint.address.v6.sin6_port;
            any.size = sizeof(sockaddr_in);
            status = bind_endpoint(any, options, error);
        }
        if (status == ZCN_OK && address.transport == Transport::unix_path && options.keep_path == 0 &&
            zcnet::os::socket_file(address.endpoint.address.local.sun_path, &file_) == 0)
            std::memcpy(path_, address.endpoint.address.local.sun_path, sizeof path_);
        return status;
    }
    Endpoint found[zcnet::net::most_endpoints];
    uint32_t count = 0;
    Status status = zcnet::net::resolve(address.host, address.port, true, found, &count, error);
    if (status != ZCN_OK) return status;
    for (uint32_t i = 0; i < count; i++) {
        status = bind_endpoint(found[i], options, error);
        if (status == ZCN_OK) return status;
    }
    return status;
}

Status zcn_listener::bind_endpoint(const Endpoint &endpoint, const zcn_listen_options &options, Error *error) noexcept {
    const int family = endpoint.address.any.sa_family;
    const int fd = zcnet::os::make_socket(family);
    if (fd < 0) return error->set(ZCN_ESYS, -fd, "no socket can be made: %s", zcnet::net::why(ZCN_ESYS, -fd));
    const int one = 1;
    int result = 0;
    if (family != AF_UNIX) {
        result = zcnet::os::set_option(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
        if (result >= 0 && options.reuse_port != 0)
            result = zcnet::os::set_option(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
        if (result >= 0 && family == AF_INET6) {
            const int only = options.v6_only != 0;
            result = zcnet::os::set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only);
        }
    }
    // Accepted sockets inherit the buffer sizes, so that the first window is right.
    if (result >= 0) result = zcnet::net::apply_before_connect(fd, *settings_);
    if (result >= 0) {
        result = zcnet::os::bind(fd, &endpoint.address.any, endpoint.size);
        const char *path = endpoint.address.local.sun_path;
        zcnet::os::FileId stale;
        zcnet::os::FileId again;
        // Looked at once more behind the question, so that another server's fresh file is not taken for the stale one.
        if (result == -EADDRINUSE && family == AF_UNIX && path[0] != 0 && options.keep_path == 0 &&
            zcnet::os::socket_file(path, &stale) == 0 && !is_served(endpoint) &&
            zcnet::os::socket_file(path, &again) == 0 && again.device == stale.device && again.inode == stale.inode) {
            (void)zcnet::os::remove_path(path);
            result = zcnet::os::bind(fd, &endpoint.address.any, endpoint.size);
        }
        if (result >= 0 && family == AF_UNIX && path[0] != 0 && options.unix_mode != 0)
            result = zcnet::os::change_mode(path, options.unix_mode);
    }
    if (result >= 0)
        result = zcnet::os::listen(fd, static_cast<int>(options.backlog != 0 ? options.backlog : default_backlog));
    if (result < 0) {
        (void)zcnet::os::close(fd);
        char where[160];
        (void)zcnet::net::format_endpoint(endpoint, where, sizeof where);
        Status status = zcnet::net::status_of_errno(-result);
        if (status == ZCN_EREFUSED || status == ZCN_EUNREACHABLE) status = ZCN_ESYS;
        return error->set(status, -result, "%s cannot be listened on: %s (errno %d)", where,
                          zcnet::net::why(status, -result), -result);
    }
    fd_ = fd;
    return ZCN_OK;
}

Status zcn_listener::address(char *buffer, size_t capacity) const noexcept {
    if (fd_ < 0) return ZCN_ECLOSED;
    Endpoint endpoint;
    socklen_t size = sizeof endpoint.address;
    if (zcnet::os::local_address(fd_, &endpoint.address.any, &size) < 0) return ZCN_ECLOSED;
    endpoint.size = size;
    return zcnet::net::format_endpoint(endpoint, buffer, capacity) ? ZCN_OK : ZCN_ENOBUFS;
}

void zcn_listener::on_readiness() noexcept { loop_->accept_later(this); }

void zcn_listener::accept_some() noexcept {
    if (!open_ || place != 0) return;  // a timer is set: accepting pauses
    uint32_t failed = 0;
    int failure = 0;
    for (uint32_t i = 0; i < accepts_per_poll_; i++) {
        if (max_connections_ != 0 && connections_ >= max_connections_) {
            limited(ZCN_ENOBUFS, 0);
            return;
        }
        const int fd = zcnet::os::accept(fd_);
        if (fd >= 0) {
            limited_ = false;
            back_off_ms_ = 0;
            // Another thread may have been faster when it was given up.
            if (spare_ < 0) spare_ = zcnet::os::open_spare();
            take(fd);
            continue;
        }
        switch (-fd) {
            case EAGAIN:
#if EWOULDBLOCK != EAGAIN
            case EWOULDBLOCK:
#endif
                return;
            case EINTR:
                continue;
            case EMFILE:
            case ENFILE: {
                const int result = accept_with_spare();
                // Descriptors are missed before anybody looks whether there is a connection.
                if (result == -EAGAIN || result == -EWOULDBLOCK) return;
                if (result >= 0 && shows_page_) continue;
                limited(ZCN_ESYS, -fd);
                return;
            }
            case ENOBUFS:
            case ENOMEM:
                limited(ZCN_ESYS, -fd);
                return;
            default:
                // The peer went before it was accepted, or a firewall has its say: the next one may be fine.
                failed_++;
                failed++;
                failure = -fd;
                continue;
        }
    }
    // Nothing but failures: this one stays, and would be met again without end.
    if (failed == accepts_per_poll_) {
        limited(ZCN_ESYS, failure);
        return;
    }
    // More may wait: others have their turn first.
    loop_->accept_later(this);
}

// Gives up the spare descriptor for a moment, to take a connection off the queue, which would wake us again and again.
// Who came to read the page gets it, since that is when one looks; anybody else is sent away.
int zcn_listener::accept_with_spare() noexcept {
    if (spare_ < 0) return -EMFILE;
    (void)zcnet::os::close(spare_);
    const int fd = zcnet::os::accept(fd_);
    if (fd >= 0 && shows_page_) {
        take(fd);
    } else if (fd >= 0) {
        (void)zcnet::os::close(fd);
        dropped_++;
    }
    spare_ = zcnet::os::open_spare();
    return fd;
}

void zcn_listener::limited(Status why, int number) noexcept {
    if (!limited_) {
        limited_ = true;
        tell_limited_ = !shows_page_;  // the program knows no listener that its event could be of
        limited_status_ = why;
        limited_errno_ = number;
        ZCNET_PROBE(listener__limited, this, why);
        limits_++;
        loop_->counters().accept_limited++;
        loop_->accept_later(this);
    }
    if (why == ZCN_ENOBUFS) return;  // goes on when a connection ends
    back_off_ms_ = back_off_ms_ == 0 ? first_back_off_ms : std::min(back_off_ms_ * 2, longest_back_off_ms);
    const int64_t when = loop_->now() + int64_t{back_off_ms_} * 1000000;
    if (loop_->timers().set(this, when) != ZCN_OK) loop_->accept_later(this);
}

void zcn_listener::on_timer() noexcept { loop_->accept_later(this); }

void zcn_listener::connection_ended() noexcept {
    connections_--;
    if (open_ && max_connections_ != 0 && connections_ < max_connections_) {
        limited_ = false;
        loop_->accept_later(this);
    }
}

void zcn_listener::take(int fd) noexcept {
    if (shows_page_) {
        zcnet::net::show_page(loop_, fd);
        (void)zcnet::os::close(fd);
        accepted_++;
        return;
    }
    zcn_conn *conn = nullptr;
    if (zcnet::net::apply_socket_options(fd, is_tcp_, *settings_) < 0 ||
        zcn_conn::create(&conn, loop_, framing_, settings_) != ZCN_OK) {
        (void)zcnet::os::close(fd);
        failed_++;
        return;
    }
    if (conn->start_socket(fd, is_tcp_, ZCN_EVENT_ACCEPTED) != ZCN_OK) {
        (void)zcnet::os::close(fd);
        conn->release();
        failed_++;
        return;
    }
    conn->set_listener(this);
    retain();
    accepted_++;
    connections_++;
    loop_->counters().accepted++;
}

bool zcn_listener::tell_pending() noexcept {
    zcnet::net::Batch &batch = loop_->batch();
    if (tell_limited_) {
        if (batch.full()) return false;
        zcn_event *event = batch.push(ZCN_EVENT_ACCEPT_LIMITED, limited_status_, nullptr, user_);
        event->size = static_cast<uint64_t>(limited_errno_);
        tell_limited_ = false;
    }
    if (tell_closed_) {
        if (batch.full()) return false;
        batch.push(ZCN_EVENT_LISTENER_CLOSED, ZCN_OK, nullptr, user_);
        tell_closed_ = false;
        loop_->remove(this);
        release();
    }
    return true;
}

void zcn_listener::close() noexcept {
    if (!open_) return;
    open_ = false;
    loop_->timers().cancel(this);
    // A child of fork only closes its copies: the poller and the path are its parent's.
    const bool ours = in_process();
    if (ours) (void)zcnet::os::poller_set(loop_->poller(), EPOLL_CTL_DEL, fd_, 0, 0);
    (void)zcnet::os::close(fd_);
    if (spare_ >= 0) (void)zcnet::os::close(spare_);
    fd_ = spare_ = -1;
    // Another listener may have taken the path meanwhile.
    zcnet::os::FileId now;
    if (ours && path_[0] != 0 && zcnet::os::socket_file(path_, &now) == 0 && now.device == file_.device &&
        now.inode == file_.inode)
        (void)zcnet::os::remove_path(path_);
    tell_closed_ = true;
    loop_->accept_later(this);
}

void zcn_listener::end_silently() noexcept {
    close();
    tell_closed_ = false;
    loop_->remove(this);
    release();
}

void zcn_listener::read_stats(zcn_listener_stats *stats) const noexcept {
    stats->accepted = accepted_;
    stats->open = connections_;
    stats->limited = limits_;
    stats->dropped = dropped_;
    stats->failed = failed_;
}
