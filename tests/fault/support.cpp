// SPDX-License-Identifier: MIT
#include "support.h"

#include <dirent.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

namespace fault_test {

void fill_pattern(void *data, uint64_t size, uint64_t which) {
    auto *bytes = static_cast<uint8_t *>(data);
    const uint64_t salt = which * 0x9E3779B97F4A7C15U;
    for (uint64_t i = 0; i < size; i++)
        bytes[i] = static_cast<uint8_t>((i * 131 + (i >> 8) * 29 + (salt >> 40)) & 0xFF);
}

bool is_pattern(const void *data, uint64_t size, uint64_t which) {
    const auto *bytes = static_cast<const uint8_t *>(data);
    const uint64_t salt = which * 0x9E3779B97F4A7C15U;
    for (uint64_t i = 0; i < size; i++)
        if (bytes[i] != static_cast<uint8_t>((i * 131 + (i >> 8) * 29 + (salt >> 40)) & 0xFF)) return false;
    return true;
}

int open_descriptors() {
    DIR *directory = ::opendir("/proc/self/fd");
    if (directory == nullptr) return -1;
    int count = 0;
    while (::readdir(directory) != nullptr) count++;
    ::closedir(directory);
    return count - 3;  // the two dots and the directory's own
}

uint64_t number_from_environment(const char *name, uint64_t otherwise) {
    const char *text = std::getenv(name);
    return text != nullptr && *text != '\0' ? std::strtoull(text, nullptr, 10) : otherwise;
}

int64_t real_now() {
    timespec time{};
    ::clock_gettime(CLOCK_MONOTONIC, &time);
    return int64_t{time.tv_sec} * 1000000000 + time.tv_nsec;
}

bool make_pair(int fds[2]) { return ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0; }

Holdings holdings_now() { return {open_descriptors(), live_allocations()}; }

void expect_same(Verdict *verdict, const Holdings &before) {
    Holdings now = holdings_now();
    // A helper thread that has told the loop of its work may be the last who holds the loop.
    const int64_t deadline = real_now() + int64_t{20} * 1000000000;
    while ((now.descriptors != before.descriptors || now.allocations != before.allocations) && real_now() < deadline) {
        ::usleep(1000);
        now = holdings_now();
    }
    if (now.descriptors != before.descriptors)
        note(verdict, "%d descriptors were open before, %d are after", before.descriptors, now.descriptors);
    if (now.allocations != before.allocations)
        note(verdict, "%llu allocations were alive before, %llu are after",
             static_cast<unsigned long long>(before.allocations), static_cast<unsigned long long>(now.allocations));
}

void expect_pool_unused(Verdict *verdict, zcn_pool *pool) {
    (void)zcn_pool_trim(pool, nullptr);
    zcn_pool_stats stats{};
    stats.struct_size = sizeof stats;
    if (zcn_pool_get_stats(pool, &stats) != ZCN_OK) note(verdict, "the pool has no statistics");
    if (stats.in_use_bytes != 0 || stats.region_bytes != 0)
        note(verdict, "%llu bytes of the pool are still in use, %llu of them of regions",
             static_cast<unsigned long long>(stats.in_use_bytes), static_cast<unsigned long long>(stats.region_bytes));
}

void foreign_release(void *context, const void *, uint64_t) { ++*static_cast<uint32_t *>(context); }

void *foreign_next(Foreign *foreign) {
    return foreign->used == Foreign::most ? nullptr : &foreign->released[foreign->used];
}

void foreign_taken(Foreign *foreign, void *context) {
    foreign->taken[static_cast<uint32_t *>(context) - foreign->released] = 1;
    foreign->used++;
}

void expect_foreign_released(Verdict *verdict, const Foreign &foreign) {
    for (uint32_t i = 0; i < Foreign::most; i++)
        if (foreign.released[i] != foreign.taken[i])
            note(verdict, "foreign segment %u was taken %u times and released %u times", i, foreign.taken[i],
                 foreign.released[i]);
}

void tokens_ended(Verdict *verdict, Tokens *tokens, const zcn_event *event) {
    for (uint64_t i = 0; i < event->size; i++) {
        const uint64_t token = event->token + i;
        if (token >= tokens->used) {
            note(verdict, "a unit with token %llu ended, which was never given",
                 static_cast<unsigned long long>(token));
            return;
        }
        tokens->ended[token]++;
    }
}

void expect_tokens_ended(Verdict *verdict, const Tokens &tokens) {
    for (uint32_t i = 0; i < tokens.used; i++)
        if (tokens.ended[i] != tokens.accepted[i])
            note(verdict, "token %u was accepted %u times and ended %u times", i, tokens.accepted[i], tokens.ended[i]);
}

}  // namespace fault_test
