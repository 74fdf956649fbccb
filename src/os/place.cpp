// SPDX-License-Identifier: MIT
#include "os/place.h"

#include <link.h>

#include <cstdint>
#include <cstdio>

namespace zcnet::os {

namespace {

struct Search {
    uintptr_t address;
    char *buffer;
    size_t capacity;
};

int look(dl_phdr_info *object, size_t, void *argument) noexcept {
    const auto &search = *static_cast<const Search *>(argument);
    for (int i = 0; i < object->dlpi_phnum; i++) {
        const auto &part = object->dlpi_phdr[i];
        const uintptr_t begin = object->dlpi_addr + part.p_vaddr;
        if (part.p_type != PT_LOAD || search.address < begin || search.address - begin >= part.p_memsz) continue;
        // The program itself has no name here.
        const char *name = object->dlpi_name != nullptr && *object->dlpi_name != '\0' ? object->dlpi_name : "program";
        (void)std::snprintf(search.buffer, search.capacity, "%s+0x%zx", name,
                            static_cast<size_t>(search.address - object->dlpi_addr));
        return 1;
    }
    return 0;
}

}  // namespace

void describe_place(const void *address, char *buffer, size_t capacity) noexcept {
    Search search{reinterpret_cast<uintptr_t>(address), buffer, capacity};
    if (dl_iterate_phdr(look, &search) == 0) (void)std::snprintf(buffer, capacity, "%p", address);
}

}  // namespace zcnet::os
