// SPDX-License-Identifier: MIT
// The verbs. Each takes the words behind its name and gives the exit status; UsageError and Failure are main's.
#pragma once

namespace tool {

int run_recv(int count, char **words);
int run_send(int count, char **words);
int run_echo(int count, char **words);
int run_ping(int count, char **words);
int run_relay(int count, char **words);
int run_serve(int count, char **words);
int run_files(int count, char **words);
int run_stat(int count, char **words);
int run_framing(int count, char **words);

}  // namespace tool
