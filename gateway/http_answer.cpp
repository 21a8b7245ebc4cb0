// The way back of an exchange: from the backend, or from another gateway, to the client.
#include "gateway/http_exchange.h"
#include "region/clock.h"

namespace regent {
namespace {

// Data from this size on goes to the client from where it lies; smaller data joins the head.
constexpr std::size_t kDirectBytes = 8 * 1024;

}  // namespace

void HttpExchange::on_upstream_data(Upstream&, std::string_view data) {
  touch();
  std::string& out = context_.scratch;
  out.clear();
  if (phase_ == Phase::sending && !read_answer_head(data, out)) return;
  relay_answer_body(data, out);
}

// True once the final answer's head is complete; `data` is then what follows it.
bool HttpExchange::read_answer_head(std::string_view& data, std::string& out) {
  bool final = false;
  while (!final) {
    if (answer_head_bytes_.empty()) {
      const std::size_t length = head_length(data);
      if (length > 0) {
        if (!accept_head(data.substr(0, length), data.substr(length), out, final)) return false;
        data.remove_prefix(length);
        continue;
      }
    } else {
      const std::size_t before = answer_head_bytes_.size();
      answer_head_bytes_.append(data);
      const std::size_t length = head_length(answer_head_bytes_);
      if (length > 0) {
        const std::string_view joined = answer_head_bytes_;
        if (!accept_head(joined.substr(0, length), joined.substr(length), out, final)) return false;
        data.remove_prefix(length - before);
        answer_head_bytes_.clear();
        continue;
      }
      data = {};
    }
    answer_head_bytes_.append(data);
    send_to_client(out);
    if (answer_head_bytes_.size() > kMaxHeadBytes) {
      fail({502, "backend_closed", "the backend's answer has more than 64 KiB of headers",
            is_write()});
    }
    return false;
  }
  return true;
}

// False when the exchange has taken another turn.
bool HttpExchange::accept_head(std::string_view head, std::string_view rest, std::string& out,
                               bool& final) {
  const HeadProblem problem = answer_.parse(head);
  if (problem || answer_.status == 101 || answer_.status < 100) {
    fail({502, "backend_closed",
          "the backend's answer is malformed: " +
              std::string(problem ? problem.reason : "an unexpected status"),
          is_write()});
    return false;
  }
  if (answer_.status < 200) {
    const bool wanted = client_http11_ && (answer_.status != 100 || expects_continue_);
    if (wanted && !client_gone_) append_interim_head(out, answer_);
    return true;
  }
  final = true;
  if (to_gateway_ && answer_.status == 421 && answer_.refused) {
    refused_by_gateway(rest);
    return false;
  }
  begin_answer(out);
  return true;
}

void HttpExchange::begin_answer(std::string& out) {
  phase_ = Phase::answering;
  answer_code_ = answer_.status;
  if (is_head_ || answer_.status == 204 || answer_.status == 304) {
    answer_body_ = BodyReader();
  } else if (answer_.chunked) {
    answer_body_ = BodyReader::chunked();
  } else if (answer_.content_length) {
    answer_body_ = BodyReader::with_length(*answer_.content_length);
  } else {
    answer_body_ = BodyReader::until_close();
  }
  framing_ = answer_framing(answer_, is_head_, client_http11_);
  answer_keep_alive_ =
      facts_.keep_alive && body_done_ && !context_.stopping && framing_ != AnswerFraming::close;
  AnswerHeadOptions options;
  options.framing = framing_;
  options.client_http11 = client_http11_;
  options.keep_alive = answer_keep_alive_;
  options.from_gateway = to_gateway_;
  options.epoch = epoch_;
  options.region = context_.region_name;
  options.stale = stale_;
  append_answer_head(out, answer_, options);
}

void HttpExchange::relay_answer_body(std::string_view data, std::string& out) {
  while (!data.empty() && !answer_body_.done()) {
    const BodyReader::Step step = answer_body_.next(data);
    data.remove_prefix(step.consumed);
    if (answer_body_.bad()) return break_answer();
    if (framing_ == AnswerFraming::chunked) {
      append_chunk(out, step.data);
    } else if (step.data.size() < kDirectBytes) {
      out.append(step.data);
    } else {
      send_to_client(out);
      out.clear();
      send_to_client(step.data);
    }
  }
  const bool complete = answer_body_.done();
  if (complete && framing_ == AnswerFraming::chunked) out.append(kLastChunk);
  send_to_client(out);
  if (complete) return finish_answer(data.empty());
  if (!upstream_paused_ && !client_gone_ && client_.queued_bytes() > kHighWaterBytes) {
    upstream_paused_ = true;
    upstream_->pause_reading();
  }
}

void HttpExchange::send_to_client(std::string_view data) {
  if (!client_gone_ && !data.empty()) client_.send(data);
}

void HttpExchange::finish_answer(bool nothing_left) {
  const bool reusable = nothing_left && answer_.keep_alive && body_done_ &&
                        upstream_->queued_bytes() == 0 && !answer_body_.ends_with_connection();
  release_upstream(reusable);
  leave_write();
  done(answer_keep_alive_, answer_code_);
}

// Part of the answer is with the client; cutting the connection is the only honest end.
void HttpExchange::break_answer() {
  release_upstream(false);
  leave_write();
  phase_ = Phase::idle;
  context_.observer.request_done(facts_.service, request_class_, answer_code_,
                                 std::chrono::duration<double>(boot_now() - started_).count());
  client_.exchange_broken();
}

// The other gateway holds no lease; nothing of the request has reached a backend.
void HttpExchange::refused_by_gateway(std::string_view rest) {
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
  if (!body_paused_ || (phase_ != Phase::sending && phase_ != Phase::answering)) return;
  body_paused_ = false;
  client_.resume_body();
}

void HttpExchange::on_upstream_fenced(Upstream&) {
  fenced();
}

void HttpExchange::on_upstream_closed(Upstream& from, bool orderly, const Error& reason) {
  if (phase_ == Phase::answering) {
    if (!orderly || !answer_body_.ends_with_connection()) return break_answer();
    if (framing_ == AnswerFraming::chunked) send_to_client(kLastChunk);
    return finish_answer(false);
  }
  if (!to_gateway_ && !from.connected()) context_.connect_failed(from.destination);
  retry_or_fail(!from.sent_any(), reason);
}

}  // namespace regent
