#include "gateway/http_session.h"

#include <utility>

#include "gateway/http2_session.h"
#include "gateway/tcp_session.h"
#include "region/log.h"

namespace regent {

HttpSession::HttpSession(ProxyContext& context, SessionSet& sessions, Entry entry)
    : context_(context),
      sessions_(sessions),
      entry_(entry),
      exchange_(context, *this),
      writer_(context.answer) {}

void HttpSession::open(Poco::Net::StreamSocket socket, std::optional<Stream::Tls> tls) {
  if (tls) state_ = State::handshake;
  since_ = context_.tick_now;
  if (entry_.service) timeouts_ = context_.service(*entry_.service)->timeouts;
  stream_ = Stream::accepted(context_.loop, std::move(socket), std::move(tls), *this);
  writer_.attach(stream_.get());
  client_address_ = stream_->peer_address().host().toString();
}

void HttpSession::on_open() {
  if (entry_.service && stream_->protocol() == "h2") {
    return give_place_to(std::make_unique<Http2Session>(context_, sessions_, *entry_.service,
                                                        std::move(stream_), client_address_));
  }
  if (stream_->peer()) peer_region = stream_->peer()->region;
  state_ = State::head;
  since_ = context_.tick_now;
}

void HttpSession::on_data(std::span<const std::byte> data) {
  const std::string_view input(reinterpret_cast<const char*>(data.data()), data.size());
  if (!in_.empty()) {
    in_.append(input);
    return process_waiting();
  }
  const std::size_t used = process(input);
  if (used < input.size()) {
    if (state_ == State::head) since_ = context_.tick_now;  // the head has begun
    in_.assign(input.substr(used));
  }
  if (in_.size() > kMaxWaitingBytes && state_ == State::waiting) pause_body();
}

void HttpSession::process_waiting() {
  if (processing_) return;
  const std::size_t used = process(in_);
  in_.erase(0, used);
  if (in_.size() > kMaxWaitingBytes && state_ == State::waiting) pause_body();
}

// Uses up as much of the input as the state of the connection allows.
std::size_t HttpSession::process(std::string_view input) {
  processing_ = true;
  std::size_t used = 0;
  while (used < input.size()) {
    const std::string_view rest = input.substr(used);
    std::size_t step = 0;
    if (state_ == State::head) {
      step = take_head(rest);
    } else if (state_ == State::body) {
      step = take_body(rest);
    } else if (state_ != State::waiting) {
      step = rest.size();
    }
    if (step == 0) break;
    used += step;
  }
  // What of the body was at hand has joined the head by now.
  if (state_ == State::body) exchange_.go();
  processing_ = false;
  return used;
}

std::size_t HttpSession::take_head(std::string_view input) {
  const std::size_t seen = std::exchange(seen_, 0);
  if (input.starts_with("\r\n")) return 2;  // some clients end a request's body with it
  if (!entry_.service && is_tunnel_opening(input)) return take_opening(input);
  const std::size_t length = head_length(input, seen);
  if (length == 0) {
    if (const HeadProblem problem = check_partial_request(input, seen)) refuse(problem);
    seen_ = input.size();
    return 0;
  }
  if (const HeadProblem problem = request_.parse(input.substr(0, length))) {
    refuse(problem);
  } else if (!begin_request()) {
    return length;
  }
  return length;
}

// Another gateway has a connection of a tcp service's client for this region.
std::size_t HttpSession::take_opening(std::string_view input) {
  const std::size_t length = head_length(input);
  if (length == 0) {
    if (input.size() > kMaxHeadBytes) refuse({431, "the opening of a tunnel is too long"});
    return 0;
  }
  auto opening = parse_opening_request(input.substr(0, length));
  // The other gateway waits for the answer before it sends anything.
  if (!opening || input.size() > length) {
    refuse({400, "the opening of a tunnel is malformed"});
    return input.size();
  }
  const auto named = context_.find_service(opening->service);
  if (!named || context_.service(*named)->protocol != Protocol::tcp) {
    refuse(kServiceUnknown);
    return input.size();
  }
  auto session = std::make_unique<TcpSession>(context_, sessions_, *named);
  TcpSession& opened = *session;
  give_place_to(std::move(session));
  opened.open(std::move(stream_), std::move(*opening));
  return length;
}

bool HttpSession::begin_request() {
  RequestFacts facts;
  if (entry_.service) {
    facts.service = *entry_.service;
    if (!context_.service(facts.service)) {
      refuse(kServiceGone);
      return false;
    }
  } else {
    const auto named = context_.find_service(request_.service);
    if (!named || context_.service(*named)->protocol != Protocol::http) {
      refuse(kServiceUnknown);
      return false;
    }
    facts.service = *named;
  }
  const Service& service = *context_.service(facts.service);
  timeouts_ = service.timeouts;
  max_body_ = service.max_body_bytes;
  if (max_body_ > 0 && request_.content_length.value_or(0) > max_body_) {
    refuse({413, "the body is larger than this service takes"});
    return false;
  }
  facts.client_address = client_address_;
  facts.tls = entry_.tls;
  facts.from_gateway = !entry_.service;
  body_ = request_.chunked ? BodyReader::chunked()
                           : BodyReader::with_length(request_.content_length.value_or(0));
  body_bytes_ = 0;
  trailers_.clear();
  state_ = State::body;
  writer_.begin(request_.http11, request_.is_head);
  exchange_.begin(request_, facts);
  if (body_.done()) end_of_request();
  return true;
}

std::size_t HttpSession::take_body(std::string_view input) {
  const BodyReader::Step step = body_.next(input);
  body_bytes_ += step.data.size();
  trailers_.add(step.trailers);
  if (body_.bad()) {
    exchange_.client_failed({400, "bad_request", "the chunks of the body are malformed"});
    return input.size();
  }
  if (max_body_ > 0 && body_bytes_ > max_body_) {
    exchange_.client_failed({413, "body_too_large", "the body is larger than this service takes"});
    return input.size();
  }
  if (body_.done()) {
    if (const HeadProblem problem = trailers_.read()) {
      exchange_.client_failed({problem.status, "bad_request", std::string(problem.reason)});
      return input.size();
    }
  }
  exchange_.client_body(step.data);
  if (state_ == State::body && body_.done()) end_of_request();
  return step.consumed;
}

void HttpSession::end_of_request() {
  state_ = State::waiting;
  exchange_.client_body_end(trailers_.fields());
  exchange_.go();
}

// An answer to what is not a request; the connection cannot be used any more.
void HttpSession::refuse(const HeadProblem& problem) {
  writer_.begin(true, false);
  writer_.error(refusal(problem), context_.error_context(), false);
  writer_.flush();
  context_.observer.request_done(entry_.service.value_or(0), RequestClass::read, problem.status, 0);
  linger();
}

// Says goodbye and gives the client time to read the answer: closing with unread bytes at hand
// would reset the connection under it.
void HttpSession::linger() {
  state_ = State::lingering;
  since_ = context_.tick_now;
  if (paused_) resume_body();
  stream_->finish();
}

bool HttpSession::may_keep() const {
  return state_ == State::waiting && request_.keep_alive && !winding_down_ && !context_.stopping;
}

void HttpSession::interim(const ResponseHead& head) {
  writer_.interim(head);
}

void HttpSession::answer_head(const ResponseHead& head, const AnswerMeta& meta) {
  keep_ = writer_.head(head, meta, may_keep());
}

void HttpSession::tunnel_opened(const ResponseHead& head, const AnswerMeta& meta,
                                Tunnel::Far far) {
  writer_.head(head, meta, false);
  writer_.flush();
  auto tunnel = std::make_unique<Tunnel>(context_, sessions_, std::move(far));
  Tunnel& opened = *tunnel;
  give_place_to(std::move(tunnel));
  // What the client has sent behind its request, hoping for the best, comes first.
  opened.start(std::move(stream_), in_, half_closed_);
}

void HttpSession::answer_data(std::string_view data) {
  writer_.data(data);
}

bool HttpSession::can_splice() const {
  return stream_ && stream_->can_splice() && writer_.frames_by_length();
}

void HttpSession::answer_piped(SplicePipe& pipe) {
  writer_.flush();
  stream_->send_from(pipe);
}

void HttpSession::answer_end(std::span<const HeaderField> trailers) {
  writer_.end(trailers);
}

void HttpSession::answer_error(const GatewayError& error) {
  keep_ = may_keep();
  writer_.error(error, context_.error_context(), keep_);
}

void HttpSession::flush_answer() {
  writer_.flush();
}

std::size_t HttpSession::queued_bytes() const {
  return stream_ ? stream_->queued_bytes() : 0;
}

void HttpSession::pause_body() {
  if (paused_ || !stream_) return;
  paused_ = true;
  stream_->pause_reading();
}

void HttpSession::resume_body() {
  if (!paused_ || !stream_) return;
  paused_ = false;
  stream_->resume_reading();
}

void HttpSession::exchange_done() {
  if (!stream_) return retire();
  if (!keep_ || half_closed_) return linger();
  state_ = State::head;
  since_ = context_.tick_now;
  resume_body();
  if (!in_.empty()) process_waiting();
}

void HttpSession::answer_broken() {
  retire();
  writer_.flush();  // to nowhere: what was gathered must not reach another client
}

void HttpSession::on_end() {
  half_closed_ = true;
  if (state_ == State::waiting) return;
  // Between requests this is the usual end; inside one, the rest of it will never come.
  if (exchange_.active()) exchange_.client_gone();
  retire();
}

void HttpSession::on_drained() {
  exchange_.client_drained();
}

void HttpSession::on_closed(const Error& reason) {
  if (state_ == State::handshake && !entry_.service &&
      context_.refusals.pass(client_address_ + reason.message, context_.tick_now)) {
    log_event(LogLevel::warning, "peer refused",
              {{"address", client_address_}, {"port", "forward"}, {"reason", reason.message}});
  }
  drop_stream();
  if (!exchange_.active() || !exchange_.client_gone()) retire();
}

void HttpSession::tick(Instant now) {
  switch (state_) {
    case State::handshake:
      if (now - since_ >= timeouts_.head) retire();
      return;
    case State::head:
      if (!in_.empty()) {
        if (now - since_ >= timeouts_.head) refuse({408, "the head did not come in time"});
      } else if (winding_down_ || context_.stopping || now - since_ >= timeouts_.idle) {
        retire();
      }
      return;
    case State::body:
    case State::waiting:
      return exchange_.tick(now);
    case State::lingering:
      if (now - since_ >= context_.limits.linger_timeout && queued_bytes() == 0) return retire();
      if (now - since_ >= timeouts_.answer) retire();
      return;
    case State::gone:
      return;
  }
}

void HttpSession::services_changed() {
  if (entry_.service && !context_.service(*entry_.service)) wind_down();
}

void HttpSession::wind_down() {
  winding_down_ = true;
  if (state_ == State::handshake || (state_ == State::head && in_.empty())) retire();
}

void HttpSession::cut_off() {
  if (exchange_.active()) exchange_.abandon();
  if (state_ != State::gone) retire();
}

// Whoever goes on with the connection takes the stream as well.
void HttpSession::give_place_to(std::unique_ptr<Session> next) {
  state_ = State::gone;
  writer_.attach(nullptr);
  sessions_.replace(*this, std::move(next));
}

void HttpSession::retire() {
  if (state_ == State::gone) return;
  state_ = State::gone;
  drop_stream();
  sessions_.retire(*this);
}

void HttpSession::drop_stream() {
  writer_.attach(nullptr);
  stream_.reset();
}

}  // namespace regent
