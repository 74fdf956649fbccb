/* SPDX-License-Identifier: MIT */
/* Runs the same tests over every transport. */
#include "support.h"

#define TRANSPORTS 5
#define MOST_TESTS 32

struct cell {
    const transport_test *test;
    transport over;
    char name[160];
};

static void run_cell(void **state) {
    const struct cell *cell = *state;
    if (!transport_works(cell->over)) {
        print_message("%s: this system has none\n", transport_name(cell->over));
        skip();
    }
    cell->test->run(cell->over);
}

int run_on_each_transport(const transport_test *tests, size_t count) {
    static struct cell cells[TRANSPORTS * MOST_TESTS];
    static struct CMUnitTest matrix[TRANSPORTS * MOST_TESTS];
    size_t used = 0;
    if (count > MOST_TESTS) return 1;
    for (size_t i = 0; i < TRANSPORTS; i++)
        for (size_t k = 0; k < count; k++) {
            struct cell *cell = &cells[used];
            cell->test = &tests[k];
            cell->over = (transport)i;
            snprintf(cell->name, sizeof cell->name, "%s over %s", tests[k].name, transport_name((transport)i));
            matrix[used++] = (struct CMUnitTest){cell->name, run_cell, NULL, NULL, cell};
        }
    return _cmocka_run_group_tests("transports", matrix, used, NULL, NULL);
}
