// SPDX-License-Identifier: MIT
#include "pinned_writes.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "plan.h"

namespace zcnet::fault {

namespace {

constexpr uint32_t most_writes = 65536;
constexpr uint32_t most_words = 4096;

// One piece of a write: where its bytes lie, and what they were.
struct Piece {
    Piece *next;
    const void *data;
    size_t size;
    uint8_t copy[];
};

struct Word {
    os::PinnedDone done;
    int fd;
};

constinit bool scripted = false;
constinit Pinned seen = {};
constinit Piece *pieces_of[most_writes] = {};
constinit int socket_of[most_writes] = {};
constinit Word words[most_words] = {};
constinit uint32_t words_said = 0;
constinit uint32_t words_heard = 0;
constinit uint32_t words_shown = 0;  // to a poller

// The memory is the caller's again: it must not have changed before.
void let_go(uint64_t number) noexcept {
    bool same = true;
    while (Piece *piece = pieces_of[number]) {
        pieces_of[number] = piece->next;
        same = same && std::memcmp(piece->data, piece->copy, piece->size) == 0;
        std::free(piece);
    }
    seen.altered += same ? 0 : 1;
}

}  // namespace

void script_pinned() noexcept { scripted = true; }

void forget_pinned() noexcept {
    for (uint64_t number = 0; number < seen.writes; number++) {
        while (Piece *piece = pieces_of[number]) {
            pieces_of[number] = piece->next;
            std::free(piece);
        }
    }
    scripted = false;
    seen = {};
    words_said = words_heard = words_shown = 0;
}

Pinned script_pinned_seen() noexcept { return seen; }

void script_forget_largest() noexcept { seen.largest = 0; }

void script_pinned_done(uint32_t first, uint32_t last, bool copied) noexcept {
    if (words_said == most_words) std::abort();
    for (uint64_t number = first; number <= last && number < seen.writes; number++) let_go(number);
    const int fd = first < seen.writes ? socket_of[first] : socket_of[0];
    words[words_said++] = {{first, last, copied}, fd};
}

bool pinned_is_scripted() noexcept { return scripted; }

void note_pinned(int fd, const iovec *pieces, size_t size) noexcept {
    if (seen.writes == most_writes) std::abort();
    socket_of[seen.writes] = fd;
    seen.bytes += size;
    for (int i = 0; size != 0; i++) {
        const size_t part = pieces[i].iov_len < size ? pieces[i].iov_len : size;
        auto *piece = static_cast<Piece *>(std::malloc(sizeof(Piece) + part));
        if (piece == nullptr) std::abort();
        *piece = {pieces_of[seen.writes], pieces[i].iov_base, part};
        std::memcpy(piece->copy, piece->data, part);
        pieces_of[seen.writes] = piece;
        size -= part;
    }
    seen.writes++;
}

void note_copied_send(const iovec *pieces, int count) noexcept {
    for (int i = 0; i < count; i++) {
        if (pieces[i].iov_len > seen.largest) seen.largest = pieces[i].iov_len;
    }
}

bool next_pinned_done(int fd, os::PinnedDone *done) noexcept {
    if (words_heard == words_said || words[words_heard].fd != fd) return false;
    *done = words[words_heard++].done;
    return true;
}

int pinned_edges(int poller, epoll_event *events, int capacity) noexcept {
    if (words_shown == words_said || capacity == 0) return 0;
    uint64_t token = 0;
    const bool watched = watch_token(poller, words[words_said - 1].fd, &token);
    words_shown = words_said;
    if (!watched) return 0;
    events[0].events = EPOLLERR;
    events[0].data.u64 = token;
    return 1;
}

}  // namespace zcnet::fault
