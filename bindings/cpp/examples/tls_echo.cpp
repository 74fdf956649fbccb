/* SPDX-License-Identifier: MIT */
/* Messages over TLS: a stream over OpenSSL. What is decrypted goes straight into the memory that the messages are shown
   in, and what is encrypted comes straight from the memory that they were written in.
   Usage: tls_echo serve HOST:PORT CERT KEY       echoes, a thread a connection; prints its address
          tls_echo ask HOST:PORT CERT WORD…       trusts CERT alone, for "localhost"; prints the answers with their
   sizes */
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <csignal>
#include <functional>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <zcnet/zcnet.hpp>

namespace {

struct Free {
    void operator()(SSL *tls) const { SSL_free(tls); }
    void operator()(SSL_CTX *context) const { SSL_CTX_free(context); }
    void operator()(BIO *bio) const { BIO_free_all(bio); }
};
template <typename T>
using Owned = std::unique_ptr<T, Free>;

/* Throws with what OpenSSL says of its last failure. */
void check(bool done, const std::string &what) {
    if (done) return;
    char text[256];
    ERR_error_string_n(ERR_get_error(), text, sizeof text);
    throw std::runtime_error(what + ": " + text);
}

/* Messages on a connection of OpenSSL's, one call at a time. */
class Channel {
  public:
    Channel(SSL_CTX *context, Owned<BIO> bio) : tls_(SSL_new(context)) {
        check(tls_ != nullptr, "memory");
        BIO *const plain = bio.release();
        SSL_set_bio(tls_.get(), plain, plain);
    }
    ~Channel() { SSL_shutdown(tls_.get()); }
    Channel(const Channel &) = delete;

    SSL *get() const { return tls_.get(); }
    zcnet::Stream &stream() { return stream_; }

    /* Calls with each message until it says false, or the peer ends; true in the first case. */
    bool run(const std::function<bool(const zcnet::Event &)> &take) {
        flush();
        for (;;) {
            fill();
            for (bool more = true; more;) {
                const zcnet::Events events = stream_.poll();
                more = events.more();
                for (const zcnet::Event event : events) {
                    if (event.type() == zcnet::EventType::closed) {
                        if (event.status() != ZCN_EOF) throw zcnet::Error(event.status());
                        return false;
                    }
                    if (event.type() == zcnet::EventType::message && !take(event)) return true;
                }
                flush();
            }
        }
    }

  private:
    void fill() {
        const zcnet::MutableBytes room = stream_.read_room().first();
        std::size_t got;
        if (SSL_read_ex(tls_.get(), room.data(), room.size(), &got) == 1) {
            stream_.read_done(got);
        } else {
            check(SSL_get_error(tls_.get(), 0) == SSL_ERROR_ZERO_RETURN, "the connection ended");
            stream_.end();
        }
    }
    void flush() {
        iovec piece;
        while (stream_.gather(&piece, 1) > 0) {
            std::size_t written;
            check(SSL_write_ex(tls_.get(), piece.iov_base, piece.iov_len, &written) == 1, "the connection ended");
            stream_.write_done(written);
        }
    }

    Owned<SSL> tls_;
    zcnet::Stream stream_{zcnet::Framing("length,width=4,strip=4,max=1M")};
};

/* With the port that was taken. */
std::string address_of(int fd) {
    sockaddr_storage bound;
    socklen_t size = sizeof bound;
    char host[64], port[16];
    auto *const address = reinterpret_cast<sockaddr *>(&bound);
    if (getsockname(fd, address, &size) != 0 ||
        getnameinfo(address, size, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
        throw std::runtime_error("the socket has no address");
    }
    return std::string(host) + ":" + port;
}

void echo(SSL_CTX *context, Owned<BIO> bio) try {
    Channel channel(context, std::move(bio));
    check(SSL_accept(channel.get()) == 1, "a handshake");
    channel.run([&](const zcnet::Event &event) { return channel.stream().send(event.message()); });
} catch (const std::exception &error) {
    std::cerr << "a connection ended: " << error.what() << "\n";
}

int serve(const char *address, const char *cert, const char *key) {
    const Owned<SSL_CTX> context(SSL_CTX_new(TLS_server_method()));
    check(context && SSL_CTX_use_certificate_chain_file(context.get(), cert) == 1, cert);
    check(SSL_CTX_use_PrivateKey_file(context.get(), key, SSL_FILETYPE_PEM) == 1, key);
    const Owned<BIO> listener(BIO_new_accept(address));
    check(listener && BIO_do_accept(listener.get()) == 1, address);
    std::cout << address_of(static_cast<int>(BIO_get_fd(listener.get(), nullptr))) << std::endl;
    for (;;) {
        check(BIO_do_accept(listener.get()) == 1, "accepting");
        std::thread(echo, context.get(), Owned<BIO>(BIO_pop(listener.get()))).detach();
    }
}

int ask(const char *address, const char *cert, char **words, int count) {
    const Owned<SSL_CTX> context(SSL_CTX_new(TLS_client_method()));
    check(context && SSL_CTX_load_verify_locations(context.get(), cert, nullptr) == 1, cert);
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
    Owned<BIO> bio(BIO_new_connect(address));
    check(bio && BIO_do_connect(bio.get()) == 1, address);
    Channel channel(context.get(), std::move(bio));
    check(SSL_set_tlsext_host_name(channel.get(), "localhost") == 1 && SSL_set1_host(channel.get(), "localhost") == 1 &&
              SSL_connect(channel.get()) == 1,
          "the certificate is not trusted");
    for (int i = 0; i < count; i++) {
        zcnet::Unit unit = zcnet::Unit::create();
        unit.append_owned(std::string(words[i]));
        if (!channel.stream().send(std::move(unit))) throw zcnet::Error(ZCN_AGAIN);
    }
    const bool answered = channel.run([&](const zcnet::Event &event) {
        std::cout << event.bytes().size() << " " << event.text() << "\n";
        return --count > 0;
    });
    return answered ? 0 : 1;
}

}  // namespace

int main(int argc, char **argv) try {
    const std::string verb = argc > 1 ? argv[1] : "";
    std::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes to sockets that may be gone
    if (verb == "serve" && argc == 5) return serve(argv[2], argv[3], argv[4]);
    if (verb == "ask" && argc > 4) return ask(argv[2], argv[3], argv + 4, argc - 4);
    std::cerr << "usage: tls_echo serve HOST:PORT CERT KEY | ask HOST:PORT CERT WORD...\n";
    return 2;
} catch (const std::exception &error) {
    std::cerr << "tls_echo: " << error.what() << "\n";
    return 1;
}
