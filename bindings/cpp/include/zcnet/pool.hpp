/* SPDX-License-Identifier: MIT */
#ifndef ZCNET_POOL_HPP
#define ZCNET_POOL_HPP
/* Pools: see pool.h. */
#include <zcnet/pool.h>

#include <zcnet/bytes.hpp>
#include <zcnet/error.hpp>

namespace zcnet {

/** The fields of zcn_pool_options, with the defaults. */
struct PoolOptions : zcn_pool_options {
    PoolOptions() noexcept : zcn_pool_options() { zcn_pool_options_init(this, sizeof(zcn_pool_options)); }
};

/** Where the bytes of messages and units live. It lives as long as anything that was taken from it. */
class Pool : public detail::Handle<zcn_pool, zcn_pool_retain, zcn_pool_release> {
  public:
    explicit Pool(const PoolOptions &options = {}) { detail::check(zcn_pool_create(out(), &options)); }

    /** The pool of the process: what is used wherever no pool is named. */
    static Pool process() {
        zcn_pool *pool;
        detail::check(zcn_pool_default(&pool));
        return Pool(pool);
    }
    /** Takes over a reference that C code gave. */
    static Pool adopt(zcn_pool *pool) noexcept { return Pool(pool); }

    /** Gives free memory back to the system; how many bytes. */
    std::uint64_t trim() {
        std::uint64_t bytes;
        detail::check(zcn_pool_trim(get(), &bytes));
        return bytes;
    }
    zcn_pool_stats stats() const {
        auto stats = detail::sized<zcn_pool_stats>();
        detail::check(zcn_pool_get_stats(get(), &stats));
        return stats;
    }
    /** The memory file of a pool with shared_bytes; its descriptor is the pool's. */
    struct Shared {
        int fd;
        std::uint64_t bytes;
    };
    Shared shared() const {
        Shared shared;
        detail::check(zcn_pool_get_shared(get(), &shared.fd, &shared.bytes));
        return shared;
    }
    /** Where bytes lie in the memory file. */
    std::uint64_t offset(Bytes bytes) const {
        std::uint64_t offset;
        detail::check(zcn_pool_get_offset(get(), bytes.data(), bytes.size(), &offset));
        return offset;
    }

  private:
    explicit Pool(zcn_pool *pool) noexcept : Handle(pool) {}
};

}  // namespace zcnet

#endif
