/* SPDX-License-Identifier: MIT */
/* A program of someone else, in the language that C and C++ share: over loopback, a message goes to a listener and
   comes back. */
#include <stdio.h>
#include <string.h>
#include <zcnet/zcnet.h>

static const char text[] = "there and back";

#ifdef CONSUMER_HAS_HALF
/* 0 when the text is a framing, 1 when it is not: written in C++. */
int half_in_cpp(const char *framing_text);
#endif

static int fail(const char *what, zcn_status status) {
    fprintf(stderr, "%s: %s\n", what, zcn_status_name(status));
    return 1;
}

/* 1 when the answer has come, 0 to go on, -1 when something is wrong. */
static int handle(const zcn_event *event, const zcn_conn *client) {
    if (event->type == ZCN_EVENT_TIMER) return -1;
    if (event->type == ZCN_EVENT_CLOSED) return -1;
    if (event->type != ZCN_EVENT_MESSAGE) return 0;
    if (event->conn != client) return zcn_conn_send_msg(event->conn, event->msg) == ZCN_OK ? 0 : -1;
    return event->size == sizeof text && memcmp(event->data, text, sizeof text) == 0 ? 1 : -1;
}

int main(void) {
    zcn_framing *framing;
    zcn_loop *loop;
    zcn_listener *listener;
    zcn_conn *client;
    char address[128];
    zcn_status status;
    int done = 0;

    if (zcn_version() != ZCN_VERSION_NUMBER) return fail("another version of the library is running", ZCN_EINTERNAL);
#ifdef CONSUMER_HAS_HALF
    if (half_in_cpp("raw") != 0 || half_in_cpp("no such kind") != 1) return fail("the half in C++", ZCN_EINTERNAL);
#endif
    status = zcn_framing_parse(&framing, "length,width=4,strip=4,max=1M", NULL);
    if (status != ZCN_OK) return fail("framing", status);
    status = zcn_loop_create(&loop, NULL);
    if (status != ZCN_OK) return fail("loop", status);
    status = zcn_listen(&listener, loop, "tcp://127.0.0.1:0", framing, NULL);
    if (status != ZCN_OK) return fail("listen", status);
    status = zcn_listener_address(listener, address, sizeof address);
    if (status != ZCN_OK) return fail("address", status);
    status = zcn_connect(&client, loop, address, framing, NULL);
    if (status != ZCN_OK) return fail("connect", status);
    status = zcn_conn_send_copy(client, text, sizeof text);
    if (status != ZCN_OK) return fail("send", status);
    status = zcn_loop_timer_set(loop, 1, INT64_C(20000000000));
    if (status != ZCN_OK) return fail("timer", status);

    while (done == 0) {
        const zcn_event *events;
        size_t count, i;
        int32_t more;
        status = zcn_loop_poll(loop, -1, &events, &count, &more);
        if (status < 0) return fail("poll", status);
        for (i = 0; i < count && done == 0; i++) done = handle(&events[i], client);
    }

    zcn_listener_release(listener);
    zcn_loop_release(loop);
    zcn_framing_release(framing);
    printf("%s: %s\n", address, done > 0 ? text : "no answer");
    return done > 0 ? 0 : 1;
}
