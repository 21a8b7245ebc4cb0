#include "gateway/http_answer_writer.h"

#include "gateway/http_body.h"
#include "gateway/http_trailers.h"

namespace regent {
namespace {

// Data from this size on goes to the client from where it lies; smaller data joins the head.
constexpr std::size_t kDirectBytes = 8 * 1024;

}  // namespace

void HttpAnswerWriter::begin(bool http11, bool is_head) {
  http11_ = http11;
  is_head_ = is_head;
}

void HttpAnswerWriter::interim(const ResponseHead& head) {
  if (http11_) append_interim_head(out(), head);
}

bool HttpAnswerWriter::head(const ResponseHead& head, const AnswerMeta& meta, bool keep_alive) {
  framing_ = answer_framing(head, meta.has_body, http11_);
  AnswerHeadOptions options;
  options.framing = framing_;
  options.client_http11 = http11_;
  options.keep_alive = keep_alive && framing_ != AnswerFraming::close;
  options.meta = meta;
  append_answer_head(out(), head, options);
  return options.keep_alive;
}

void HttpAnswerWriter::data(std::string_view data) {
  if (framing_ == AnswerFraming::chunked) {
    append_chunk(out(), data);
  } else if (data.size() < kDirectBytes) {
    out().append(data);
  } else {
    flush();
    if (stream_ != nullptr) stream_->write(data);
  }
}

void HttpAnswerWriter::end(std::span<const HeaderField> trailers) {
  if (framing_ == AnswerFraming::chunked) append_last_chunk(out(), trailers);
}

void HttpAnswerWriter::error(const GatewayError& error, ErrorContext context, bool keep_alive) {
  context.is_head = is_head_;
  context.client_http11 = http11_;
  context.keep_alive = keep_alive;
  append_error_answer(out(), error, context);
}

void HttpAnswerWriter::flush() {
  std::string& bytes = out();
  if (stream_ != nullptr && !bytes.empty()) stream_->write(bytes);
  bytes.clear();
}

std::string& HttpAnswerWriter::out() {
  if (gathered_.owner != this) {
    gathered_.owner = this;
    gathered_.bytes.clear();
  }
  return gathered_.bytes;
}

HttpAnswerWriter::~HttpAnswerWriter() {
  if (gathered_.owner == this) gathered_.owner = nullptr;
}

}  // namespace regent
