/* SPDX-License-Identifier: MIT */
/* A zcnet loop inside Boost.Asio: its descriptor is waited for as a stream_descriptor, which gives it back at the end,
   and its deadline by a timer.
   Usage: boost_asio ROUNDS MESSAGES_PER_POLL */
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>

#include "guest.h"

namespace {

class Host {
  public:
    void run() {
        descriptor_.assign(zcn_loop_fd(guest_loop()));
        wait();
        context_.run();
        descriptor_.release();  // the loop closes it
    }

  private:
    // Each wait is armed anew, so that a descriptor that is readable still calls again.
    void wait() {
        descriptor_.async_wait(descriptor_.wait_read, [this](const boost::system::error_code &error) {
            if (!error) turn();
        });
        watch_deadline();
    }

    void watch_deadline() {
        std::int64_t ns = 0;
        if (zcn_loop_next_deadline(guest_loop(), &ns) != ZCN_OK || ns == INT64_MAX) {
            deadline_.cancel();
            return;
        }
        deadline_.expires_after(std::chrono::nanoseconds(ns));
        deadline_.async_wait([this](const boost::system::error_code &error) {
            if (!error) descriptor_.cancel(), turn();  // the wait for the descriptor is begun again
        });
    }

    void turn() {
        int more;
        if (guest_turn(&more) != 0) {
            wait();
        } else {
            context_.stop();
        }
    }

    boost::asio::io_context context_;
    boost::asio::posix::stream_descriptor descriptor_{context_};
    boost::asio::steady_timer deadline_{context_};
};

}  // namespace

int main(int argc, char **argv) {
    guest_start(argc, argv);
    Host().run();
    return guest_end();
}
