/* SPDX-License-Identifier: MIT */
/* Pools whose memory lies in a memory file. */
#include <inttypes.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "support_pool.h"

static zcn_pool *shared_pool(uint64_t file_size) {
    zcn_pool_options options = pool_defaults();
    options.block_size = 128 * KIB;
    options.shared_bytes = file_size;
    return make_pool(&options);
}

/* In another process, that has nothing but a socket: maps the descriptor that comes and checks what lies where. Returns
 * how many messages were right. */
typedef struct place {
    uint64_t offset, size, seed;
} place;

static int reader(int socket) {
    char control[CMSG_SPACE(sizeof(int))];
    uint64_t file_size;
    struct iovec piece = {&file_size, sizeof file_size};
    struct msghdr header = {
        .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    if (recvmsg(socket, &header, 0) != sizeof file_size) return 100;
    const struct cmsghdr *message = CMSG_FIRSTHDR(&header);
    if (message == NULL || message->cmsg_type != SCM_RIGHTS) return 101;
    int fd;
    memcpy(&fd, CMSG_DATA(message), sizeof fd);
    const unsigned char *file = mmap(NULL, file_size, PROT_READ, MAP_SHARED, fd, 0);
    if (file == MAP_FAILED) return 102;
    int right = 0;
    place at;
    while (recv(socket, &at, sizeof at, 0) == sizeof at) {
        if (at.offset + at.size > file_size) return 103;
        right += has_pattern(file + at.offset, at.size, at.seed);
    }
    munmap((void *)file, file_size);
    /* The file stays as large as it is, whoever has it. */
    if (ftruncate(fd, 0) == 0) return 104;
    close(fd);
    return right;
}

static void another_process_reads_messages_where_they_lie(void **state) {
    (void)state;
    int sockets[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets), 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(sockets[0]);
        _exit(reader(sockets[1]));
    }
    close(sockets[1]);

    zcn_pool *pool = shared_pool(16 * MIB);
    int fd;
    uint64_t file_size;
    assert_ok(zcn_pool_get_shared(pool, &fd, &file_size));
    assert_int_equal(file_size, 16 * MIB);
    char control[CMSG_SPACE(sizeof fd)];
    struct iovec piece = {&file_size, sizeof file_size};
    memset(control, 0, sizeof control);
    struct msghdr header = {
        .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *message = CMSG_FIRSTHDR(&header);
    message->cmsg_level = SOL_SOCKET;
    message->cmsg_type = SCM_RIGHTS;
    message->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(message), &fd, sizeof fd);
    assert_int_equal(sendmsg(sockets[0], &header, 0), sizeof file_size);

    /* Small ones that share a block, one of half a block and more, one of several blocks, a copy, a unit. */
    const uint64_t sizes[] = {1, 40, 1000, 30 * KIB, 50 * KIB, 300 * KIB, 3 * MIB};
    zcn_msg *msgs[8];
    size_t count = 0;
    for (; count < 7; count++) msgs[count] = owned_msg(pool, sizes[count], count);
    assert_ok(zcn_msg_detach(&msgs[count++], msgs[2]));
    for (size_t i = 0; i < count; i++) {
        place at = {.size = zcn_msg_size(msgs[i]), .seed = i < 7 ? i : 2};
        assert_ok(zcn_pool_get_offset(pool, zcn_msg_data(msgs[i]), at.size, &at.offset));
        assert_int_equal(send(sockets[0], &at, sizeof at, 0), sizeof at);
    }
    zcn_unit *unit;
    void *body;
    assert_ok(zcn_unit_alloc(&unit, &body, pool, NULL, 500));
    fill_pattern(body, 500, 77);
    place at = {.size = 500, .seed = 77};
    assert_ok(zcn_pool_get_offset(pool, body, 500, &at.offset));
    assert_int_equal(send(sockets[0], &at, sizeof at, 0), sizeof at);
    close(sockets[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), count + 1);
    zcn_unit_release(unit);
    assert_ok(zcn_msg_release_batch(msgs, count));
    zcn_pool_release(pool);
}

static void a_file_gives_its_pages_back(void **state) {
    (void)state;
    zcn_pool *pool = shared_pool(64 * MIB);
    int fd;
    uint64_t file_size;
    assert_ok(zcn_pool_get_shared(pool, &fd, &file_size));
    assert_int_equal(file_bytes(fd), 0);
    held_units held = {.count = 0};
    for (size_t round = 0; round < effort(20, 2); round++) {
        take_units(&held, pool, 200, 60 * KIB);
        take_units(&held, pool, 3, 100 * KIB);
        take_units(&held, pool, 2, 5 * MIB);
        assert_true(file_bytes(fd) >= 20 * MIB);
        give_units(&held, held.count);
        trim_pool(pool);
        assert_int_equal(file_bytes(fd), 0);
        assert_int_equal(pool_stats_of(pool).reserved_bytes, 0);
    }
    zcn_pool_release(pool);
}

static void a_file_that_is_full(void **state) {
    (void)state;
    zcn_pool *pool = shared_pool(4 * MIB);
    held_units held = {.count = 0};
    take_units(&held, pool, 60, 60 * KIB);
    zcn_unit *unit;
    void *data;
    assert_status(zcn_unit_alloc(&unit, &data, pool, NULL, 3 * MIB), ZCN_ENOMEM);
    assert_status(zcn_unit_alloc(&unit, &data, pool, NULL, 64 * MIB), ZCN_ENOMEM);
    give_units(&held, 60);
    trim_pool(pool);
    take_units(&held, pool, 60, 60 * KIB);
    give_units(&held, 60);
    zcn_pool_release(pool);
}

/* All of the file was cut into blocks, and those that are free make room for a large message. */
static void a_file_that_is_free_in_another_shape(void **state) {
    (void)state;
    zcn_pool *pool = shared_pool(8 * MIB);
    held_units held = {.count = 0};
    take_units(&held, pool, 126, 60 * KIB);
    zcn_unit *unit;
    void *data;
    assert_status(zcn_unit_alloc(&unit, &data, pool, NULL, MIB), ZCN_ENOMEM);
    give_units(&held, 126);
    take_units(&held, pool, 4, 1000 * KIB);
    give_units(&held, 4);
    zcn_pool_release(pool);
}

/* The largest unit that takes all of a file: a power of two with what stands round it. */
static uint64_t all_of(uint64_t file_size) { return file_size - 64 * KIB; }

/* Whatever sizes were there before, what came back serves any other. */
static void a_file_serves_every_size_again(void **state) {
    (void)state;
    const uint64_t sizes[] = {100, 5000, 60 * KIB, 100 * KIB, 300 * KIB, MIB, 3 * MIB, all_of(8 * MIB)};
    const size_t count = sizeof sizes / sizeof *sizes;
    zcn_pool *pool = shared_pool(8 * MIB);
    held_units held = {.count = 0};
    for (size_t first = 0; first < count; first++) {
        for (size_t second = 0; second < count; second++) {
            const uint64_t in_turn[] = {sizes[first], sizes[second]};
            for (size_t i = 0; i < 2; i++) {
                /* All that there is, or as much as the test can hold. */
                void *data;
                while (held.count < 512 &&
                       zcn_unit_alloc(&held.units[held.count], &data, pool, NULL, in_turn[i]) == ZCN_OK)
                    held.count++;
                if (held.count < 512 && held.count * in_turn[i] < 8 * MIB / 3)
                    fail_msg("%zu units of %" PRIu64 ", %" PRIu64 " first", held.count, in_turn[i], in_turn[0]);
                give_units(&held, held.count);
                trim_pool(pool); /* of what the thread keeps for itself */
            }
        }
    }
    zcn_pool_release(pool);
}

/* One large message after the other, each smaller than the one before, leaves nothing that is too small. */
static void a_file_is_not_used_up(void **state) {
    (void)state;
    zcn_pool *pool = shared_pool(64 * MIB);
    held_units held = {.count = 0};
    for (size_t round = 0; round < effort(3, 1); round++) {
        for (uint64_t size = 20 * MIB; size >= 2 * MIB; size /= 2) {
            take_units(&held, pool, 1, size);
            give_units(&held, 1);
        }
        take_units(&held, pool, 480, 120 * KIB);
        give_units(&held, 480);
        take_units(&held, pool, 1, all_of(64 * MIB));
        give_units(&held, 1);
    }
    zcn_pool_release(pool);
}

/* Threads that take and give pieces of all sizes: every byte is one thread's, and in the end the file is whole. */
typedef struct worker {
    zcn_pool *pool;
    uint64_t random;
    size_t rounds;
    bool failed;
} worker;

static uint64_t below(worker *self, uint64_t bound) {
    self->random = self->random * 6364136223846793005u + 1442695040888963407u;
    return (self->random >> 33) % bound;
}

static void *work(void *argument) {
    worker *self = argument;
    const unsigned char mark = (unsigned char)self->random;
    for (size_t round = 0; round < self->rounds && !self->failed; round++) {
        zcn_unit *units[8];
        unsigned char *datas[8];
        uint64_t sizes[8];
        size_t count = 0;
        for (; count < 8; count++) {
            sizes[count] = 1 + below(self, below(self, 4) == 0 ? 3 * MIB : 200 * KIB);
            if (zcn_unit_alloc(&units[count], (void **)&datas[count], self->pool, NULL, sizes[count]) != ZCN_OK) break;
            datas[count][0] = datas[count][sizes[count] - 1] = mark;
        }
        for (size_t i = 0; i < count; i++) {
            self->failed = self->failed || datas[i][0] != mark || datas[i][sizes[i] - 1] != mark;
            zcn_unit_release(units[i]);
        }
        if (below(self, 8) == 0) trim_pool(self->pool);
    }
    return NULL;
}

static void threads_share_a_file(void **state) {
    (void)state;
    zcn_pool *pool = shared_pool(64 * MIB);
    worker workers[3];
    pthread_t threads[3];
    for (size_t i = 0; i < 3; i++) {
        workers[i] = (worker){pool, i + 1, effort(2000, 50), false};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (size_t i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
        assert_false(workers[i].failed);
    }
    held_units held = {.count = 0};
    take_units(&held, pool, 1, all_of(64 * MIB));
    give_units(&held, 1);
    zcn_pool_release(pool);
}

/* A thread that has free memory in hand takes nothing away from others: who finds nothing looks again. */
typedef struct trimmer {
    zcn_pool *pool;
    atomic_size_t trims;
    atomic_bool ends;
} trimmer;

static void *keep_trimming(void *argument) {
    trimmer *self = argument;
    while (!atomic_load(&self->ends)) {
        trim_pool(self->pool);
        atomic_fetch_add(&self->trims, 1);
    }
    return NULL;
}

static void a_full_file_is_trimmed_while_others_take(void **state) {
    (void)state;
    zcn_pool_options options = pool_defaults();
    options.block_size = 4 * KIB;
    options.shared_bytes = 2 * MIB; /* one slab */
    options.limit = 2 * MIB;        /* so small that threads keep nothing of it */
    trimmer other = {.pool = make_pool(&options)};
    held_units held = {.count = 0};
    take_units(&held, other.pool, 2, 1500);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, keep_trimming, &other), 0);
    const uint64_t deadline = deadline_after_ms(4 * WAIT_MS);
    while (atomic_load(&other.trims) < effort(20000, 500)) {
        assert_false(deadline_passed(deadline));
        take_units(&held, other.pool, 4, 1500);
        give_units(&held, 4);
    }
    atomic_store(&other.ends, true);
    pthread_join(thread, NULL);
    give_units(&held, 2);
    zcn_pool_release(other.pool);
}

/* A process may be allowed no files of that size: it is told so, and no signal comes. */
static void a_file_that_may_not_be_so_large(void **state) {
    (void)state;
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    const struct rlimit small = {MIB, limit.rlim_max};
    zcn_pool_options options = pool_defaults();
    options.shared_bytes = 4 * MIB;
    zcn_pool *pool = NULL;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    const zcn_status status = zcn_pool_create(&pool, &options);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_status(status, ZCN_ENOMEM);
    assert_null(pool);
    zcn_pool_release(shared_pool(4 * MIB));
}

static void offsets_of_what_is_not_in_it(void **state) {
    (void)state;
    zcn_pool *pool = shared_pool(4 * MIB);
    zcn_pool *other = make_pool(NULL);
    int fd = 5;
    uint64_t number = 5;
    void *body;
    zcn_unit *unit;
    assert_ok(zcn_unit_alloc(&unit, &body, pool, NULL, 100));
    assert_status(zcn_pool_get_shared(other, &fd, &number), ZCN_EUNSUPPORTED);
    assert_int_equal(fd, -1);
    assert_int_equal(number, 0);
    assert_status(zcn_pool_get_shared(NULL, &fd, &number), ZCN_EINVAL);
    assert_status(zcn_pool_get_shared(pool, NULL, &number), ZCN_EINVAL);
    assert_status(zcn_pool_get_shared(pool, &fd, NULL), ZCN_EINVAL);
    number = 5;
    assert_status(zcn_pool_get_offset(other, body, 1, &number), ZCN_EUNSUPPORTED);
    assert_int_equal(number, 0);
    assert_status(zcn_pool_get_offset(NULL, body, 1, &number), ZCN_EINVAL);
    assert_status(zcn_pool_get_offset(pool, body, 1, NULL), ZCN_EINVAL);
    assert_status(zcn_pool_get_offset(pool, &number, 1, &number), ZCN_EINVAL);
    assert_status(zcn_pool_get_offset(pool, NULL, 0, &number), ZCN_EINVAL);
    assert_status(zcn_pool_get_offset(pool, body, 5 * MIB, &number), ZCN_EINVAL);
    assert_status(zcn_pool_get_offset(pool, body, UINT64_MAX, &number), ZCN_EINVAL);
    assert_ok(zcn_pool_get_offset(pool, body, 100, &number));
    zcn_pool_options options = pool_defaults();
    const uint64_t wrong[] = {1, MIB, 3 * MIB, UINT64_MAX, (UINT64_MAX / 2 + 1)};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        options.shared_bytes = wrong[i];
        zcn_pool *refused = pool;
        assert_status(zcn_pool_create(&refused, &options), ZCN_EINVAL);
        assert_null(refused);
    }
    zcn_unit_release(unit);
    zcn_pool_release(pool);
    zcn_pool_release(other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(another_process_reads_messages_where_they_lie),
        cmocka_unit_test(a_file_gives_its_pages_back),
        cmocka_unit_test(a_file_that_is_full),
        cmocka_unit_test(a_file_that_is_free_in_another_shape),
        cmocka_unit_test(a_file_serves_every_size_again),
        cmocka_unit_test(a_file_is_not_used_up),
        cmocka_unit_test(threads_share_a_file),
        cmocka_unit_test(a_full_file_is_trimmed_while_others_take),
        cmocka_unit_test(a_file_that_may_not_be_so_large),
        cmocka_unit_test(offsets_of_what_is_not_in_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
