/* SPDX-License-Identifier: MIT */
/* What stays of a pool whose last handle is gone while something that was taken from it is held. The pool lies in a
 * memory file, whose pages tell what is resident when there is no handle to ask any more. */
#include <pthread.h>
#include <unistd.h>

#include "support_pool.h"

#define BLOCK (128 * KIB)
#define BODY (60 * KIB) /* two of them fill a block */

/* What a thread keeps of a pool at most: a cache of 2 MiB, and the block that it cuts units from. */
#define KEPT_BY_THREAD (2 * MIB + BLOCK)

typedef struct shared_pool {
    zcn_pool *pool;
    int fd; /* of its file, also when the pool is gone */
} shared_pool;

static shared_pool make_shared(void) {
    zcn_pool_options options = pool_defaults();
    options.block_size = BLOCK;
    options.shared_bytes = 64 * MIB;
    shared_pool made = {.pool = make_pool(&options)};
    uint64_t size;
    assert_ok(zcn_pool_get_shared(made.pool, &made.fd, &size));
    made.fd = dup(made.fd);
    assert_true(made.fd >= 0);
    return made;
}

/* Another thread, which does one thing after the other as it is told. */
typedef struct helper {
    pthread_t thread;
    pthread_barrier_t meets;
    void (*job)(void *);
    void *argument;
} helper;

static void *help(void *argument) {
    helper *self = argument;
    for (;;) {
        pthread_barrier_wait(&self->meets);
        if (self->job == NULL) return NULL;
        self->job(self->argument);
        pthread_barrier_wait(&self->meets);
    }
}

static void begin(helper *self) {
    assert_int_equal(pthread_barrier_init(&self->meets, NULL, 2), 0);
    assert_int_equal(pthread_create(&self->thread, NULL, help, self), 0);
}

static void tell(helper *self, void (*job)(void *), void *argument) {
    self->job = job;
    self->argument = argument;
    pthread_barrier_wait(&self->meets);
    pthread_barrier_wait(&self->meets);
}

static void end(helper *self) {
    self->job = NULL;
    pthread_barrier_wait(&self->meets);
    pthread_join(self->thread, NULL);
    pthread_barrier_destroy(&self->meets);
}

static void what_is_free_goes_back_with_the_last_handle(void **state) {
    (void)state;
    shared_pool of = make_shared();
    held_units one = {.count = 0}, many = {.count = 0};
    take_units(&one, of.pool, 1, 10);
    take_units(&many, of.pool, 400, BODY);
    take_units(&many, of.pool, 2, 5 * MIB);
    give_units(&many, many.count);
    assert_true(file_bytes(of.fd) > 20 * MIB);
    zcn_pool *second = zcn_pool_retain(of.pool);
    zcn_pool_release(of.pool);
    assert_true(file_bytes(of.fd) > 20 * MIB);
    zcn_pool_release(second);
    assert_in_range(file_bytes(of.fd), 1, BLOCK);
    give_units(&one, 1);
    assert_int_equal(file_bytes(of.fd), 0);
    close(of.fd);
}

static void what_is_released_later_is_not_kept(void **state) {
    (void)state;
    shared_pool of = make_shared();
    held_units held = {.count = 0};
    take_units(&held, of.pool, 1, 3 * MIB);
    take_units(&held, of.pool, 201, BODY);
    zcn_pool_release(of.pool);
    const uint64_t before = file_bytes(of.fd);
    assert_true(before >= 3 * MIB + 200 * BODY);
    /* Two units are a block, and each that comes back is gone. */
    for (uint64_t blocks = 1; blocks <= 100; blocks++) {
        give_units(&held, 2);
        assert_in_range(before - file_bytes(of.fd), (blocks - 1) * 2 * BODY, (blocks + 1) * BLOCK);
    }
    give_units(&held, 1);
    assert_in_range(file_bytes(of.fd), 1, 3 * MIB + 2 * BLOCK);
    give_units(&held, 1);
    assert_int_equal(file_bytes(of.fd), 0);
    close(of.fd);
}

/* ---- another thread ---- */

typedef struct piece_of_work {
    zcn_pool *pool;
    held_units units;
    size_t count, rounds;
} piece_of_work;

static void do_take(void *argument) {
    piece_of_work *self = argument;
    take_units(&self->units, self->pool, self->count, BODY);
}

static void do_give(void *argument) {
    piece_of_work *self = argument;
    give_units(&self->units, self->units.count);
}

static void do_work(void *argument) {
    piece_of_work *self = argument;
    for (size_t i = 0; i < self->rounds; i++) {
        take_units(&self->units, self->pool, self->count, 10);
        give_units(&self->units, self->count);
    }
}

/* A thread that has worked on the default pool first, so that its fast path is for that one, and then on the other. */
static void begin_with_cache(helper *thread, const shared_pool *of) {
    begin(thread);
    piece_of_work first = {.rounds = 1, .count = 1}, second = {.pool = of->pool, .count = 60};
    tell(thread, do_work, &first);
    tell(thread, do_take, &second);
    tell(thread, do_give, &second);
    assert_true(pool_stats_of(of->pool).thread_cached_bytes != 0);
}

static void what_an_idle_thread_keeps_is_bounded(void **state) {
    (void)state;
    shared_pool of = make_shared();
    held_units many = {.count = 0};
    take_units(&many, of.pool, 400, BODY);
    helper thread;
    begin_with_cache(&thread, &of);
    give_units(&many, many.count);
    zcn_pool_release(of.pool);
    assert_in_range(file_bytes(of.fd), BLOCK, KEPT_BY_THREAD);
    end(&thread);
    assert_int_equal(file_bytes(of.fd), 0);
    close(of.fd);
}

/* Its fast path for another pool is not slower for it, but nor does it go on for ever. */
static void a_thread_that_goes_on_gives_back(void **state) {
    (void)state;
    shared_pool of = make_shared();
    helper thread;
    begin_with_cache(&thread, &of);
    zcn_pool_release(of.pool);
    assert_true(file_bytes(of.fd) != 0);
    piece_of_work more = {.rounds = 200, .count = 1};
    tell(&thread, do_work, &more);
    assert_int_equal(file_bytes(of.fd), 0);
    end(&thread);
    close(of.fd);
}

static void a_thread_that_only_releases_gives_back(void **state) {
    (void)state;
    shared_pool of = make_shared();
    helper thread;
    begin_with_cache(&thread, &of);
    zcn_pool_release(of.pool);
    assert_true(file_bytes(of.fd) != 0);
    piece_of_work theirs = {.count = 0};
    take_units(&theirs.units, NULL, 400, 10);
    tell(&thread, do_give, &theirs);
    assert_int_equal(file_bytes(of.fd), 0);
    end(&thread);
    close(of.fd);
}

/* At once where it comes to a pool that its fast path is not for. */
static void a_thread_that_goes_elsewhere_gives_back(void **state) {
    (void)state;
    shared_pool of = make_shared();
    zcn_pool *other = make_pool(NULL);
    helper thread;
    begin_with_cache(&thread, &of);
    zcn_pool_release(of.pool);
    assert_true(file_bytes(of.fd) != 0);
    piece_of_work elsewhere = {.pool = other, .rounds = 1, .count = 1};
    tell(&thread, do_work, &elsewhere);
    assert_int_equal(file_bytes(of.fd), 0);
    end(&thread);
    zcn_pool_release(other);
    close(of.fd);
}

/* The cache of a thread that still has one takes nothing more. */
static void a_cache_takes_nothing_of_a_closed_pool(void **state) {
    (void)state;
    shared_pool of = make_shared();
    helper thread;
    begin(&thread);
    piece_of_work work = {.pool = of.pool, .count = 20};
    tell(&thread, do_take, &work);
    zcn_pool_release(of.pool);
    assert_true(file_bytes(of.fd) >= 20 * BODY);
    tell(&thread, do_give, &work);
    /* But for the block that it cuts units from. */
    assert_in_range(file_bytes(of.fd), 0, BLOCK);
    end(&thread);
    assert_int_equal(file_bytes(of.fd), 0);
    close(of.fd);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_free_goes_back_with_the_last_handle),
        cmocka_unit_test(what_is_released_later_is_not_kept),
        cmocka_unit_test(what_an_idle_thread_keeps_is_bounded),
        cmocka_unit_test(a_thread_that_goes_on_gives_back),
        cmocka_unit_test(a_thread_that_only_releases_gives_back),
        cmocka_unit_test(a_thread_that_goes_elsewhere_gives_back),
        cmocka_unit_test(a_cache_takes_nothing_of_a_closed_pool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
