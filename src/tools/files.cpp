// SPDX-License-Identifier: MIT
// zcnet files
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "arguments.h"
#include "descriptor.h"
#include "endpoint.h"
#include "file_run.h"
#include "json.h"
#include "progress.h"
#include "text.h"
#include "verbs.h"

namespace tool {
namespace {

constexpr std::array method_names = {"auto", "sendfile", "mmap", "splice", "copy", "direct"};
// What the run that counts system calls sends: enough for a mean, since each call takes long in it.
constexpr uint64_t counted_bytes = 32 << 20;
constexpr int64_t cold_within_ns = 5 * second_ns;

struct FilesOptions {
    std::string path;
    std::string transport = "both";
    std::string cache = "both";
    std::string sizes = "16K,256K,4M";
    std::string methods;
    uint64_t total = 1 << 30;
    uint64_t rounds = 3;
    bool json = false;
};

std::vector<std::string> split(const std::string &list) {
    std::vector<std::string> words;
    for (size_t start = 0; start <= list.size();) {
        const size_t end = std::min(list.find(',', start), list.size());
        words.push_back(list.substr(start, end - start));
        start = end + 1;
    }
    return words;
}

// What one method did with one kind of work.
struct Row {
    uint32_t method = 0;
    std::vector<FileResult> rounds;
    FileResult counted;
    std::string failure;

    template <class Figure>
    double median(Figure &&figure) const {
        std::vector<double> values;
        for (const FileResult &round : rounds) values.push_back(figure(round));
        std::ranges::sort(values);
        const size_t half = values.size() / 2;
        return values.size() % 2 != 0 ? values[half] : (values[half - 1] + values[half]) / 2;
    }
    double gb_s() const {
        return median([](const FileResult &one) { return static_cast<double>(one.bytes) * 1e-9 / one.seconds; });
    }
    double cpu_s_gb() const {
        return median([](const FileResult &one) { return one.cpu_s / (static_cast<double>(one.bytes) * 1e-9); });
    }
    double switches_mb() const {
        return median([](const FileResult &one) {
            return static_cast<double>(one.switches) / (static_cast<double>(one.bytes) * 1e-6);
        });
    }
    double calls_mb() const {
        return static_cast<double>(*counted.calls) / (static_cast<double>(counted.bytes) * 1e-6);
    }
    // The way that most of the bytes took, which is another one where auto chose it, or the system has no other.
    const char *way() const {
        const FileResult &last = rounds.back();
        const std::array<uint64_t, 6> by = {
            0, last.by_sendfile, last.by_mmap, last.by_splice, last.by_copy, last.by_direct};
        return method_names[static_cast<size_t>(std::ranges::max_element(by) - by.begin())];
    }
};

class Comparison {
  public:
    explicit Comparison(const FilesOptions &options);
    int run();

  private:
    void compare(bool tcp, bool cold, uint64_t size);
    void measure(Row *row, const FileRun &work, bool cold);
    void make_warm();
    bool make_cold();
    uint64_t cached_bytes() const;
    void print_head(const FileRun &work, bool cold) const;
    void print(const Row &row, const FileRun &work, bool cold) const;

    const FilesOptions options_;
    Descriptor file_;
    uint64_t size_ = 0;
    std::vector<uint32_t> methods_;
    std::vector<uint64_t> sizes_;
    Progress progress_;
    uint64_t done_ = 0;
    bool failed_ = false;
    bool told_uncounted_ = false;
};

Comparison::Comparison(const FilesOptions &options) : options_(options), progress_(!options.json, "measuring", 0, 0) {
    file_ = Descriptor(::open(options.path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct stat found {};
    if (file_.get() < 0 || fstat(file_.get(), &found) != 0) throw Failure(system_error(options.path));
    if (!S_ISREG(found.st_mode)) throw Failure(options.path + " is no regular file");
    size_ = static_cast<uint64_t>(found.st_size);
    if (size_ == 0) throw Failure(options.path + " is empty");
    for (const std::string &word : split(options.sizes)) {
        uint64_t size = 0;
        try {
            size = parse_size(word);
        } catch (const std::exception &) {
            throw UsageError("files: --sizes is a list as in 16K,1M, not \"" + options.sizes + "\"");
        }
        if (size == 0) throw UsageError("files: --sizes are at least 1");
        size = std::min(size, size_);
        if (std::ranges::find(sizes_, size) == sizes_.end()) sizes_.push_back(size);
    }
    for (uint32_t method = 0; options.methods.empty() && method < method_names.size(); method++)
        methods_.push_back(method);
    if (options.methods.empty()) return;
    for (const std::string &word : split(options.methods)) {
        const auto *const found_name = std::ranges::find(method_names, word);
        if (found_name == method_names.end())
            throw UsageError("files: --methods is a list of auto, sendfile, mmap, splice, copy, direct, not \"" +
                             options.methods + "\"");
        methods_.push_back(static_cast<uint32_t>(found_name - method_names.begin()));
    }
}

uint64_t Comparison::cached_bytes() const {
    void *map = mmap(nullptr, size_, PROT_READ, MAP_SHARED, file_.get(), 0);
    if (map == MAP_FAILED) throw Failure(system_error(options_.path));
    const auto page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
    std::vector<unsigned char> pages((size_ + page - 1) / page);
    const int result = mincore(map, size_, pages.data());
    munmap(map, size_);
    if (result != 0) throw Failure(system_error(options_.path));
    return page * static_cast<uint64_t>(std::ranges::count_if(pages, [](unsigned char one) { return (one & 1) != 0; }));
}

void Comparison::make_warm() {
    std::vector<char> buffer(1 << 20);
    for (uint64_t at = 0; at < size_;) {
        const ssize_t got = pread(file_.get(), buffer.data(), buffer.size(), static_cast<off_t>(at));
        if (got <= 0) throw Failure(got < 0 ? system_error(options_.path) : options_.path + " has become shorter");
        at += static_cast<uint64_t>(got);
    }
}

// Pages that are not on the disk yet stay: they are written first. Those that another processor has just used go a
// little later, and a few stay with the network until it is used again. False: it cannot be made cold.
bool Comparison::make_cold() {
    (void)fdatasync(file_.get());
    for (const int64_t by = now_ns() + cold_within_ns;;) {
        (void)posix_fadvise(file_.get(), 0, 0, POSIX_FADV_DONTNEED);
        if (cached_bytes() <= size_ / 16) return true;
        if (now_ns() >= by) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
}

void Comparison::measure(Row *row, const FileRun &work, bool cold) {
    if (cold && !make_cold()) {
        row->failure = "the file stays in the page cache";
        return;
    }
    FileRun timed = work;
    timed.verify = timed.count_calls = false;
    row->rounds.push_back(run_file(timed));
}

void Comparison::print_head(const FileRun &work, bool cold) const {
    if (options_.json) return;
    print_line(format("\n%s, %s page cache, ranges of %s: %s", work.tcp ? "TCP over loopback" : "Unix socket",
                      cold ? "cold" : "warm", bytes_text(static_cast<double>(work.size)).c_str(),
                      bytes_text(static_cast<double>(work.size * work.count)).c_str()));
    print_line("  method        GB/s   CPU s/GB   calls/MB   switches/MB   way");
}

void Comparison::print(const Row &row, const FileRun &work, bool cold) const {
    const char *name = method_names[row.method];
    const char *transport = work.tcp ? "tcp" : "unix";
    if (options_.json) {
        Json json;
        json.text("transport", transport).text("cache", cold ? "cold" : "warm").number("size", work.size);
        json.text("method", name).number("rounds", row.rounds.size());
        if (!row.failure.empty()) {
            print_line(json.text("failure", row.failure).line());
            return;
        }
        json.number("bytes", row.rounds.back().bytes).decimal("gb_s", row.gb_s()).decimal("cpu_s_gb", row.cpu_s_gb());
        if (row.counted.calls) json.decimal("calls_mb", row.calls_mb());
        json.decimal("switches_mb", row.switches_mb()).text("way", row.way());
        print_line(json.line());
        return;
    }
    if (!row.failure.empty()) {
        print_line(format("  %-8s  %s", name, row.failure.c_str()));
        return;
    }
    const std::string calls = row.counted.calls ? format("%.2f", row.calls_mb()) : "?";
    print_line(format("  %-8s  %8.2f   %8.3f   %8s   %11.2f   %s", name, row.gb_s(), row.cpu_s_gb(), calls.c_str(),
                      row.switches_mb(), row.way()));
}

void Comparison::compare(bool tcp, bool cold, uint64_t size) {
    FileRun work;
    work.file = file_.get();
    work.file_size = size_;
    work.tcp = tcp;
    work.size = size;
    // What was sent once is warm.
    const uint64_t total = cold ? std::min(options_.total, size_) : options_.total;
    work.count = std::max<uint64_t>(total / size, 1);
    std::vector<Row> rows(methods_.size());
    for (size_t i = 0; i < rows.size(); i++) rows[i].method = methods_[i];
    const auto try_each = [&](uint64_t first, auto &&what) {
        for (size_t i = 0; i < rows.size(); i++) {
            Row &row = rows[(first + i) % rows.size()];
            if (!row.failure.empty()) continue;
            try {
                what(&row);
            } catch (const Failure &failure) {
                row.failure = failure.what();
            }
            progress_.update(++done_, 0);
        }
    };
    if (!cold) make_warm();
    // First all of them once with every byte compared: what is measured also works.
    try_each(0, [&](Row *row) {
        FileRun counted = work;
        counted.method = row->method;
        counted.count = std::max<uint64_t>(std::min(counted_bytes, work.size * work.count) / size, 1);
        counted.count_calls = counted.verify = true;
        row->counted = run_file(counted);
    });
    // Round by round, so that what changes in time meets all of them; and each begins once, since what one leaves
    // behind is found by the next.
    for (uint64_t round = 0; round < options_.rounds; round++)
        try_each(round, [&](Row *row) {
            FileRun one = work;
            one.method = row->method;
            measure(row, one, cold);
        });
    progress_.clear();
    print_head(work, cold);
    for (const Row &row : rows) {
        print(row, work, cold);
        failed_ = failed_ || !row.failure.empty();
        if (row.failure.empty() && !row.counted.calls && !told_uncounted_) {
            complain("system calls are not counted: the system does not let this process trace its children");
            told_uncounted_ = true;
        }
    }
}

int Comparison::run() {
    progress_.start();
    for (const bool tcp : {true, false}) {
        if (options_.transport != "both" && (options_.transport == "tcp") != tcp) continue;
        for (const bool cold : {false, true}) {
            if (options_.cache != "both" && (options_.cache == "cold") != cold) continue;
            for (const uint64_t size : sizes_) compare(tcp, cold, size);
        }
    }
    return failed_ ? 1 : 0;
}

}  // namespace

int run_files(int count, char **words) {
    FilesOptions options;
    Arguments arguments(
        "files", "FILE [OPTIONS]",
        "Sends FILE by each method that the library has, from one process to another on this machine, and\n"
        "prints for each: the rate, processor time of the sender (of all its threads), its system calls and\n"
        "context switches, and the way that the bytes took after all. Every method is run once with all bytes\n"
        "compared. Medians of rounds in which the methods take turns.\n\n"
        "The processor time of the way through the kernel's network is the sender's, too, as far as it runs in\n"
        "its calls. A cold file was taken out of the page cache before, but for a sixteenth at most; it is sent\n"
        "once.\n");
    arguments.text("transport", "T", "tcp, unix or both (both)", &options.transport);
    arguments.text("cache", "C", "warm, cold or both: the page cache (both)", &options.cache);
    arguments.text("sizes", "LIST", "bytes of a range that is sent as one message (16K,256K,4M)", &options.sizes);
    arguments.text("methods", "LIST", "some of auto,sendfile,mmap,splice,copy,direct (all)", &options.methods);
    arguments.size("total", "S", "bytes of one round (1G)", &options.total);
    arguments.number("rounds", "N", "rounds (3)", &options.rounds, 1, 1000);
    arguments.flag("json", "print JSON, one object a line", &options.json);
    if (!arguments.parse(count, words, 1, 1)) return 0;
    if (options.transport != "tcp" && options.transport != "unix" && options.transport != "both")
        arguments.wrong("--transport is tcp, unix or both");
    if (options.cache != "warm" && options.cache != "cold" && options.cache != "both")
        arguments.wrong("--cache is warm, cold or both");
    if (options.total == 0) arguments.wrong("--total is at least 1");
    options.path = arguments.positionals()[0];
    return Comparison(options).run();
}

}  // namespace tool
