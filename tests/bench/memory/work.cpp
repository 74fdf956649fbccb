// SPDX-License-Identifier: MIT
#include "work.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <thread>

#include "../harness/meter.h"

namespace bench {

namespace {

// On machines with fewer processors the threads share what there is.
void pin(unsigned number) {
    static const cpu_set_t allowed = [] {
        cpu_set_t set;
        if (sched_getaffinity(0, sizeof set, &set) != 0) CPU_ZERO(&set);
        return set;
    }();
    unsigned left = number % static_cast<unsigned>(std::max(1, CPU_COUNT(&allowed)));
    for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &allowed) || left-- != 0) continue;
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        (void)sched_setaffinity(0, sizeof one, &one);
        return;
    }
}

double resident() {
    long pages = 0;
    std::FILE *file = std::fopen("/proc/self/statm", "r");
    if (file == nullptr || std::fscanf(file, "%*s %ld", &pages) != 1) {
        std::perror("/proc/self/statm");
        std::exit(1);
    }
    std::fclose(file);
    return static_cast<double>(pages) * static_cast<double>(sysconf(_SC_PAGESIZE));
}

class Load {
  public:
    Load(const LoadContender &contender, unsigned seed) : contender_(contender), random_(seed), held_(slots) {}

    // Everything that it keeps for itself is touched before the load begins.
    void fill() {
        while (bytes_ < load_bytes / 2) add();
    }
    void pass_through() {
        for (std::uint64_t passed = 0; passed < load_bytes / 2;) {
            passed += add();
            while (bytes_ > load_bytes / 2) drop();
        }
    }
    void empty() {
        while (first_ != next_) drop();
    }
    std::uint64_t bytes() const { return bytes_; }

  private:
    struct Entry {
        void *handle;
        std::size_t size;
    };
    // The mean size is about 9 KiB, so this is far more than are held.
    static constexpr std::size_t slots = 1 << 16;

    std::size_t add() {
        // As many from 64 to 128 bytes as from 32 to 64 KiB.
        const auto size = static_cast<std::size_t>(std::exp2(std::uniform_real_distribution<>(6, 16)(random_)));
        const Held taken = contender_.take(size);
        if (taken.handle == nullptr || next_ - first_ == slots) {
            std::fputs("the load does not fit\n", stderr);
            std::exit(1);
        }
        std::memset(taken.data, 1, size);
        held_[next_++ % slots] = {taken.handle, size};
        bytes_ += size;
        return size;
    }

    void drop() {
        const Entry &entry = held_[first_++ % slots];
        bytes_ -= entry.size;
        contender_.give(entry.handle);
    }

    const LoadContender &contender_;
    std::mt19937 random_;
    std::vector<Entry> held_;
    std::size_t first_ = 0;
    std::size_t next_ = 0;
    std::uint64_t bytes_ = 0;
};

}  // namespace

void Ring::wait() { std::this_thread::yield(); }

double time_batches(double seconds, std::size_t batch, const std::function<void()> &run_batch,
                    const std::function<void()> &prepare) {
    std::vector<double> taken;
    prepare();
    run_batch();
    const std::uint64_t begin = now_ns();
    const auto length = static_cast<std::uint64_t>(seconds * 1e9);
    do {
        prepare();
        const std::uint64_t start = now_ns();
        run_batch();
        taken.push_back(static_cast<double>(now_ns() - start) / static_cast<double>(batch));
    } while (now_ns() - begin < length);
    std::nth_element(taken.begin(), taken.begin() + static_cast<std::ptrdiff_t>(taken.size() / 2), taken.end());
    return taken[taken.size() / 2];
}

void on_two_threads(const std::function<void()> &first, const std::function<void()> &second) {
    std::atomic<int> begun{0};
    const auto body = [&](unsigned number, const std::function<void()> &run) {
        pin(number);
        begun.fetch_add(1);
        while (begun.load() < 2) std::this_thread::yield();
        run();
    };
    std::thread other([&] { body(1, second); });
    std::thread one([&] { body(0, first); });
    one.join();
    other.join();
}

std::vector<Figure> mixed_load(const LoadContender &contender) {
    Load one(contender, 1);
    Load other(contender, 2);
    const double before = resident();
    std::vector<Figure> figures;
    on_two_threads([&] { one.fill(); }, [&] { other.fill(); });
    on_two_threads([&] { one.pass_through(); }, [&] { other.pass_through(); });
    const auto asked = static_cast<double>(one.bytes() + other.bytes());
    figures.push_back({"resident_over_asked", (resident() - before) / asked});
    contender.at_peak(&figures);
    on_two_threads([&] { one.empty(); }, [&] { other.empty(); });
    contender.trim();
    figures.push_back({"left_bytes", resident() - before});
    return figures;
}

int memory_main(int argc, char **argv, const std::string &version, const std::vector<Work> &works) {
    if (argc == 2 && std::strcmp(argv[1], "--list") == 0) {
        std::printf("{\"version\": \"%s\", \"works\": [", version.c_str());
        for (const Work &work : works) std::printf("%s\"%s\"", &work == works.data() ? "" : ", ", work.name);
        std::puts("]}");
        return 0;
    }
    for (const Work &work : works) {
        if (argc != 3 || std::strcmp(argv[1], work.name) != 0) continue;
        const std::vector<Figure> figures = work.run(std::atof(argv[2]));
        std::printf("{");
        for (const Figure &figure : figures)
            std::printf("%s\"%s\": %.6g", &figure == figures.data() ? "" : ", ", figure.name, figure.value);
        std::puts("}");
        return 0;
    }
    std::fprintf(stderr, "usage: %s --list | WORK SECONDS\n", argv[0]);
    return 2;
}

}  // namespace bench
