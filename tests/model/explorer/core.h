// SPDX-License-Identifier: MIT
// The depth-first search, and what the hooks call.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "explorer.h"
#include "fibers.h"
#include "machine.h"
#include "mutation.h"
#include "shadow.h"

namespace model {

// The states that were seen, each with the threads that need not be run from it.
class Visited {
  public:
    // True when the state is new. Else `*asleep` is what was kept with it.
    bool insert(uint64_t hash, uint8_t asleep, uint8_t **kept);
    void clear();
    [[nodiscard]] uint64_t size() const { return used_; }

  private:
    struct Slot {
        uint64_t hash;
        uint8_t asleep;
    };
    void grow();
    std::vector<Slot> slots_;
    uint64_t used_ = 0;
};

class Core {
  public:
    enum class Phase : uint8_t { set_up, threads, finish };

    explicit Core(const Scenario &scenario) : scenario_(scenario) {}
    Outcome explore(uint64_t most_runs);

    // From the hooks and the scenario.
    Step atomic(const Operation &given);
    void plain(uintptr_t address, size_t size, bool writes, const void *place);
    void give_back(uintptr_t address, size_t size, const void *place);
    [[noreturn]] void abandon();  // this execution: another one shows the rest of it
    [[noreturn]] void fail(const char *what, const void *place, const void *other = nullptr);
    unsigned choose(unsigned count);
    unsigned choose_for(unsigned count);  // for the thread that runs
    void note_outcome(uint64_t outcome) { outcome_.seen.insert(outcome); }
    void each_thread_has(void *variable, size_t size);
    void at_thread_end(void (*end)(void *), void *with);
    void *take(size_t size, size_t alignment);  // zeroed memory, never the same twice in an execution
    void no_more_memory() { arena_end_ = arena_; }
    [[nodiscard]] uint64_t taken() const { return taken_; }  // bytes, less what was given back
    [[nodiscard]] Phase phase() const { return phase_; }
    [[nodiscard]] unsigned current() const { return current_; }

  private:
    struct Thread {
        Operation next;
        bool alive = false;
        void (*end)(void *) = nullptr;
        void *end_with = nullptr;
    };
    struct Local {
        unsigned char *variable;
        size_t size;
        std::vector<unsigned char> kept;  // of the one that is no fiber, and of each fiber
    };
    // A place where the search can go more than one way.
    struct Choice {
        bool of_threads = false;
        uint8_t todo = 0;    // threads that are still to be tried, the present one included
        uint8_t asleep = 0;  // threads whose next step was tried before and meets nothing of what came since
        uint16_t chosen = 0;
        uint16_t count = 0;
    };
    struct Access {  // to one address, in all executions
        uint8_t threads = 0;
        bool written = false;
    };
    struct Event {
        uint8_t thread;
        Operation operation;
        Step step;
    };

    enum class End : uint8_t { complete, pruned, failed, again };
    End run();
    bool next_choice();
    void run_thread(unsigned thread, bool starts);
    bool pick(uint8_t *asleep, unsigned *thread);
    bool is_visible(const Operation &operation);
    void swap_locals(unsigned out, unsigned in);
    static void body();
    [[noreturn]] void leave();
    [[nodiscard]] std::string story() const;

    const Scenario &scenario_;
    Outcome outcome_;
    Phase phase_ = Phase::set_up;
    unsigned current_ = max_threads;
    Fibers fibers_{max_threads + 1};
    Machine machine_;
    Shadow shadow_;
    Visited visited_;
    Mutation mutation_;
    Thread threads_[max_threads];
    std::vector<Local> locals_;
    std::vector<Choice> choices_;
    size_t position_ = 0;
    std::unordered_map<uintptr_t, Access> accesses_;
    std::vector<Event> events_;
    uintptr_t arena_ = 0;
    uintptr_t arena_end_ = 0;
    uint64_t taken_ = 0;
    bool failed_ = false;
    const char *broken_ = nullptr;
    const void *broken_at_ = nullptr;
    const void *broken_with_ = nullptr;
    bool again_ = false;
    bool abandoned_ = false;
};

extern Core *core;  // nullptr: nothing is explored

// While explored code runs. The explorer's own functions may be the same ones (templates of the standard library, block
// copies): what they do on its behalf is not looked at.
extern bool explored_code_runs;

class Inside {
  public:
    Inside() : before_(explored_code_runs) { explored_code_runs = false; }
    ~Inside() { explored_code_runs = before_; }
    Inside(const Inside &) = delete;
    Inside &operator=(const Inside &) = delete;

  private:
    bool before_;
};

}  // namespace model
