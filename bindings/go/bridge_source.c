// SPDX-License-Identifier: MIT
#include <pthread.h>

#include "bridge.h"

struct zcngo_source {
    pthread_mutex_t mutex;
    pthread_cond_t asked, answered;
    zcngo_demand *first, **last;
    int over;
};

zcngo_source *zcngo_source_create(void) {
    zcngo_source *source = (zcngo_source *)calloc(1, sizeof *source);
    if (source == NULL) return NULL;
    pthread_mutex_init(&source->mutex, NULL);
    pthread_cond_init(&source->asked, NULL);
    pthread_cond_init(&source->answered, NULL);
    source->last = &source->first;
    return source;
}

void zcngo_source_free(zcngo_source *source) {
    pthread_cond_destroy(&source->answered);
    pthread_cond_destroy(&source->asked);
    pthread_mutex_destroy(&source->mutex);
    free(source);
}

static void ask(zcngo_source *source, zcngo_demand *demand) {
    pthread_mutex_lock(&source->mutex);
    *source->last = demand;
    source->last = &demand->next;
    pthread_cond_signal(&source->asked);
    while (!demand->done) pthread_cond_wait(&source->answered, &source->mutex);
    pthread_mutex_unlock(&source->mutex);
}

static void *source_allocate(void *context, uint64_t size, uint64_t alignment) {
    zcngo_demand demand = {.kind = ZCNGO_ALLOCATE, .size = size, .alignment = alignment};
    ask((zcngo_source *)context, &demand);
    return demand.memory;
}

static void source_free(void *context, void *memory, uint64_t size) {
    zcngo_demand demand = {.kind = ZCNGO_FREE, .memory = memory, .size = size};
    ask((zcngo_source *)context, &demand);
}

static int32_t source_drop(void *context, void *memory, uint64_t size) {
    zcngo_demand demand = {.kind = ZCNGO_DROP, .memory = memory, .size = size};
    ask((zcngo_source *)context, &demand);
    return demand.kept;
}

static void source_end(void *context) {
    zcngo_source *source = (zcngo_source *)context;
    pthread_mutex_lock(&source->mutex);
    source->over = 1;
    pthread_cond_signal(&source->asked);
    pthread_mutex_unlock(&source->mutex);
}

int32_t zcngo_pool_of_source(zcn_pool **out, const zcn_pool_options *options, zcngo_source *source, int drops) {
    const zcn_pool_source functions = {
        .struct_size = sizeof functions,
        .allocate = source_allocate,
        .free = source_free,
        .drop = drops ? source_drop : NULL,
        .end = source_end,
        .context = source,
    };
    zcn_pool_options chosen = *options;
    chosen.source = &functions;
    return zcn_pool_create(out, &chosen);
}

zcngo_demand *zcngo_source_next(zcngo_source *source) {
    pthread_mutex_lock(&source->mutex);
    while (source->first == NULL && !source->over) pthread_cond_wait(&source->asked, &source->mutex);
    zcngo_demand *demand = source->first;
    if (demand != NULL && (source->first = demand->next) == NULL) source->last = &source->first;
    pthread_mutex_unlock(&source->mutex);
    return demand;
}

void zcngo_source_answer(zcngo_source *source, zcngo_demand *demand) {
    pthread_mutex_lock(&source->mutex);
    demand->done = 1;
    pthread_cond_broadcast(&source->answered);
    pthread_mutex_unlock(&source->mutex);
}
