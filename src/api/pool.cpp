// SPDX-License-Identifier: MIT
// The C boundary of pools.
#include "base/options.h"
#include "memory/memfd_source.h"
#include "memory/thread_memory.h"
#include "receive/dump.h"
#include "receive/survey.h"

using zcnet::memory::default_pool_options;

void zcn_pool_options_init(zcn_pool_options *options, size_t struct_size) {
    zcnet::init_options(options, struct_size, default_pool_options());
}

zcn_status zcn_pool_create(zcn_pool **out, const zcn_pool_options *options) {
    if (out == nullptr) return ZCN_EINVAL;
    *out = nullptr;
    zcn_pool_options chosen{};
    const zcn_status status = zcnet::read_options(&chosen, options, default_pool_options());
    if (status != ZCN_OK) return status;
    const zcn_status made = zcn_pool::create(out, chosen);
    if (made == ZCN_OK) zcnet::receive::note_made("pool", *out, 0, (*out)->number(), __builtin_return_address(0));
    return made;
}

zcn_status zcn_pool_default(zcn_pool **out) {
    if (out == nullptr) return ZCN_EINVAL;
    *out = zcnet::memory::default_pool();
    if (*out == nullptr) return ZCN_ENOMEM;
    (*out)->retain();
    return ZCN_OK;
}

zcn_pool *zcn_pool_retain(zcn_pool *pool) {
    if (pool != nullptr) pool->retain();
    return pool;
}

void zcn_pool_release(zcn_pool *pool) {
    if (pool == nullptr) return;
    zcnet::memory::release_pool(pool);
}

zcn_status zcn_pool_trim(zcn_pool *pool, uint64_t *out_bytes) {
    if (out_bytes != nullptr) *out_bytes = 0;
    if (pool == nullptr) return ZCN_EINVAL;
    if (pool->is_inherited()) return ZCN_EFORKED;
    zcnet::memory::flush_thread_pool(pool);
    const uint64_t bytes = pool->trim();
    zcnet::memory::trim_objects();
    if (out_bytes != nullptr) *out_bytes = bytes;
    return ZCN_OK;
}

zcn_status zcn_pool_get_stats(zcn_pool *pool, zcn_pool_stats *stats) {
    if (pool == nullptr || stats == nullptr) return ZCN_EINVAL;
    zcn_pool_stats answer{};
    pool->read_stats(&answer);
    if (stats->struct_size > offsetof(zcn_pool_stats, views)) {
        if (const zcn_status status = zcnet::receive::add_survey(pool, &answer); status != ZCN_OK) return status;
    }
    return zcnet::write_answer(stats, answer);
}

zcn_status zcn_pool_dump(zcn_pool *pool, int fd) {
    return pool == nullptr || fd < 0 ? ZCN_EINVAL : zcnet::receive::dump(pool, fd);
}

zcn_status zcn_pool_get_shared(zcn_pool *pool, int *out_fd, uint64_t *out_bytes) {
    if (out_fd != nullptr) *out_fd = -1;
    if (out_bytes != nullptr) *out_bytes = 0;
    if (pool == nullptr || out_fd == nullptr || out_bytes == nullptr) return ZCN_EINVAL;
    if (pool->shared() == nullptr) return ZCN_EUNSUPPORTED;
    *out_fd = pool->shared()->fd();
    *out_bytes = pool->shared()->bytes();
    return ZCN_OK;
}

zcn_status zcn_pool_get_offset(zcn_pool *pool, const void *data, uint64_t size, uint64_t *out_offset) {
    if (out_offset != nullptr) *out_offset = 0;
    if (pool == nullptr || out_offset == nullptr) return ZCN_EINVAL;
    if (pool->shared() == nullptr) return ZCN_EUNSUPPORTED;
    return pool->shared()->offset(data, size, out_offset) ? ZCN_OK : ZCN_EINVAL;
}
