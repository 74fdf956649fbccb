/* SPDX-License-Identifier: MIT */
/* A zcnet loop inside GLib's: a GSource of its own, which watches the descriptor and says its deadline before each
   wait. Usage: glib ROUNDS MESSAGES_PER_POLL */
#include <glib.h>

#include "guest.h"

typedef struct {
    GSource source;
    gpointer tag;
} Guest;

static gboolean prepare(GSource *source, gint *timeout) {
    (void)source;
    *timeout = guest_deadline_ms();
    return *timeout == 0;
}

static gboolean check(GSource *source) {
    return g_source_query_unix_fd(source, ((Guest *)source)->tag) != 0 || guest_deadline_ms() == 0;
}

/* What a turn leaves behind calls again, since GLib polls levels. */
static gboolean dispatch(GSource *source, GSourceFunc callback, gpointer host) {
    (void)source, (void)callback;
    int more;
    if (guest_turn(&more)) return G_SOURCE_CONTINUE;
    g_main_loop_quit(host);
    return G_SOURCE_REMOVE;
}

/* GLib calls dispatch only for sources with a callback where it was set; its user data is the main loop. */
static gboolean never_called(gpointer unused) {
    (void)unused;
    return G_SOURCE_REMOVE;
}

int main(int argc, char **argv) {
    static GSourceFuncs functions = {.prepare = prepare, .check = check, .dispatch = dispatch};
    guest_start(argc, argv);
    GMainLoop *host = g_main_loop_new(NULL, FALSE);
    GSource *source = g_source_new(&functions, sizeof(Guest));
    ((Guest *)source)->tag = g_source_add_unix_fd(source, zcn_loop_fd(guest_loop()), G_IO_IN);
    g_source_set_callback(source, never_called, host, NULL);
    g_source_attach(source, NULL);
    g_main_loop_run(host);
    g_source_unref(source);
    g_main_loop_unref(host);
    return guest_end();
}
