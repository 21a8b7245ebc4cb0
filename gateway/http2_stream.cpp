#include "gateway/http2_stream.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "gateway/http2_session.h"

namespace regent {
namespace {

// The backend goes on once less than this waits for the client.
constexpr std::size_t kLowWaterBytes = HttpExchange::kHighWaterBytes / 4;
// A burst's memory is given back.
constexpr std::size_t kKeptBytes = 64 * 1024;

constexpr std::string_view kLineEnd = "\r\n";

void shrink(std::string& text) {
  if (text.capacity() > kKeptBytes) {
    std::string().swap(text);
  } else {
    text.clear();
  }
}

}  // namespace

Http2Stream::Http2Stream(Http2Session& session)
    : session_(session), exchange_(session.context(), *this) {}

void Http2Stream::open(std::int32_t id) {
  CHECK(!in_use());
  id_ = id;
  closed_ = false;
  broken_ = false;
  head_done_ = false;
  request_ended_ = false;
  answered_ = false;
  answer_ended_ = false;
  answer_has_data_ = false;
  deferred_ = false;
  is_head_ = false;
  head_.clear();
  request_trailers_.clear();
  trailer_bytes_ = 0;
  body_bytes_ = 0;
  body_paused_ = false;
  unconsumed_ = 0;
  trailers_.clear();
  since_ = session_.context().tick_now;
}

void Http2Stream::head_complete(bool ends) {
  head_done_ = true;
  request_ended_ = ends;
  const ProxyContext& context = session_.context();
  RequestHead& request = session_.request();
  if (const HeadProblem problem = head_.parse(!ends, text_, request)) return refuse(problem);
  is_head_ = request.is_head;
  const Service* const service = context.service(session_.service()).get();
  if (service == nullptr) return refuse(kServiceGone);
  max_body_ = service->max_body_bytes;
  if (max_body_ > 0 && request.content_length.value_or(0) > max_body_) {
    return refuse({413, "the body is larger than this service takes"});
  }
  RequestFacts facts;
  facts.service = session_.service();
  facts.client_address = session_.client_address();
  facts.tls = true;
  facts.http2 = true;
  exchange_.begin(request, facts);
  if (ends) body_complete();
}

void Http2Stream::data(std::string_view data) {
  if (!exchange_.active()) return consume(data.size());  // nobody wants it any more
  body_bytes_ += data.size();
  if (max_body_ > 0 && body_bytes_ > max_body_) {
    consume(data.size());
    return exchange_.client_failed(
        {413, "body_too_large", "the body is larger than this service takes"});
  }
  exchange_.client_body(data);
  if (body_paused_) {
    unconsumed_ += data.size();
  } else {
    consume(data.size());
  }
}

void Http2Stream::trailer(std::string_view name, std::string_view value) {
  trailer_bytes_ += name.size() + value.size() + 4;
  if (trailer_bytes_ > BodyReader::kMaxTrailerBytes) return;
  for (const std::string_view part : {name, std::string_view(": "), value, kLineEnd}) {
    request_trailers_.add(part);
  }
}

void Http2Stream::body_complete() {
  request_ended_ = true;
  if (!exchange_.active()) return;
  if (trailer_bytes_ > 0) request_trailers_.add(kLineEnd);
  HeadProblem problem = request_trailers_.read();
  if (trailer_bytes_ > BodyReader::kMaxTrailerBytes) problem = {431, "trailers of over 16 KiB"};
  if (problem) {
    return exchange_.client_failed(
        {problem.status, "bad_request", std::string(problem.reason)});
  }
  exchange_.client_body_end(request_trailers_.fields());
  exchange_.go();
}

void Http2Stream::go() {
  if (in_use() && exchange_.active()) exchange_.go();
}

// Opens the windows again for bytes that have found their place.
void Http2Stream::consume(std::size_t bytes) {
  if (bytes == 0) return;
  if (closed_) {
    nghttp2_session_consume_connection(session_.frames(), bytes);
  } else {
    nghttp2_session_consume(session_.frames(), id_, bytes);
  }
}

bool Http2Stream::closed() {
  closed_ = true;
  consume(std::exchange(unconsumed_, 0));
  drop_pending();
  return !exchange_.active();
}

bool Http2Stream::leave() {
  return !exchange_.active() || !exchange_.client_gone();
}

void Http2Stream::tick(Instant now, std::size_t client_took) {
  if (!closed_ && !broken_) {
    if (!head_done_) {
      // A head that does not come to its end blocks the whole connection.
      if (now - since_ >= session_.timeouts().head) session_.end(NGHTTP2_ENHANCE_YOUR_CALM);
      return;
    }
    // Where it is not this stream's window that is closed, the client may well take other streams.
    if (nghttp2_session_get_stream_remote_window_size(session_.frames(), id_) > 0) {
      taking_.moved(now, client_took);
    }
    if (pending() > 0 && taking_.spent(now)) return reset(NGHTTP2_CANCEL);
  }
  if (exchange_.active()) exchange_.tick(now);
}

void Http2Stream::interim(const ResponseHead& head) {
  if (closed_) return;
  Http2AnswerHead& fields = session_.answer_fields();
  fields.interim(head);
  nghttp2_submit_headers(session_.frames(), NGHTTP2_FLAG_NONE, id_, nullptr, fields.data(),
                         fields.size(), nullptr);
}

void Http2Stream::answer_head(const ResponseHead& head, const AnswerMeta& meta) {
  if (closed_) return;
  session_.answer_fields().final(head, meta);
  submit(meta.has_body && head.content_length != 0U);
}

void Http2Stream::submit(bool with_data) {
  answered_ = true;
  answer_has_data_ = with_data;
  nghttp2_data_provider provider{};
  provider.source.ptr = this;
  provider.read_callback = read_answer;
  const Http2AnswerHead& fields = session_.answer_fields();
  nghttp2_submit_response(session_.frames(), id_, fields.data(), fields.size(),
                          with_data ? &provider : nullptr);
}

// A head of HTTP/2 cannot ask for another protocol: Upgrade is malformed in it.
void Http2Stream::tunnel_opened(const ResponseHead&, const AnswerMeta&, Tunnel::Far) {
  CHECK(false);
}

void Http2Stream::answer_data(std::string_view data) {
  if (closed_ || broken_ || !answer_has_data_) return;
  if (pending() == 0) taking_.start(session_.context().tick_now, session_.timeouts().answer);
  if (sent_ > 0 && out_.size() + data.size() > out_.capacity()) {
    out_.erase(0, sent_);
    sent_ = 0;
  }
  out_.append(data);
  session_.pending_changed(data.size(), 0);
}

void Http2Stream::answer_end(std::span<const HeaderField> trailers) {
  answer_ended_ = true;
  for (const HeaderField& field : trailers) trailers_.emplace_back(field.name, field.value);
}

void Http2Stream::answer_error(const GatewayError& error) {
  answer_ended_ = true;
  if (closed_) return;
  ErrorContext about = session_.context().error_context();
  about.is_head = is_head_;
  const std::string body = error_body(error, about);
  session_.answer_fields().error(error, about, body.size());
  submit(!is_head_);
  answer_data(body);
}

void Http2Stream::flush_answer() {
  if (closed_) return;
  if (deferred_ && (pending() > 0 || answer_ended_)) {
    deferred_ = false;
    nghttp2_session_resume_data(session_.frames(), id_);
  }
  session_.frames_ready();
}

// An answer to what is not a request.
void Http2Stream::refuse(const HeadProblem& problem) {
  answer_error(refusal(problem));
  session_.context().observer.request_done(session_.service(), RequestClass::read, problem.status,
                                           0);
  flush_answer();
}

bool Http2Stream::backlogged() const {
  return pending() > HttpExchange::kHighWaterBytes ||
         (pending() > 0 && session_.pending_bytes() > Http2Session::kMaxPendingBytes);
}

void Http2Stream::pause_body() {
  body_paused_ = true;
}

void Http2Stream::resume_body() {
  if (!std::exchange(body_paused_, false)) return;
  consume(std::exchange(unconsumed_, 0));
  session_.frames_ready();
}

void Http2Stream::exchange_done() {
  if (!closed_) {
    resume_body();
    flush_answer();
  }
  // It may have closed just now, and be out of use already.
  if (in_use() && closed_) session_.done_with(*this);
}

void Http2Stream::answer_broken() {
  if (!closed_) {
    reset(NGHTTP2_INTERNAL_ERROR);
  } else {
    session_.done_with(*this);
  }
}

void Http2Stream::reset(std::uint32_t code) {
  broken_ = true;
  drop_pending();
  consume(std::exchange(unconsumed_, 0));
  nghttp2_submit_rst_stream(session_.frames(), NGHTTP2_FLAG_NONE, id_, code);
  session_.frames_ready();
}

void Http2Stream::drop_pending() {
  session_.pending_changed(0, pending());
  shrink(out_);
  sent_ = 0;
}

void Http2Stream::answer_sent() {
  if (request_ended_ || closed_) return;
  nghttp2_submit_rst_stream(session_.frames(), NGHTTP2_FLAG_NONE, id_, NGHTTP2_NO_ERROR);
}

ssize_t Http2Stream::read_answer(nghttp2_session*, std::int32_t, std::uint8_t* buffer,
                                 std::size_t room, std::uint32_t* flags,
                                 nghttp2_data_source* source, void*) {
  return static_cast<Http2Stream*>(source->ptr)->take_answer(buffer, room, flags);
}

ssize_t Http2Stream::take_answer(std::uint8_t* buffer, std::size_t room, std::uint32_t* flags) {
  const std::size_t taken = std::min(room, pending());
  if (broken_ || (taken == 0 && !answer_ended_)) {
    deferred_ = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  std::memcpy(buffer, out_.data() + sent_, taken);
  sent_ += taken;
  session_.pending_changed(0, taken);
  taking_.moved(session_.context().tick_now, taken);
  if (pending() == 0) {
    shrink(out_);
    sent_ = 0;
  }
  if (pending() == 0 && answer_ended_) {
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (!trailers_.empty()) {
      *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      std::vector<HeaderField> fields;
      for (const auto& [name, value] : trailers_) fields.push_back({FieldId::unknown, name, value});
      Http2AnswerHead& list = session_.answer_fields();
      list.trailers(fields);
      nghttp2_submit_trailer(session_.frames(), id_, list.data(), list.size());
    }
  } else if (pending() < kLowWaterBytes) {
    exchange_.client_drained();
  }
  return static_cast<ssize_t>(taken);
}

}  // namespace regent
