#include "gateway/http_exchange.h"

#include <algorithm>
#include <utility>

#include "region/clock.h"

namespace regent {
namespace {

// A body up to this size is copied behind the head, to leave in one system call.
constexpr std::size_t kJoinBytes = 16 * 1024;
// After the gateways of the primary region were tried in vain.
constexpr const char* kNoPrimary = "no primary region is known at present; try again";
constexpr Duration kForwardRetry = std::chrono::milliseconds(50);

}  // namespace

HttpExchange::HttpExchange(ProxyContext& context, ExchangeClient& client)
    : context_(context), client_(client) {}

HttpExchange::~HttpExchange() {
  context_.pipes.give_back(std::move(pipe_));
  stop_waiting();
  leave_write();
  release_upstream(false);
}

void HttpExchange::begin(const RequestHead& head, const RequestFacts& facts) {
  CHECK(phase_ == Phase::idle);
  phase_ = Phase::begun;
  facts_ = facts;
  service_ = context_.service(facts.service);
  CHECK(service_);
  request_class_ = head.request_class;
  is_head_ = head.is_head;
  expects_continue_ = head.expects_continue;
  repeatable_ = !is_write() || head.has_idempotency_key;
  chunked_ = head.chunked;
  upgrade_.assign(head.upgrade);
  head_.clear();
  is_last_ = head.max_forwards == 0U;
  if (!is_last_) {
    append_request_base(head_, head,
                        {facts.client_address, facts.tls, facts.from_gateway, facts.http2});
  } else if (head.method == "TRACE") {
    append_trace(head_, head);
  }
  head_base_ = head_.size();
  body_.clear();
  replayable_ = true;
  body_done_ = false;
  body_paused_ = false;
  attempts_ = 0;
  maybe_taken_ = false;
  connects_ = 0;
  next_gateway_ = 0;
  hold_until_ = kNever;
  turn_ = {};
  retry_at_ = {};
  client_gone_ = false;
  answer_code_ = 0;
  started_ = boot_now();
  progress_ = started_;
  body_budget_.start(started_, service().timeouts.body);
}

void HttpExchange::go() {
  if (phase_ != Phase::begun) return;
  if (is_last_) return answer_as_last();
  place_request();
}

// RFC 9110, 7.6.2: TRACE gets the request as it came here, OPTIONS has nothing to learn.
void HttpExchange::answer_as_last() {
  const std::string type = head_.empty() ? "" : "Content-Type: message/http\r\n";
  const std::string text =
      "HTTP/1.1 200 OK\r\n" + type + "Content-Length: " + std::to_string(head_.size()) + "\r\n\r\n";
  CHECK(!answer_.parse(text));
  client_.answer_head(answer_,
                      {context_.route.get().epoch, context_.region_name, false, false, true});
  if (!head_.empty()) client_.answer_data(head_);
  client_.answer_end({});
  flush_answer();
  done(answer_.status);
}

PlaceQuestion HttpExchange::question() const {
  return {request_class_, service().reads, context_.region, facts_.from_gateway,
          context_.pool.any_hopeful(facts_.service)};
}

void HttpExchange::place_request() {
  phase_ = Phase::begun;
  to_gateway_ = false;
  switch (place(context_.route.get(), boot_now(), question())) {
    case Place::local:
      return go_local();
    case Place::forward:
      return go_forward();
    case Place::hold:
      return hold(kNoPrimary);
    case Place::no_backend:
      return fail({503, "no_backend",
                   "no healthy backend of " + service().name + " in " + context_.region_name, false,
                   true});
    case Place::refuse:
      return hold({});
  }
}

void HttpExchange::go_local() {
  if (is_write()) {
    // Counted first, looked at again after: see WritesInFlight.
    context_.writes.enter();
    counted_ = true;
    if (!context_.route.get().serves_writes(boot_now())) {
      context_.observer.fenced();
      leave_write();
      return hold("the right to serve writes has just ended; try again");
    }
  }
  const Route& route = context_.route.get();
  epoch_ = route.epoch;
  stale_ = !is_write() && (!route.quorum || !route.knows_primary(boot_now()));
  const auto choice = context_.pool.pick(facts_.service, turn_);
  if (choice.all_busy) return wait_for_backend();
  if (!choice.backend) {
    return fail({503, "no_backend", "no healthy backend of " + service().name, false, true});
  }
  send_to(*choice.backend, is_write());
}

void HttpExchange::wait_for_backend() {
  leave_write();  // nothing is on its way to a backend; the route is looked at again afterwards
  if (!context_.pool.wait(facts_.service, *this, turn_, service().backend_limits)) {
    return fail({503, "overloaded",
                 "every backend of " + service().name +
                     " has as many requests as it may, and so has the queue",
                 false, true});
  }
  phase_ = Phase::queued;
  pause_client();
}

void HttpExchange::on_backend_room() {
  phase_ = Phase::begun;
  turn_.failed.reset();
  place_request();
}

// The part of the body that is here is enough until the request has found a place.
void HttpExchange::pause_client() {
  if (body_done_ || body_paused_) return;
  body_paused_ = true;
  client_.pause_body();
}

void HttpExchange::go_forward() {
  const Route& route = context_.route.get();
  if (next_gateway_ >= route.forward_to.size()) {
    retry_at_ = boot_now() + kForwardRetry;
    if (route.primary == kNoRegion) return hold(kNoPrimary);
    return hold("no gateway of the primary region " + context_.topology.region_name(route.primary) +
                " takes the request; try again");
  }
  const GatewayId gateway = route.forward_to[next_gateway_++];
  to_gateway_ = true;
  gateway_ = gateway;
  epoch_ = route.epoch;
  send_to(context_.pool.gateway(gateway), false);
}

void HttpExchange::hold(std::string why) {
  const Instant now = boot_now();
  if (facts_.from_gateway && !maybe_taken_) {
    return fail({421, "no_primary", context_.region_name + " may not serve this request now", false,
                 true, true});
  }
  if (facts_.from_gateway) return fail({502, "backend_closed", std::move(why)});
  if (hold_until_ == kNever) hold_until_ = started_ + service().hold;
  if (now >= hold_until_) return fail({503, "no_primary", std::move(why), false, true});
  held_bytes_ = head_.size() + body_.size();
  if (!context_.held.add(*this, held_bytes_)) {
    return fail({503, "overloaded", "too many requests wait for a primary already", false, true});
  }
  phase_ = Phase::held;
  held_why_ = std::move(why);
  pause_client();
  context_.held_added();
}

bool HttpExchange::retry(Instant now, bool route_changed) {
  if (phase_ != Phase::held) return true;
  if (now >= hold_until_) {
    stop_waiting();
    fail({503, "no_primary", held_why_, false, true});
    return true;
  }
  if (!route_changed && now < retry_at_) return false;
  if (place(context_.route.get(), now, question()) == Place::hold) return false;
  stop_waiting();
  next_gateway_ = 0;
  connects_ = 0;
  place_request();
  return true;
}

void HttpExchange::send_to(std::uint32_t destination, bool guarded) {
  // A write that may not be repeated is worth a look at the kept connection before.
  const bool probe = attempts_ > 0 || !repeatable_;
  auto taken = context_.pool.take(destination, probe, *this, guarded ? this : nullptr);
  if (!taken && taken.error().code == ErrorCode::refused && !to_gateway_) return wait_for_backend();
  if (!taken) {
    backend_failed(destination, false, taken.error());
    return retry_or_fail(true, taken.error());
  }
  upstream_ = std::move(*taken);
  phase_ = Phase::sending;
  attempt_started_ = context_.tick_now;
  answer_head_bytes_.clear();
  upstream_paused_ = false;
  touch();
  if (!send_head_and_body()) return fenced();
  if (body_paused_ && upstream_->queued_bytes() < kHighWaterBytes) {
    resume_body();
  }
}

bool HttpExchange::send_head_and_body() {
  append_request_end(head_, epoch_, context_.region_name,
                     to_gateway_ ? std::string_view(service().name) : std::string_view());
  const bool join = body_.size() <= kJoinBytes;
  if (join) head_.append(body_);
  bool sent = upstream_->send(head_);
  head_.resize(head_base_);
  if (sent && !join) sent = upstream_->send(body_);
  return sent;
}

// The one place that says whether bytes of a write may go to a backend of this region: the first
// only while new writes are taken, the others while the same reign's lease lasts.
bool HttpExchange::may_send(bool first) {
  const Route& route = context_.route.get();
  const Instant now = boot_now();
  if (route.epoch != epoch_) return false;
  return first ? route.serves_writes(now) : now < route.serve_until;
}

void HttpExchange::fenced() {
  context_.observer.fenced();
  if (phase_ == Phase::answering) return break_answer();
  const bool nothing_sent = !upstream_->sent_any();
  maybe_taken_ |= is_write() && !nothing_sent;
  release_upstream(false);
  leave_write();
  if ((nothing_sent || repeatable_) && replayable_) {
    return hold("the right to serve writes has just ended; try again");
  }
  fail({502, "backend_closed", "the right to serve writes ended before the request was complete",
        true});
}

void HttpExchange::client_body(std::string_view data) {
  if (phase_ == Phase::idle || data.empty()) return;
  if (phase_ != Phase::answering) touch();
  body_budget_.moved(context_.tick_now, data.size());
  std::string_view wire = data;
  if (replayable_) {
    const std::size_t before = body_.size();
    if (chunked_) {
      append_chunk(body_, data);
    } else {
      body_.append(data);
    }
    wire = std::string_view(body_).substr(before);
  } else if (chunked_) {
    context_.scratch.clear();
    append_chunk(context_.scratch, data);
    wire = context_.scratch;
  }
  send_body(wire);
}

void HttpExchange::client_body_end(std::span<const HeaderField> trailers) {
  if (phase_ == Phase::idle) return;
  body_done_ = true;
  if (!chunked_) return;
  std::string& out = replayable_ ? body_ : context_.scratch;
  if (!replayable_) out.clear();
  const std::size_t before = out.size();
  append_last_chunk(out, trailers);
  send_body(std::string_view(out).substr(before));
}

void HttpExchange::send_body(std::string_view wire) {
  if (phase_ < Phase::sending) return;
  if (!upstream_->send(wire)) return fenced();
  if (replayable_ && body_.size() > kReplayBytes) {
    replayable_ = false;
    std::string().swap(body_);
  }
  if (upstream_->queued_bytes() > kHighWaterBytes) pause_client();
}

void HttpExchange::retry_or_fail(bool nothing_sent, const Error& reason) {
  maybe_taken_ |= is_write() && !nothing_sent;
  release_upstream(false);
  leave_write();
  if (nothing_sent && replayable_) {
    if (to_gateway_) return go_forward();
    if (++connects_ < kMaxConnects) return place_request();
    return fail({503, "no_backend", reason.message, false, true});
  }
  if (repeatable_ && replayable_ && ++attempts_ < kMaxAttempts) return place_request();
  fail({502, "backend_closed", reason.message, is_write() && !nothing_sent});
}

bool HttpExchange::client_gone() {
  client_gone_ = true;
  if (phase_ == Phase::idle) return false;
  const bool write_is_out = counted_ && phase_ == Phase::sending && body_done_ &&
                            upstream_->sent_any() && upstream_->queued_bytes() == 0;
  if (write_is_out) {
    // The backend is at work on it; a switchover has to wait for that.
    if (upstream_paused_) upstream_->resume_reading();
    upstream_paused_ = false;
    return true;
  }
  release_upstream(false);
  context_.pipes.give_back(std::move(pipe_));
  stop_waiting();
  leave_write();
  phase_ = Phase::idle;
  context_.observer.request_done(facts_.service, request_class_, 499, seconds_so_far());
  return false;
}

void HttpExchange::client_drained() {
  if (!upstream_paused_ || !upstream_) return;
  upstream_paused_ = false;
  touch();
  if (pipe_ && pipe_->limit() == 0) leave_pipe();
  upstream_->resume_reading();
}

void HttpExchange::client_failed(const GatewayError& error) {
  if (phase_ == Phase::idle) return;
  if (phase_ == Phase::answering) return break_answer();
  fail(error);
}

void HttpExchange::backend_failed(std::uint32_t backend, bool connected, const Error& reason) {
  if (to_gateway_) return;
  turn_.failed = backend;
  context_.backend_failed(backend, connected, reason.message);
}

void HttpExchange::tick_queued(Instant now) {
  if (now >= turn_.waits_until) {
    return fail(
        {503, "overloaded", "no backend of " + service().name + " had room in time", false, true});
  }
  // The place may be elsewhere by now.
  if (place(context_.route.get(), now, question()) == Place::local) return;
  stop_waiting();
  place_request();
}

void HttpExchange::tick(Instant now) {
  if (phase_ == Phase::queued) return tick_queued(now);
  if (phase_ != Phase::sending && phase_ != Phase::answering) return;
  // The wait for an answer has its own limit; a body may go on for ever.
  if ((phase_ == Phase::answering || !body_done_) && now >= context_.drained_at(facts_.service)) {
    return cut("no_backend", kServiceGone.reason);
  }
  const bool incomplete = !body_done_ || upstream_->queued_bytes() > 0;
  if (counted_ && incomplete && !may_send(!upstream_->sent_any())) return fenced();
  if (to_gateway_ && std::ranges::count(context_.route.get().lost, gateway_) > 0) {
    if (phase_ == Phase::answering) return break_answer();
    return retry_or_fail(!upstream_->sent_any(),
                         {ErrorCode::unavailable, "the link to the primary region was lost"});
  }
  if (!body_done_ && !body_paused_ && body_budget_.spent(now)) {
    return client_failed({408, "request_timeout",
                          "the rest of the request's body did not come in time, or too slowly"});
  }
  if (phase_ == Phase::answering) return tick_answering(now);
  const Duration quiet = now - progress_;
  if (!upstream_->connected()) {
    if (now - attempt_started_ < service().timeouts.connect) return;
    const Error late{ErrorCode::timed_out, "the connection was not accepted in time"};
    backend_failed(upstream_->destination, false, late);
    return retry_or_fail(true, late);
  }
  if ((!body_done_ && !body_paused_) || quiet < service().timeouts.answer) return;
  backend_failed(upstream_->destination, true, {ErrorCode::timed_out, "no answer in time"});
  fail({504, "backend_timeout", "the backend did not answer in time", is_write()});
}

void HttpExchange::tick_answering(Instant now) {
  if (upstream_paused_) {  // it is the client that is slow
    if (client_too_slow(now)) break_answer();
    return;
  }
  const bool waits_for_client = !body_done_ && !body_paused_;
  if (!waits_for_client && now - progress_ >= service().timeouts.answer) break_answer();
}

// While the other side waits for the client.
bool HttpExchange::client_too_slow(Instant now) {
  client_budget_.look(now, client_.queued_bytes());
  return client_budget_.spent(now);
}

void HttpExchange::resume_body() {
  body_paused_ = false;
  body_budget_.start(context_.tick_now, service().timeouts.body);
  client_.resume_body();
}

void HttpExchange::cut(std::string_view error_if_unsent, std::string_view why) {
  if (phase_ == Phase::idle) return;
  if (phase_ == Phase::answering) return break_answer();
  const bool sent = upstream_ && upstream_->sent_any();
  fail({sent ? 502U : 503U, sent ? "backend_closed" : error_if_unsent, std::string(why),
        sent && is_write(), !sent});
}

double HttpExchange::seconds_so_far() const {
  return std::chrono::duration<double>(boot_now() - started_).count();
}

void HttpExchange::fail(GatewayError error) {
  // An earlier attempt may have been taken, whatever became of this one.
  error.outcome_unknown |= maybe_taken_;
  release_upstream(false);
  stop_waiting();
  leave_write();
  if (!client_gone_) {
    if (is_write() && error.status >= 502 && error.status <= 504) context_.observer.write_failed();
    client_.answer_error(error);
  }
  flush_answer();
  done(error.status);
}

void HttpExchange::done(unsigned code) {
  phase_ = Phase::idle;
  context_.observer.request_done(facts_.service, request_class_, code, seconds_so_far());
  client_.exchange_done();
}

void HttpExchange::release_upstream(bool reusable) {
  if (!upstream_) return;
  context_.pool.give_back(std::move(upstream_), reusable, context_.tick_now);
}

void HttpExchange::leave_write() {
  if (!counted_) return;
  counted_ = false;
  context_.writes.leave();
}

void HttpExchange::stop_waiting() {
  if (phase_ == Phase::queued) {
    context_.pool.stop_waiting(facts_.service, turn_);
  } else if (phase_ == Phase::held) {
    context_.held.remove(*this, held_bytes_);
  } else {
    return;
  }
  phase_ = Phase::begun;
}

}  // namespace regent
