// SPDX-License-Identifier: MIT
// The command line of a verb: one table gives the parsing and the help, so that they cannot differ.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string>
#include <vector>

namespace tool {

class Arguments {
  public:
    // about: sentences for --help, with their line ends.
    Arguments(std::string verb, std::string synopsis, std::string about);

    void flag(const char *name, const char *help, bool *out);
    void text(const char *name, const char *value, const char *help, std::string *out);
    // May be given again.
    void texts(const char *name, const char *value, const char *help, std::function<void(const std::string &)> add);
    void number(const char *name, const char *value, const char *help, uint64_t *out, uint64_t low, uint64_t high);
    void size(const char *name, const char *value, const char *help, uint64_t *out);
    void decimal(const char *name, const char *value, const char *help, double *out);

    // Sets what the options point to. False: --help was asked for and has been printed. Throws UsageError.
    bool parse(int count, char **words, size_t least_positionals, size_t most_positionals);

    const std::vector<std::string> &positionals() const { return positionals_; }
    bool given(const std::string &name) const;
    std::string help() const;

    // One of a few words; its number is its place.
    uint32_t choose(const char *option, const std::string &word, std::initializer_list<const char *> words) const;

    // An error in words of this verb.
    [[noreturn]] void wrong(const std::string &sentence) const;

  private:
    struct Option {
        std::string name;
        std::string value;  // what stands for the value in the help; empty: none is taken
        std::string help;
        std::function<void(const std::string &)> set;
        bool given = false;
        bool repeats = false;
    };

    Option *find(const std::string &name);
    void take_option(const std::string &word, int count, char **words, int *at);

    std::string verb_;
    std::string synopsis_;
    std::string about_;
    std::vector<Option> options_;
    std::vector<std::string> positionals_;
};

// Plain decimal digits. Throws std::invalid_argument or std::out_of_range.
uint64_t parse_number(const std::string &text);
// With K, M or G behind it: powers of two.
uint64_t parse_size(const std::string &text);

}  // namespace tool
