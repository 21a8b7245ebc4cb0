#pragma once

#include <span>
#include <string>
#include <string_view>

#include "gateway/http_head.h"
#include "gateway/http_rewrite.h"
#include "region/stream.h"

namespace regent {

// Writes answers to a client of HTTP/1: one after the other, each framed by length, by chunks or
// by the end of the connection. What is small is gathered until flush(), to leave in one system
// call; large data goes out from where it lies. Loop's thread.
class HttpAnswerWriter {
 public:
  // `gathered` may be shared by all writers of a thread: it is empty whenever an event is over.
  explicit HttpAnswerWriter(std::string& gathered) : out_(gathered) {}

  // Where to write; null: nowhere any more.
  void attach(Stream* stream) { stream_ = stream; }

  // The request that the next answer is for, by its version and method.
  void begin(bool http11, bool is_head);
  void interim(const ResponseHead& head);
  // keep_alive: the connection may take another request. Returns whether it can after this answer.
  bool head(const ResponseHead& head, const AnswerMeta& meta, bool keep_alive);
  void data(std::string_view data);
  // The trailers go out where the answer goes in chunks.
  void end(std::span<const HeaderField> trailers);
  // context: is_head, client_http11 and keep_alive are filled in here.
  void error(const GatewayError& error, ErrorContext context, bool keep_alive);
  void flush();

 private:
  std::string& out_;
  Stream* stream_ = nullptr;
  bool http11_ = true;
  bool is_head_ = false;
  AnswerFraming framing_ = AnswerFraming::none;
};

}  // namespace regent
