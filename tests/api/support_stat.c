/* SPDX-License-Identifier: MIT */
#include "support_stat.h"

zcn_listener *page_show(side *on, const char *address) {
    zcn_listener *listener = NULL;
    assert_ok(zcn_listen_stat(&listener, on->loop, address));
    assert_non_null(listener);
    return listener;
}

char *page_read(side *on, const char *address) {
    bytes page = {0};
    const int fd = raw_connect(address);
    assert_int_equal(raw_read_to_end(fd, on, &page), 0);
    close(fd);
    bytes_append(&page, "", 1);
    return (char *)page.data;
}

uint64_t page_value(const char *page, const char *kind, const char *name) {
    char line[128];
    const int size = snprintf(line, sizeof line, "\n%s %s ", kind, name);
    const char *found = strstr(page, line);
    if (found == NULL) fail_msg("there is no %s %s", kind, name);
    assert_null(strstr(found + 1, line));
    return strtoull(found + size, NULL, 10);
}
