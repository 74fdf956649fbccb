/* SPDX-License-Identifier: MIT */
/* A program that loads the library as a plugin would be, uses it, closes it while threads that used it live on, and
   does so again: what those threads keep for themselves, and a loop's own helper thread, must not miss the library's
   code. Usage: reload LIBRARY ROUNDS */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zcnet/zcnet.h>

enum { THREADS = 4, UNITS = 50 };

static void *library;

static void fail(const char *what) {
    fprintf(stderr, "FAILED: %s: %s\n", what, dlerror());
    exit(1);
}

/* The library's functions, found anew in each round. */
static struct {
    __typeof__(zcn_unit_alloc) *unit_alloc;
    __typeof__(zcn_unit_release) *unit_release;
    __typeof__(zcn_framing_parse) *framing_parse;
    __typeof__(zcn_framing_release) *framing_release;
    __typeof__(zcn_loop_create) *loop_create;
    __typeof__(zcn_loop_poll) *loop_poll;
    __typeof__(zcn_loop_release) *loop_release;
    __typeof__(zcn_connect) *connect;
} call;

static void find(void *place, const char *name) {
    void *const found = dlsym(library, name);
    if (found == NULL) fail(name);
    memcpy(place, &found, sizeof found);
}

static void load(const char *path) {
    library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) fail(path);
    find(&call.unit_alloc, "zcn_unit_alloc");
    find(&call.unit_release, "zcn_unit_release");
    find(&call.framing_parse, "zcn_framing_parse");
    find(&call.framing_release, "zcn_framing_release");
    find(&call.loop_create, "zcn_loop_create");
    find(&call.loop_poll, "zcn_loop_poll");
    find(&call.loop_release, "zcn_loop_release");
    find(&call.connect, "zcn_connect");
}

static pthread_barrier_t used, closed;

static void *use(void *nothing) {
    zcn_unit *units[UNITS];
    for (int i = 0; i < UNITS; i++) {
        void *body;
        if (call.unit_alloc(&units[i], &body, NULL, NULL, 100) != ZCN_OK) fail("zcn_unit_alloc");
        memset(body, i, 100);
    }
    for (int i = 0; i < UNITS; i++) call.unit_release(units[i]);
    pthread_barrier_wait(&used);
    pthread_barrier_wait(&closed);
    /* What this thread kept of the pool goes back now, from a library that was closed. */
    return nothing;
}

/* Gives the helper thread a name to look up. */
static zcn_conn *connect_by_name(zcn_loop *loop) {
    zcn_framing *framing;
    zcn_conn *conn;
    if (call.framing_parse(&framing, "raw", NULL) != ZCN_OK) fail("zcn_framing_parse");
    if (call.connect(&conn, loop, "tcp://localhost:1", framing, NULL) != ZCN_OK) fail("zcn_connect");
    call.framing_release(framing);
    return conn;
}

static zcn_loop *start_loop(void) {
    zcn_loop *loop;
    const zcn_event *events;
    size_t count;
    if (call.loop_create(&loop, NULL) != ZCN_OK) fail("zcn_loop_create");
    connect_by_name(loop);
    if (call.loop_poll(loop, 0, &events, &count, NULL) != ZCN_OK) fail("zcn_loop_poll");
    return loop;
}

/* Names are looked up one after the other: when this one has been, what the helper kept of the others is free. */
static void await_names(zcn_loop *loop) {
    const zcn_conn *const last = connect_by_name(loop);
    for (int tries = 0; tries < 120; tries++) {
        const zcn_event *events;
        size_t count;
        if (call.loop_poll(loop, 1000000000, &events, &count, NULL) != ZCN_OK) fail("zcn_loop_poll");
        for (size_t i = 0; i < count; i++) {
            if (events[i].type == ZCN_EVENT_CLOSED && events[i].conn == last) return;
        }
    }
    fprintf(stderr, "FAILED: a name was not looked up\n");
    exit(1);
}

int main(int argc, char **argv) {
    const int rounds = argc == 3 ? atoi(argv[2]) : 0;
    if (rounds <= 0) return 2;
    pthread_barrier_init(&used, NULL, THREADS + 1);
    pthread_barrier_init(&closed, NULL, THREADS + 1);
    zcn_loop *left = NULL;
    for (int round = 0; round < rounds; round++) {
        pthread_t threads[THREADS];
        load(argv[1]);
        for (int i = 0; i < THREADS; i++) {
            if (pthread_create(&threads[i], NULL, use, NULL) != 0) fail("pthread_create");
        }
        zcn_loop *const loop = start_loop();
        if (left != NULL) call.loop_release(left); /* which lived while the library was closed */
        left = loop;
        pthread_barrier_wait(&used);
        if (dlclose(library) != 0) fail("dlclose");
        pthread_barrier_wait(&closed);
        for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    }
    load(argv[1]);
    await_names(left);
    call.loop_release(left);
    if (dlclose(library) != 0) fail("dlclose");
    pthread_barrier_destroy(&used);
    pthread_barrier_destroy(&closed);
    printf("%d rounds\n", rounds);
    return 0;
}
