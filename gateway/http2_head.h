#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <nghttp2/nghttp2.h>

#include "gateway/http_head.h"
#include "gateway/http_rewrite.h"

// Heads of HTTP/2 in terms of HTTP/1 and back.
namespace regent {

// The head of one request, gathered field by field as nghttp2 has read and checked them (RFC 9113,
// 8.2 and 8.3: names in lower case, no connection-specific fields, `te: trailers` only, pseudo-
// fields complete, once and first). What comes out is the text of an HTTP/1.1 head, which then
// passes the same strict check and parser as any other.
class Http2RequestHead {
 public:
  void clear();
  // Also counts the size of the list as RFC 9113, 6.5.2, does. Beyond kMaxHeadBytes fields are only
  // counted, not kept.
  void add(std::string_view name, std::string_view value);
  std::size_t list_bytes() const { return list_bytes_; }

  // Puts `text` together and parses it into `head`, whose views are into it. has_body: the stream
  // goes on after the head. Problems: those of RequestHead::parse(); a list of more than 64 KiB
  // (431); Host beside another :authority, a scheme other than https, a path that is none (400).
  HeadProblem parse(bool has_body, std::string& text, RequestHead& head) const;

 private:
  std::size_t list_bytes_ = 0;
  bool has_length_ = false;
  bool other_host_ = false;
  std::string method_;
  std::string scheme_;
  std::string path_;
  std::string host_;
  std::string cookie_;
  std::string fields_;  // lines of HTTP/1
};

// The fields of an answer, ready to be submitted. The storage of what had to be written anew is
// reused from answer to answer.
class Http2AnswerHead {
 public:
  // Both empty the list first.
  void final(const ResponseHead& head, const AnswerMeta& meta);
  void interim(const ResponseHead& head);
  void error(const GatewayError& error, const ErrorContext& context, std::size_t body_bytes);
  void trailers(std::span<const HeaderField> fields);

  const nghttp2_nv* data() const { return fields_.data(); }
  std::size_t size() const { return fields_.size(); }

 private:
  void begin(std::size_t room, unsigned status);
  void add(std::string_view name, std::string_view value);
  void add(std::string_view name, std::uint64_t value);
  std::string_view keep(std::string_view text, bool lower_case);

  std::string text_;  // names and numbers; never grows while views into it are in use
  std::vector<nghttp2_nv> fields_;
};

}  // namespace regent
