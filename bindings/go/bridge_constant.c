// SPDX-License-Identifier: MIT
#ifndef _GNU_SOURCE
#define _GNU_SOURCE  // dl_iterate_phdr
#endif
#include <link.h>

#include "bridge.h"

struct list {
    zcngo_range *ranges;
    size_t capacity, count;
};

static int of_program(struct dl_phdr_info *object, size_t size, void *context) {
    (void)size;
    struct list *list = (struct list *)context;
    for (size_t i = 0; i < object->dlpi_phnum && list->count < list->capacity; i++) {
        const ElfW(Phdr) *part = &object->dlpi_phdr[i];
        if (part->p_type != PT_LOAD || (part->p_flags & PF_W) != 0) continue;
        const uintptr_t first = (uintptr_t)(object->dlpi_addr + part->p_vaddr);
        list->ranges[list->count++] = (zcngo_range){first, first + part->p_memsz};
    }
    return 1;  // the program itself comes first; other objects may be unloaded
}

size_t zcngo_constants(zcngo_range *ranges, size_t capacity) {
    struct list list = {ranges, capacity, 0};
    dl_iterate_phdr(of_program, &list);
    return list.count;
}
