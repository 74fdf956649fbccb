/* SPDX-License-Identifier: MIT */
#ifndef ZCNET_POOL_HPP
#define ZCNET_POOL_HPP
/* Pools: see pool.h. */
#include <zcnet/pool.h>

#include <memory>
#include <memory_resource>
#include <mutex>
#include <unordered_map>
#include <zcnet/bytes.hpp>
#include <zcnet/error.hpp>

namespace zcnet {

/** The fields of zcn_pool_options, with the defaults. */
struct PoolOptions : zcn_pool_options {
    PoolOptions() noexcept : zcn_pool_options() { zcn_pool_options_init(this, sizeof(zcn_pool_options)); }
};

namespace detail {

/** A memory resource as the source of a pool. It is told no alignment when it gets memory back, so that is kept here.
 */
class ResourceSource {
  public:
    explicit ResourceSource(std::pmr::memory_resource &resource) noexcept : resource_(&resource) {}

    zcn_pool_source as_source() noexcept {
        auto source = sized<zcn_pool_source>();
        source.allocate = [](void *self, std::uint64_t size, std::uint64_t alignment) noexcept {
            return static_cast<ResourceSource *>(self)->allocate(static_cast<std::size_t>(size),
                                                                 static_cast<std::size_t>(alignment));
        };
        source.free = [](void *self, void *memory, std::uint64_t size) noexcept {
            static_cast<ResourceSource *>(self)->free(memory, static_cast<std::size_t>(size));
        };
        source.end = [](void *self) noexcept { delete static_cast<ResourceSource *>(self); };
        source.context = this;
        return source;
    }

  private:
    void *allocate(std::size_t size, std::size_t alignment) noexcept {
        void *memory = nullptr;
        try {
            memory = resource_->allocate(size, alignment);
            const std::lock_guard<std::mutex> lock(mutex_);
            alignments_.emplace(memory, alignment);
            return memory;
        } catch (...) {
            if (memory != nullptr) resource_->deallocate(memory, size, alignment);
            return nullptr;  // whatever was thrown: there is no memory
        }
    }
    void free(void *memory, std::size_t size) noexcept { resource_->deallocate(memory, size, forget(memory)); }
    std::size_t forget(void *memory) noexcept {
        const std::lock_guard<std::mutex> lock(mutex_);
        const auto found = alignments_.find(memory);
        const std::size_t alignment = found->second;
        alignments_.erase(found);
        return alignment;
    }

    std::pmr::memory_resource *resource_;
    std::mutex mutex_;
    std::unordered_map<void *, std::size_t> alignments_;
};

}  // namespace detail

/** Where the bytes of messages and units live. It lives as long as anything that was taken from it. */
class Pool : public detail::Handle<zcn_pool, zcn_pool_retain, zcn_pool_release> {
  public:
    explicit Pool(const PoolOptions &options = {}) { detail::check(zcn_pool_create(out(), &options)); }

    /**
     * In memory of the program: pinned, of huge pages, shared. The resource is called on whichever thread needs or
     * returns memory, by several at once, for slabs of many blocks and for large messages; it must not call the
     * library, and lives until the pool is gone with everything that was taken from it. What allocate() throws means
     * that there is no memory; what deallocate() throws ends the program.
     */
    explicit Pool(std::pmr::memory_resource &resource, const PoolOptions &options = {}) {
        auto mine = std::make_unique<detail::ResourceSource>(resource);
        const zcn_pool_source source = mine->as_source();
        PoolOptions chosen = options;
        chosen.source = &source;
        detail::check(zcn_pool_create(out(), &chosen));
        static_cast<void>(mine.release());
    }

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
    /** Writes who holds what of the pool, as lines of text for people. */
    void dump(int fd) const { detail::check(zcn_pool_dump(get(), fd)); }
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
