/* SPDX-License-Identifier: MIT */
/* Messages over TLS: a stream over OpenSSL. What is decrypted goes straight into the memory that the messages are shown
   in, and what is encrypted comes straight from the memory that they were written in.
   Usage: tls_echo serve HOST:PORT CERT KEY       echoes, a thread a connection; prints its address
          tls_echo ask HOST:PORT CERT WORD…       trusts CERT alone, for "localhost"; prints the answers with their
   sizes */
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <zcnet/zcnet.h>

static zcn_framing *framing;
static SSL_CTX *context;

static int failed(const char *what) {
    fprintf(stderr, "tls_echo: %s\n", what);
    ERR_print_errors_fp(stderr);
    return 1;
}

/* Writes what the stream has queued. */
static int flush(zcn_stream *stream, SSL *tls) {
    struct iovec piece;
    size_t count;
    while (zcn_stream_gather(stream, &piece, 1, &count) == ZCN_OK) {
        if (count == 0) return 1;
        size_t written;
        if (SSL_write_ex(tls, piece.iov_base, piece.iov_len, &written) != 1) return 0;
        if (zcn_stream_write_done(stream, written) != ZCN_OK) return 0;
    }
    return 0;
}

/* Reads once; the peer's end in order becomes the stream's. */
static int fill(zcn_stream *stream, SSL *tls) {
    struct iovec room[2];
    size_t count, got;
    if (zcn_stream_read_room(stream, room, 2, &count) != ZCN_OK) return 0;
    if (SSL_read_ex(tls, room[0].iov_base, room[0].iov_len, &got) == 1)
        return zcn_stream_read_done(stream, got) == ZCN_OK;
    return SSL_get_error(tls, 0) == SSL_ERROR_ZERO_RETURN && zcn_stream_end(stream) == ZCN_OK;
}

/* Called with each message until it, or the peer, ends the connection. False: it goes on. */
typedef int (*taker)(zcn_stream *stream, const zcn_event *message, void *with);

static zcn_status converse(SSL *tls, zcn_stream *stream, taker take, void *with) {
    zcn_status status = ZCN_ERESET;
    int over = !flush(stream, tls);
    while (!over && fill(stream, tls)) {
        const zcn_event *events;
        size_t count;
        int32_t more = 1;
        while (more && !over && zcn_stream_poll(stream, &events, &count, &more) == ZCN_OK) {
            for (size_t i = 0; i < count && !over; i++) {
                if (events[i].type == ZCN_EVENT_CLOSED) status = events[i].status;
                over = events[i].type == ZCN_EVENT_CLOSED ||
                       (events[i].type == ZCN_EVENT_MESSAGE && take(stream, &events[i], with));
            }
            over = !flush(stream, tls) || over;
        }
    }
    return status;
}

static int send_back(zcn_stream *stream, const zcn_event *message, void *with) {
    (void)with;
    return zcn_stream_send_msg(stream, message->msg) != ZCN_OK; /* the frame as it stands */
}

static void *echo(void *bio) {
    SSL *tls = SSL_new(context);
    zcn_stream *stream = NULL;
    zcn_status status = ZCN_ERESET;
    if (tls == NULL) {
        BIO_free_all(bio);
        return NULL;
    }
    SSL_set_bio(tls, bio, bio);
    if (SSL_accept(tls) == 1 && zcn_stream_create(&stream, NULL, framing, NULL) == ZCN_OK) {
        status = converse(tls, stream, send_back, NULL);
    }
    if (status != ZCN_EOF) failed("a connection ended");
    SSL_shutdown(tls);
    zcn_stream_release(stream);
    SSL_free(tls);
    return NULL;
}

/* With the port that was taken. */
static void print_address(int fd) {
    struct sockaddr_storage bound;
    socklen_t size = sizeof bound;
    char host[64], port[16];
    if (getsockname(fd, (struct sockaddr *)&bound, &size) != 0 ||
        getnameinfo((struct sockaddr *)&bound, size, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
        return;
    }
    printf("%s:%s\n", host, port);
    fflush(stdout);
}

static int serve(const char *address, const char *cert, const char *key) {
    context = SSL_CTX_new(TLS_server_method());
    if (context == NULL || SSL_CTX_use_certificate_chain_file(context, cert) != 1 ||
        SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1) {
        return failed("the certificate or its key");
    }
    BIO *listener = BIO_new_accept(address);
    if (listener == NULL || BIO_do_accept(listener) != 1) return failed(address);
    print_address((int)BIO_get_fd(listener, NULL));
    while (BIO_do_accept(listener) == 1) {
        pthread_t thread;
        BIO *bio = BIO_pop(listener);
        if (pthread_create(&thread, NULL, echo, bio) == 0) {
            pthread_detach(thread);
        } else {
            BIO_free_all(bio);
        }
    }
    return failed("accepting");
}

static int print(zcn_stream *stream, const zcn_event *message, void *with) {
    (void)stream;
    printf("%zu %.*s\n", (size_t)message->size, (int)message->size, (const char *)message->data);
    return --*(int *)with == 0;
}

static int ask(const char *address, const char *cert, char **words, int count) {
    context = SSL_CTX_new(TLS_client_method());
    if (context == NULL || SSL_CTX_load_verify_locations(context, cert, NULL) != 1) return failed(cert);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL *tls = SSL_new(context);
    BIO *bio = BIO_new_connect(address);
    if (tls == NULL || bio == NULL || BIO_do_connect(bio) != 1) return failed(address);
    SSL_set_bio(tls, bio, bio);
    if (SSL_set_tlsext_host_name(tls, "localhost") != 1 || SSL_set1_host(tls, "localhost") != 1 ||
        SSL_connect(tls) != 1) {
        return failed("the certificate is not trusted");
    }
    zcn_stream *stream;
    if (zcn_stream_create(&stream, NULL, framing, NULL) != ZCN_OK) return 1;
    for (int i = 0; i < count; i++) {
        zcn_unit *unit;
        void *body;
        if (zcn_unit_alloc(&unit, &body, NULL, framing, strlen(words[i])) != ZCN_OK) return 1;
        memcpy(body, words[i], strlen(words[i]));
        if (zcn_stream_send(stream, unit) != ZCN_OK) return 1;
    }
    converse(tls, stream, print, &count);
    SSL_shutdown(tls);
    zcn_stream_release(stream);
    SSL_free(tls);
    SSL_CTX_free(context);
    return count == 0 ? 0 : failed("the connection ended");
}

int main(int argc, char **argv) {
    const int serves = argc == 5 && strcmp(argv[1], "serve") == 0;
    if (!serves && (argc < 5 || strcmp(argv[1], "ask") != 0)) {
        fprintf(stderr, "usage: tls_echo serve HOST:PORT CERT KEY | ask HOST:PORT CERT WORD...\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN); /* OpenSSL writes to sockets that may be gone */
    if (zcn_framing_parse(&framing, "length,width=4,strip=4,max=1M", NULL) < 0) return 1;
    const int status = serves ? serve(argv[2], argv[3], argv[4]) : ask(argv[2], argv[3], argv + 4, argc - 4);
    zcn_framing_release(framing);
    return status;
}
