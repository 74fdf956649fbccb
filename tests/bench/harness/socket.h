// SPDX-License-Identifier: MIT
// Plain sockets for contenders that bring none, and for the programs that load a server.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <string>

#include "run.h"

namespace bench {

// Listens on loopback or on a socket file of the run's directory; address is what connect_to() takes.
int listen_on(const Run &run, std::string &address);
int accept_one(int listener);
int connect_to(const std::string &address);

// From another loopback address for every few thousand connections, so that ports do not run out.
int connect_to(const std::string &address, std::size_t index);

void set_nonblocking(int fd);
void set_nodelay(int fd);  // nothing on a Unix socket

// On blocking descriptors; a failure ends the program.
void send_all(int fd, const void *data, std::size_t size);
void receive_all(int fd, void *data, std::size_t size);

// The parts of "tcp://127.0.0.1:PORT" and "unix:///path".
unsigned short port_of(const std::string &address);
std::string path_of(const std::string &address);

}  // namespace bench
