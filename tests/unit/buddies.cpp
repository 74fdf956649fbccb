// SPDX-License-Identifier: MIT
// Space in halves of halves, against a plain map of it: no two pieces overlap, a piece is refused only where there is
// no room for it, and what came back serves every size.
#include "memory/buddies.h"

#include <algorithm>
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <vector>

extern "C" {
#include <cmocka.h>
}

namespace {

using zcnet::memory::Buddies;

constexpr uint64_t page = 4096;
constexpr uint64_t mib = 1 << 20;
constexpr uint32_t page_class = Buddies::smallest_class;

struct Piece {
    uint64_t offset;
    uint32_t piece_class;
};

// The same space as one mark a page.
struct Map {
    std::vector<bool> taken;

    explicit Map(uint64_t bytes) : taken(bytes / page) {}
    [[nodiscard]] bool is_free(uint64_t offset, uint32_t piece_class) const {
        const uint64_t first = offset / page, count = (uint64_t{1} << piece_class) / page;
        if (first + count > taken.size()) return false;
        return std::none_of(taken.begin() + static_cast<ptrdiff_t>(first),
                            taken.begin() + static_cast<ptrdiff_t>(first + count), [](bool mark) { return mark; });
    }
    [[nodiscard]] bool has_room(uint32_t piece_class) const {
        const uint64_t size = uint64_t{1} << piece_class;
        for (uint64_t offset = 0; offset < taken.size() * page; offset += size)
            if (is_free(offset, piece_class)) return true;
        return false;
    }
    void mark(const Piece &piece, bool is_taken) {
        const uint64_t first = piece.offset / page, count = (uint64_t{1} << piece.piece_class) / page;
        for (uint64_t i = first; i < first + count; i++) taken[i] = is_taken;
    }
};

uint64_t random_state;
uint64_t below(uint64_t bound) {
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (random_state >> 33) % bound;
}

// As large pieces as there can be, one after the other, are all of it.
void is_whole_again(Buddies *space, uint64_t bytes) {
    std::vector<Piece> pieces;
    uint64_t offset = 0;
    for (uint32_t k = 63; k >= page_class; k--) {
        if ((bytes >> k & 1) == 0) continue;
        assert_int_equal(space->take(k), offset);
        pieces.push_back({offset, k});
        offset += uint64_t{1} << k;
    }
    for (uint32_t k = page_class; k < 64; k++) assert_true(space->take(k) == Buddies::none);
    for (const Piece &piece : pieces) space->give(piece.offset, piece.piece_class);
}

void work_at_random(uint64_t bytes, uint32_t largest_class, unsigned steps) {
    Buddies space;
    assert_true(space.begin(bytes));
    Map map(bytes);
    std::vector<Piece> pieces;
    uint64_t refused = 0;
    for (unsigned step = 0; step < steps; step++) {
        // Now it fills, now it empties.
        const bool fills = below(100) < (step / 500 % 2 == 0 ? 65 : 35);
        if (fills || pieces.empty()) {
            const auto k = static_cast<uint32_t>(page_class + below(largest_class - page_class + 1));
            const uint64_t offset = space.take(k);
            if (offset == Buddies::none) {
                assert_false(map.has_room(k));
                refused++;
                continue;
            }
            assert_int_equal(offset % (uint64_t{1} << k), 0);
            assert_true(map.is_free(offset, k));
            pieces.push_back({offset, k});
            map.mark(pieces.back(), true);
        } else {
            const uint64_t which = below(pieces.size());
            const Piece piece = pieces[which];
            pieces[which] = pieces.back();
            pieces.pop_back();
            space.give(piece.offset, piece.piece_class);
            map.mark(piece, false);
        }
    }
    assert_true(refused != 0);
    for (const Piece &piece : pieces) space.give(piece.offset, piece.piece_class);
    is_whole_again(&space, bytes);
    space.end();
}

void test_against_a_map(void **) {
    random_state = 1;
    for (const uint64_t bytes : {page, 3 * page, 2 * mib, 6 * mib, 10 * mib + page, 16 * mib, 30 * mib})
        work_at_random(bytes, bytes < mib ? page_class + 1 : 23, 6000);
}

// What is cut is the smallest piece that serves: the large ones stay whole.
void test_small_pieces_spare_large_ones(void **) {
    Buddies space;
    assert_true(space.begin(12 * mib));
    for (uint64_t i = 0; i < 1024; i++) assert_true(space.take(page_class) >= 8 * mib);
    assert_int_equal(space.take(23), 0);
    assert_true(space.take(page_class) == Buddies::none);
    space.end();
}

void test_sizes_that_there_are_none_of(void **) {
    Buddies space;
    assert_true(space.begin(3 * mib));
    for (const uint32_t k : {0U, 11U, 22U, 23U, 47U, 63U, 64U, UINT32_MAX}) assert_true(space.take(k) == Buddies::none);
    is_whole_again(&space, 3 * mib);
    space.end();
}

// What tells of it becomes resident as it is used.
void test_as_much_as_there_may_be(void **) {
    Buddies space;
    if (!space.begin(uint64_t{1} << 46)) skip();
    assert_int_equal(space.take(46), 0);
    assert_true(space.take(page_class) == Buddies::none);
    space.give(0, 46);
    assert_int_equal(space.take(page_class), 0);
    assert_int_equal(space.take(45), uint64_t{1} << 45);
    space.end();
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(test_against_a_map),
        cmocka_unit_test(test_small_pieces_spare_large_ones),
        cmocka_unit_test(test_sizes_that_there_are_none_of),
        cmocka_unit_test(test_as_much_as_there_may_be),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
