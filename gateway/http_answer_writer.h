#pragma once

#include <span>
#include <string>
#include <string_view>

#include "gateway/http_head.h"
#include "gateway/http_rewrite.h"
#include "region/stream.h"

namespace regent {

// Where the parts of an answer wait for each other, shared by all writers of a thread. Nothing is
// in it when an event is over.
struct GatheredAnswer {
  std::string bytes;
  const void* owner = nullptr;  // whose bytes they are
};

// Writes answers to a client of HTTP/1: one after the other, each framed by length, by chunks or
// by the end of the connection. What is small is gathered until flush(), to leave in one system
// call; large data goes out from where it lies. Loop's thread.
class HttpAnswerWriter {
 public:
  explicit HttpAnswerWriter(GatheredAnswer& gathered) : gathered_(gathered) {}
  ~HttpAnswerWriter();
  HttpAnswerWriter(const HttpAnswerWriter&) = delete;
  HttpAnswerWriter& operator=(const HttpAnswerWriter&) = delete;

  // Where to write; null: nowhere any more.
  void attach(Stream* stream) { stream_ = stream; }

  // The request that the next answer is for, by its version and method.
  void begin(bool http11, bool is_head);
  void interim(const ResponseHead& head);
  // keep_alive: the connection may take another request. Returns whether it can after this answer.
  bool head(const ResponseHead& head, const AnswerMeta& meta, bool keep_alive);
  void data(std::string_view data);
  // Whether data goes out as it is, after what has been gathered.
  bool frames_by_length() const { return framing_ == AnswerFraming::length; }
  // The trailers go out where the answer goes in chunks.
  void end(std::span<const HeaderField> trailers);
  // context: is_head, client_http11 and keep_alive are filled in here.
  void error(const GatewayError& error, ErrorContext context, bool keep_alive);
  void flush();

 private:
  // Bytes that another writer has left belong to another client: they are dropped.
  std::string& out();

  GatheredAnswer& gathered_;
  Stream* stream_ = nullptr;
  bool http11_ = true;
  bool is_head_ = false;
  AnswerFraming framing_ = AnswerFraming::none;
};

}  // namespace regent
