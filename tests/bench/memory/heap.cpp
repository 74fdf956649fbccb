// SPDX-License-Identifier: MIT
// The heap by malloc and free: of the C library, or of whatever library the program is linked with in its place.
#include <dlfcn.h>
#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "work.h"

namespace {

// What a program with a heap keeps in front of the body that it hands over: a cache line with the count of its holders,
// where the body is, and how long.
struct alignas(16) Unit {
    std::atomic<std::uint32_t> references{1};
    std::uint32_t head_room = 16;
    std::size_t size;
    unsigned char *data;
    void *owner;
    void *extra = nullptr;
    unsigned char head[24];
    explicit Unit(std::size_t bytes) : size(bytes), data(reinterpret_cast<unsigned char *>(this + 1)), owner(this) {}
};
static_assert(sizeof(Unit) == 64);

struct Blocks {
    static void *take() { return std::malloc(bench::block_bytes); }
    static void give(void *memory) { std::free(memory); }
};

struct Units {
    static Unit *make(std::size_t size) {
        void *memory = std::malloc(sizeof(Unit) + size);
        return memory == nullptr ? nullptr : new (memory) Unit(size);
    }
    static void *take() { return make(bench::unit_bytes); }
    static void give(void *memory) {
        auto *unit = static_cast<Unit *>(memory);
        // The last holder needs no exchange.
        if (unit->references.load(std::memory_order_acquire) == 1 || unit->references.fetch_sub(1) == 1)
            std::free(unit);
    }
};

template <class Function>
Function *find(const char *name) {
    return reinterpret_cast<Function *>(dlsym(RTLD_DEFAULT, name));
}

void trim() {
    if (auto *collect = find<void(bool)>("mi_collect")) {
        collect(true);
    } else if (auto *control = find<int(const char *, void *, std::size_t *, void *, std::size_t)>("mallctl")) {
        control("arena.4096.purge", nullptr, nullptr, nullptr, 0);  // 4096: all arenas
    } else {
        malloc_trim(0);
    }
}

std::string version() {
    if (auto *number = find<int()>("mi_version")) {
        const int version = number();
        return std::to_string(version / 100) + "." + std::to_string(version / 10 % 10) + "." +
               std::to_string(version % 10);
    }
    if (auto *control = find<int(const char *, void *, std::size_t *, void *, std::size_t)>("mallctl")) {
        const char *text = nullptr;
        std::size_t size = sizeof text;
        control("version", &text, &size, nullptr, 0);
        return std::string(text).substr(0, std::string(text).find('-'));
    }
    auto *libc = find<const char *()>("gnu_get_libc_version");
    return libc != nullptr ? libc() : "";
}

std::vector<bench::Figure> load(double) {
    static constexpr bench::LoadContender heap = {[](std::size_t size) {
                                                      Unit *unit = Units::make(size);
                                                      return bench::Held{unit, unit == nullptr ? nullptr : unit->data};
                                                  },
                                                  Units::give, trim, [](std::vector<bench::Figure> *) {}};
    return bench::mixed_load(heap);
}

}  // namespace

int main(int argc, char **argv) {
    return bench::memory_main(argc, argv, version(),
                              {{"block", bench::one_thread<Blocks>},
                               {"unit", bench::one_thread<Units>},
                               {"block-across", bench::across_threads<Blocks>},
                               {"unit-across", bench::across_threads<Units>},
                               {"load", load}});
}
