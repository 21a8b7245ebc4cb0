// The way back of an exchange: from the backend, or from another gateway, to the client.
#include "gateway/http_exchange.h"
#include "region/clock.h"

namespace regent {

void HttpExchange::on_upstream_data(Upstream&, std::string_view data) {
  // A head that comes byte by byte, or interim answers, are no answer yet.
  if (phase_ == Phase::sending && !read_answer_head(data)) return;
  touch();
  relay_answer_body(data);
}

// True once the final answer's head is complete; `data` is then what follows it.
bool HttpExchange::read_answer_head(std::string_view& data) {
  bool final = false;
  while (!final) {
    const std::size_t seen = answer_head_bytes_.size();
    if (answer_head_bytes_.empty()) {
      const std::size_t length = head_length(data);
      if (length > 0) {
        if (!accept_head(data.substr(0, length), data.substr(length), final)) return false;
        data.remove_prefix(length);
        continue;
      }
    } else {
      answer_head_bytes_.append(data);
      const std::size_t length = head_length(answer_head_bytes_, seen);
      if (length > 0) {
        const std::string_view joined = answer_head_bytes_;
        if (!accept_head(joined.substr(0, length), joined.substr(length), final)) return false;
        data.remove_prefix(length - seen);
        answer_head_bytes_.clear();
        continue;
      }
      data = {};
    }
    answer_head_bytes_.append(data);
    flush_answer();
    if (const HeadProblem problem = check_partial_response(answer_head_bytes_, seen)) {
      malformed_answer(problem.reason);
    }
    return false;
  }
  return true;
}

void HttpExchange::malformed_answer(std::string_view reason) {
  const std::string what = "the backend's answer is malformed: " + std::string(reason);
  backend_failed(upstream_->destination, true, {ErrorCode::invalid, what});
  fail({502, "backend_closed", what, is_write()});
}

// False when the exchange has taken another turn.
bool HttpExchange::accept_head(std::string_view head, std::string_view rest, bool& final) {
  const HeadProblem problem = answer_.parse(head);
  const bool switching = answer_.status == 101;
  if (problem || answer_.status < 100 || (switching && !switches_as_asked())) {
    malformed_answer(problem ? problem.reason : "an unexpected status");
    return false;
  }
  if (switching) {
    open_tunnel(rest);
    return false;
  }
  if (answer_.status < 200) {
    const bool wanted = answer_.status != 100 || expects_continue_;
    if (wanted && !client_gone_) client_.interim(answer_);
    return true;
  }
  final = true;
  if (to_gateway_ && answer_.status == 421 && answer_.refused) {
    refused_by_gateway(rest);
    return false;
  }
  begin_answer();
  return true;
}

// Whether the 101 that has come is one that was asked for.
bool HttpExchange::switches_as_asked() const {
  if (upgrade_.empty() || !body_done_ || answer_.chunked || answer_.content_length) return false;
  return !answer_.upgrade.empty() && lists_each_of(upgrade_, answer_.upgrade);
}

// The exchange is over: its connections go on as a tunnel, which counts in WritesInFlight before
// the request leaves them.
void HttpExchange::open_tunnel(std::string_view rest) {
  const Route& route = context_.route.get();
  ServingRight right{epoch_, context_.region, kNoGateway};
  if (to_gateway_) right = {route.epoch, route.primary, gateway_};
  if (client_gone_ || !context_.rights.holds(right)) {
    return fail({502, "backend_closed", "the right to serve ended during the handshake", true});
  }
  context_.pool.succeeded(upstream_->destination);
  phase_ = Phase::idle;
  context_.observer.request_done(facts_.service, request_class_, answer_.status, seconds_so_far());
  client_.tunnel_opened(answer_, {epoch_, context_.region_name, false, to_gateway_, false},
                        {std::move(upstream_), right, facts_.service, service().timeouts.idle,
                         rest});
  leave_write();
}

void HttpExchange::begin_answer() {
  phase_ = Phase::answering;
  answer_code_ = answer_.status;
  answer_trailers_.clear();
  context_.pool.succeeded(upstream_->destination);
  const bool has_body = answer_has_body(answer_, is_head_);
  if (!has_body) {
    answer_body_ = BodyReader();
  } else if (answer_.chunked) {
    answer_body_ = BodyReader::chunked();
  } else if (answer_.content_length) {
    answer_body_ = BodyReader::with_length(*answer_.content_length);
  } else {
    answer_body_ = BodyReader::until_close();
  }
  if (client_gone_) return;
  client_.answer_head(answer_, {epoch_, context_.region_name, stale_, to_gateway_, has_body});
}

void HttpExchange::relay_answer_body(std::string_view data) {
  const std::size_t read = data.size();
  while (!data.empty() && !answer_body_.done()) {
    const BodyReader::Step step = answer_body_.next(data);
    data.remove_prefix(step.consumed);
    if (answer_body_.bad()) return break_answer();
    answer_trailers_.add(step.trailers);
    if (!step.data.empty() && !client_gone_) client_.answer_data(step.data);
  }
  if (answer_body_.done()) return finish_answer(data.empty());
  flush_answer();
  pause_fast_upstream();
  splice_bulk(read);
}

void HttpExchange::pause_fast_upstream() {
  if (!client_gone_ && client_.backlogged()) pause_upstream();
}

void HttpExchange::pause_upstream() {
  if (upstream_paused_) return;
  upstream_paused_ = true;
  client_budget_.start(context_.tick_now, service().timeouts.answer, client_.queued_bytes());
  upstream_->pause_reading();
}

// All but the last read of a large body: its end is found as always, and the pipe is empty then.
void HttpExchange::splice_bulk(std::size_t read) {
  const std::uint64_t left = answer_body_.length_left();
  if (pipe_ || read < kBulkBytes || left < kSpliceBytes || client_gone_) return;
  if (!upstream_->can_splice() || !client_.can_splice()) return;
  pipe_ = context_.pipes.take();
  if (!pipe_) return;
  pipe_->set_limit(left - Stream::kReadBytes);
  upstream_->receive_into(pipe_.get());
}

void HttpExchange::on_upstream_piped(Upstream&, std::size_t bytes) {
  touch();
  answer_body_.skip(bytes);
  client_.answer_piped(*pipe_);
  if (pipe_->size() > 0) return pause_upstream();
  if (pipe_->limit() == 0) leave_pipe();
}

void HttpExchange::leave_pipe() {
  upstream_->receive_into(nullptr);
  context_.pipes.give_back(std::move(pipe_));
}

void HttpExchange::flush_answer() {
  if (!client_gone_) client_.flush_answer();
}

void HttpExchange::finish_answer(bool nothing_left) {
  const bool reusable = nothing_left && answer_.keep_alive && body_done_ &&
                        upstream_->queued_bytes() == 0 && !answer_body_.ends_with_connection();
  (void)answer_trailers_.read();  // drops what may not be passed on
  if (!client_gone_) client_.answer_end(answer_trailers_.fields());
  flush_answer();
  release_upstream(reusable);
  leave_write();
  done(answer_code_);
}

// Part of the answer is with the client; cutting the connection is the only honest end.
void HttpExchange::break_answer() {
  release_upstream(false);
  leave_write();
  phase_ = Phase::idle;
  context_.observer.request_done(facts_.service, request_class_, answer_code_, seconds_so_far());
  client_.answer_broken();
  context_.pipes.give_back(std::move(pipe_));
}

// The other gateway holds no lease; nothing of the request has reached a backend.
void HttpExchange::refused_by_gateway(std::string_view rest) {
  context_.pool.succeeded(upstream_->destination);
  flush_answer();
  // Usually the whole refusal is there, and the connection can be kept for the next attempt.
  release_upstream(answer_.keep_alive && body_done_ && upstream_->queued_bytes() == 0 &&
                   rest.size() == answer_.content_length);
  if (!replayable_) {
    return fail({503, "no_primary",
                 "the primary region changed while the request was being sent; try again", false,
                 true});
  }
  go_forward();
}

void HttpExchange::on_upstream_drained(Upstream&) {
  touch();
  if (!body_paused_ || phase_ < Phase::sending) return;
  resume_body();
}

void HttpExchange::on_upstream_fenced(Upstream&) {
  fenced();
}

void HttpExchange::on_upstream_closed(Upstream& from, bool orderly, const Error& reason) {
  if (phase_ == Phase::answering) {
    if (!orderly || !answer_body_.ends_with_connection()) return break_answer();
    return finish_answer(false);
  }
  // A kept connection that ends before it has said anything was only closed for its age.
  if (!from.used_before || !answer_head_bytes_.empty()) {
    backend_failed(from.destination, from.connected(), reason);
  }
  if (to_gateway_ && reason.code == ErrorCode::refused) context_.pool.refused(from.destination);
  retry_or_fail(!from.sent_any(), reason);
}

}  // namespace regent
