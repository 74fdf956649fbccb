// SPDX-License-Identifier: MIT
// An intrusive doubly linked list: an object knows whether it is in it, and leaves without a search.
#pragma once

#include <cstddef>

namespace zcnet {

// A tag makes several links in one object distinct types.
template <class Tag>
struct Link {
    Link *before = nullptr;
    Link *after = nullptr;
    [[nodiscard]] bool linked() const noexcept { return before != nullptr; }
};

template <class Object, class Tag>
class List {
  public:
    List() noexcept { root_.before = root_.after = &root_; }
    List(const List &) = delete;
    List &operator=(const List &) = delete;

    [[nodiscard]] bool empty() const noexcept { return root_.after == &root_; }
    [[nodiscard]] Object *front() noexcept { return empty() ? nullptr : from(root_.after); }
    [[nodiscard]] Object *after(Object *object) noexcept {
        Link<Tag> *next = link(object)->after;
        return next == &root_ ? nullptr : from(next);
    }

    void push_back(Object *object) noexcept { insert(link(object), root_.before); }
    void push_front(Object *object) noexcept { insert(link(object), &root_); }

    static void remove(Object *object) noexcept {
        Link<Tag> *here = link(object);
        here->before->after = here->after;
        here->after->before = here->before;
        here->before = here->after = nullptr;
    }

    Object *pop_front() noexcept {
        Object *first = front();
        if (first != nullptr) remove(first);
        return first;
    }

    // Takes everything from another list to its own end.
    void append(List &other) noexcept {
        while (Object *object = other.pop_front()) push_back(object);
    }

    static bool contains(const Object *object) noexcept { return static_cast<const Link<Tag> *>(object)->linked(); }

  private:
    static Link<Tag> *link(Object *object) noexcept { return static_cast<Link<Tag> *>(object); }
    static Object *from(Link<Tag> *here) noexcept { return static_cast<Object *>(here); }
    static void insert(Link<Tag> *here, Link<Tag> *behind) noexcept {
        here->before = behind;
        here->after = behind->after;
        behind->after->before = here;
        behind->after = here;
    }

    Link<Tag> root_;
};

}  // namespace zcnet
