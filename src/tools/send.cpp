// SPDX-License-Identifier: MIT
// zcnet send
#include <poll.h>

#include <algorithm>

#include "arguments.h"
#include "endpoint.h"
#include "framing_words.h"
#include "interrupt.h"
#include "json.h"
#include "progress.h"
#include "source.h"
#include "summary.h"
#include "text.h"
#include "verbs.h"

namespace tool {
namespace {

// Units on their way: each may hold a mapping, of which a process has only so many, and small files fill no queue.
constexpr uint64_t window = 2048;
// The peer's end is waited for so long, since it alone tells that nothing was lost on the way.
constexpr int64_t farewell_ns = 5 * second_ns;
constexpr int64_t stop_within_ns = 3 * second_ns;
constexpr uint32_t drain_timeout_ms = 60000;  // a receiver may be slow to take the rest

struct SenderOptions {
    std::string address;
    std::string framing;
    std::vector<std::string> names;
    bool listen = false;
    bool json = false;
    bool lines = false;
    double rate = 0;
    uint64_t repeat = 1;
    uint64_t zero_copy_from = 0;
    bool explain = false;
};

Source::Options source_options(const SenderOptions &options, const zcn_framing *framing) {
    const zcn_framing_options rule = framing_options(framing);
    Source::Options source;
    source.lines = options.lines;
    source.pieces = rule.kind == ZCN_FRAMING_RAW;
    source.read_files = rule.check != 0;
    source.rounds = options.repeat;
    source.largest = rule.kind == ZCN_FRAMING_RAW ? UINT64_MAX : rule.kind == ZCN_FRAMING_FIXED ? rule.fixed : rule.max;
    return source;
}

class Sender {
  public:
    explicit Sender(const SenderOptions &options)
        : options_(options),
          framing_(parse_framing(options.framing)),
          raw_(parse_framing("raw")),
          pool_(create_pool(0)),
          source_(options.names, source_options(options, framing_.get()), pool_.get()),
          loop_(create_loop(pool_.get(), 0)),
          progress_(!options.json, "sending", source_.total_bytes(), source_.total_messages()) {}

    int run();

  private:
    void open();
    void begin(zcn_conn *conn);
    void fill();
    bool take_next();
    void send_one();
    void end_input();
    void wait_for_input();
    void poll_once(int64_t timeout_ns);
    void dispatch(const zcn_event &event);
    void closed(const zcn_event &event);
    int64_t timeout();
    void fail(zcn_status status, const std::string &sentence);
    void print_summary();

    const SenderOptions options_;
    Owned<zcn_framing> framing_;
    Owned<zcn_framing> raw_;  // whatever the peer answers is not looked at
    Owned<zcn_pool> pool_;
    Source source_;
    Owned<zcn_loop> loop_;
    Owned<zcn_listener> listener_;
    Progress progress_;

    zcn_conn *conn_ = nullptr;
    Owned<zcn_unit> unit_;  // the next to be sent
    uint64_t queued_ = 0;
    uint64_t queued_bytes_ = 0;
    uint64_t ended_ = 0;  // of those that were queued: written, or lost
    uint64_t written_ = 0;
    int64_t started_ = 0;
    int64_t finished_ = 0;  // when the last was written; 0: not yet
    int64_t deadline_ = INT64_MAX;
    int64_t next_due_ = 0;  // with a rate
    bool connected_ = false;
    bool above_high_water_ = false;
    bool wants_input_ = false;
    bool input_over_ = false;
    bool cut_short_ = false;  // the connection ended before the input
    bool closing_ = false;
    bool closed_ = false;
    zcn_status status_ = ZCN_OK;  // why it failed
    std::string detail_ = "everything was sent";
    std::string explanation_;
};

void Sender::fail(zcn_status status, const std::string &sentence) {
    progress_.clear();
    complain(sentence);
    if (status_ != ZCN_OK) return;  // what follows a failure is not its reason
    status_ = status;
    detail_ = sentence;
}

void Sender::open() {
    zcn_conn_options conn_options = connection_options();
    conn_options.send_framing = framing_.get();
    conn_options.drain_timeout_ms = drain_timeout_ms;
    conn_options.zero_copy_from = options_.zero_copy_from;
    if (!options_.listen) {
        conn_ = open_connection(loop_.get(), options_.address, raw_.get(), conn_options);
        return;
    }
    zcn_listen_options listen_options = listener_options();
    listen_options.conn = &conn_options;
    listen_options.accepts_per_poll = 1;
    listener_ = open_listener(loop_.get(), options_.address, raw_.get(), listen_options);
    announce(listener_.get(), options_.json);
}

void Sender::begin(zcn_conn *conn) {
    conn_ = conn;
    connected_ = true;
    started_ = next_due_ = now_ns();
    progress_.start();
}

// Queues as much as may be queued now.
void Sender::fill() {
    wants_input_ = false;
    while (!above_high_water_ && queued_ - ended_ < window && !closed_ && !input_over_) {
        if (options_.rate > 0 && now_ns() < next_due_) return;
        if (!unit_ && !take_next()) return;
        send_one();
    }
}

bool Sender::take_next() {
    try {
        const Source::Step step = source_.next(&unit_);
        wants_input_ = step == Source::Step::wait;
        input_over_ = step == Source::Step::end;
        if (step != Source::Step::unit) return false;
        const zcn_status status = zcn_unit_set_token(unit_.get(), queued_);
        if (status != ZCN_OK) throw Failure("a message cannot be sent: " + status_line(status));
        return true;
    } catch (const Failure &failure) {
        fail(failure.status, failure.what());
        end_input();
        return false;
    }
}

void Sender::send_one() {
    const uint64_t size = zcn_unit_size(unit_.get());
    const zcn_status status = zcn_conn_send(conn_, unit_.get());
    if (status == ZCN_OK) {
        (void)unit_.release();
        queued_++;
        queued_bytes_ += size;
        if (options_.rate > 0)
            next_due_ = started_ + static_cast<int64_t>(static_cast<double>(queued_) * 1e9 / options_.rate);
    } else if (status == ZCN_AGAIN) {
        above_high_water_ = true;
    } else if (status == ZCN_ECLOSED) {
        cut_short_ = true;  // its CLOSED event says why
        end_input();
    } else {
        fail(status, source_.name() + " cannot be sent with this framing: " + zcn_status_text(status));
        end_input();
    }
}

void Sender::end_input() {
    unit_.reset();
    wants_input_ = false;
    input_over_ = true;
}

int64_t Sender::timeout() {
    const int64_t now = now_ns();
    int64_t until = deadline_;
    const bool may_send = connected_ && !input_over_ && !above_high_water_ && queued_ - ended_ < window;
    if (may_send && options_.rate > 0) until = std::min(until, next_due_);
    return until == INT64_MAX ? -1 : std::max<int64_t>(0, until - now);
}

// Standard input and the socket at once: what is queued must leave, and the peer's end be seen, while nothing is typed.
void Sender::wait_for_input() {
    int64_t left = INT64_MAX;
    if (zcn_loop_next_deadline(loop_.get(), &left) != ZCN_OK) left = 0;
    const int64_t own = timeout();
    if (own >= 0) left = std::min(left, own);
    const int64_t ms = left == INT64_MAX ? -1 : std::min<int64_t>((left + 999'999) / 1'000'000, INT32_MAX);
    pollfd wanted[] = {{source_.wait_descriptor(), POLLIN, 0}, {zcn_loop_fd(loop_.get()), POLLIN, 0}};
    poll(wanted, 2, static_cast<int>(ms));
}

void Sender::poll_once(int64_t timeout_ns) {
    const zcn_event *events = nullptr;
    size_t count = 0;
    const zcn_status status = zcn_loop_poll(loop_.get(), timeout_ns, &events, &count, nullptr);
    if (status != ZCN_OK) throw Failure("the event loop failed: " + status_line(status));
    for (size_t i = 0; i < count; i++) dispatch(events[i]);
}

void Sender::dispatch(const zcn_event &event) {
    switch (event.type) {
        case ZCN_EVENT_CONNECTED:
            begin(event.conn);
            break;
        case ZCN_EVENT_ACCEPTED:
            if (conn_ != nullptr) {
                zcn_conn_abort(event.conn);
                break;
            }
            zcn_listener_close(listener_.get());
            begin(event.conn);
            break;
        case ZCN_EVENT_SENT:
            ended_ += event.size;
            if (event.status == ZCN_OK) written_ += event.size;
            break;
        case ZCN_EVENT_WRITABLE:
            above_high_water_ = false;
            break;
        case ZCN_EVENT_LISTENER_CLOSED:
            if (event.status < 0) throw Failure("the listener ended: " + std::string(zcn_status_text(event.status)));
            break;
        case ZCN_EVENT_CLOSED:
            if (event.conn == conn_) closed(event);
            break;
        default:
            break;
    }
}

void Sender::closed(const zcn_event &event) {
    closed_ = true;
    char words[768] = "";
    if (options_.explain && zcn_conn_explain(event.conn, words, sizeof words) == ZCN_OK) explanation_ = words;
    const bool in_order = event.status == ZCN_OK || event.status == ZCN_EOF;
    if (in_order && connected_ && !input_over_ && !unit_) take_next();  // it may have been at its end already
    if (finished_ == 0) finished_ = now_ns();
    zcn_error error{};
    error.struct_size = sizeof error;
    const bool known = zcn_conn_get_error(event.conn, &error) == ZCN_OK && error.text[0] != '\0';
    const std::string reason = known ? error.text : zcn_status_text(event.status);
    const std::string so_far = counted(written_, "message");
    if (!connected_)
        fail(event.status, "cannot connect to " + options_.address + ": " + reason);
    else if (!in_order)
        fail(event.status, "the connection failed after " + so_far + ": " + reason);
    else if (!input_over_ || cut_short_ || written_ != queued_)
        fail(ZCN_ECLOSED, "the peer ended the connection after " + so_far);
}

int Sender::run() {
    {
        const Interrupt interrupt(loop_.get());
        open();
        while (!closed_) {
            if (interrupt.raised() && !closing_) {
                fail(ZCN_EABORTED, "interrupted");
                end_input();
                deadline_ = now_ns() + stop_within_ns;
                if (conn_ == nullptr) break;
                zcn_conn_close(conn_);
                closing_ = true;
            }
            if (connected_ && !input_over_) fill();
            if (connected_ && input_over_ && ended_ == queued_ && finished_ == 0) {
                finished_ = now_ns();
                deadline_ = finished_ + farewell_ns;
                zcn_conn_shutdown(conn_);
            }
            if (deadline_ != INT64_MAX && now_ns() >= deadline_) {
                if (closing_) break;
                // CLOSED says whether the peer's system has taken everything.
                zcn_conn_close(conn_);
                closing_ = true;
                deadline_ = INT64_MAX;
            }
            if (wants_input_) wait_for_input();
            poll_once(wants_input_ ? 0 : timeout());
            progress_.update(queued_, queued_bytes_);
        }
        progress_.clear();
    }
    if (connected_) print_summary();
    return status_ == ZCN_OK ? 0 : 1;
}

void Sender::print_summary() {
    Summary summary;
    summary.messages = written_;
    summary.loop = read_stats(loop_.get());
    summary.bytes = summary.loop.total.bytes_out;
    if (finished_ == 0) finished_ = now_ns();
    summary.seconds = static_cast<double>(finished_ - started_) / second_ns;
    if (options_.json) {
        Json json;
        add(json, summary).text("status", zcn_status_name(status_)).text("detail", detail_);
        if (options_.explain) json.text("explanation", explanation_);
        print_line(json.line());
    } else {
        print_table(summary);
        std::fputs(explanation_.c_str(), stdout);
    }
}

}  // namespace

int run_send(int count, char **words) {
    SenderOptions options;
    Arguments arguments(
        "send", "ADDR --framing TEXT [OPTIONS] FILE…|DIR…|-",
        "Sends each file as a message, or with --lines each line. A directory stands for the regular\n"
        "files under it, sorted bytewise by path; symbolic links there are not followed. - is standard\n"
        "input. No byte is copied on the way to the socket.\n");
    arguments.text("framing", "TEXT", "where messages begin and end (see zcnet framing --help); required",
                   &options.framing);
    arguments.flag("lines", "each line is a message, without its newline", &options.lines);
    arguments.decimal("rate", "R", "send at most R messages a second", &options.rate);
    arguments.number("repeat", "N", "send everything N times", &options.repeat, 1, UINT64_MAX);
    arguments.flag("listen", "wait at ADDR for the receiver instead of connecting to it", &options.listen);
    arguments.number("zero-copy", "BYTES", "send pieces of so many bytes and more without a copy in the kernel (TCP)",
                     &options.zero_copy_from, 4096, UINT64_MAX);
    arguments.flag("explain", "say at the end which ways the bytes went, and why", &options.explain);
    arguments.flag("json", "print JSON, one object a line", &options.json);
    if (!arguments.parse(count, words, 2, SIZE_MAX)) return 0;
    if (!arguments.given("framing")) arguments.wrong("--framing is missing");
    options.address = arguments.positionals()[0];
    options.names.assign(arguments.positionals().begin() + 1, arguments.positionals().end());
    const auto inputs = std::ranges::count(options.names, "-");
    if (inputs > 1 || (inputs == 1 && options.repeat > 1)) arguments.wrong("standard input can be sent only once");
    return Sender(options).run();
}

}  // namespace tool
