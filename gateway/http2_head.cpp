#include "gateway/http2_head.h"

#include <charconv>

#include "quorum/check.h"

namespace regent {
namespace {

constexpr std::size_t kFieldOverhead = 32;  // of a field, in the size of a list
// What begin(), the framing and Regent's own fields of an answer need at most.
constexpr std::size_t kOwnBytes = 256;

void append_line(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ", 2).append(value).append("\r\n", 2);
}

std::size_t room_for(const ResponseHead& head) {
  std::size_t room = kOwnBytes;
  for (const HeaderField& field : head.fields) room += field.name.size();
  return room;
}

}  // namespace

void Http2RequestHead::clear() {
  list_bytes_ = 0;
  has_length_ = false;
  other_host_ = false;
  for (std::string* part : {&method_, &scheme_, &path_, &host_, &cookie_, &fields_}) part->clear();
}

void Http2RequestHead::add(std::string_view name, std::string_view value) {
  list_bytes_ += name.size() + value.size() + kFieldOverhead;
  if (list_bytes_ > kMaxHeadBytes) return;
  if (name == ":method") {
    method_ = value;
  } else if (name == ":scheme") {
    scheme_ = value;
  } else if (name == ":path") {
    path_ = value;
  } else if (name == ":authority" || name == "host") {
    other_host_ |= !host_.empty() && !equals_ignoring_case(host_, value);
    host_ = value;
  } else if (name == "cookie") {
    // One line each in HTTP/2 for the sake of compression (RFC 9113, 8.2.3).
    if (!cookie_.empty()) cookie_.append("; ", 2);
    cookie_.append(value);
  } else {
    has_length_ |= name == "content-length";
    append_line(fields_, name, value);
  }
}

HeadProblem Http2RequestHead::parse(bool has_body, std::string& text, RequestHead& head) const {
  if (list_bytes_ > kMaxHeadBytes) return {431, "the headers are larger than 64 KiB"};
  if (method_ == "CONNECT") return {501, "CONNECT is not served here"};
  if (other_host_) return {400, "the Host header is not the :authority"};
  if (!equals_ignoring_case(scheme_, "https")) return {400, "the :scheme is not https"};
  if (path_ != "*" && !path_.starts_with('/')) {
    return {400, "the :path does not begin with a slash"};
  }
  text.clear();
  text.append(method_).append(" ", 1).append(path_).append(" HTTP/1.1\r\n");
  append_line(text, "Host", host_);
  text.append(fields_);
  if (!cookie_.empty()) append_line(text, "Cookie", cookie_);
  if (has_body && !has_length_) append_line(text, "Transfer-Encoding", "chunked");
  text.append("\r\n", 2);
  return head.parse(text);
}

void Http2AnswerHead::begin(std::size_t room, unsigned status) {
  text_.clear();
  text_.reserve(room);
  fields_.clear();
  if (status > 0) add(":status", std::uint64_t{status});
}

std::string_view Http2AnswerHead::keep(std::string_view text, bool lower_case) {
  CHECK(text_.capacity() - text_.size() >= text.size());
  const std::size_t at = text_.size();
  for (const char c : text) {
    text_.push_back(lower_case && c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c);
  }
  return std::string_view(text_).substr(at);
}

void Http2AnswerHead::add(std::string_view name, std::string_view value) {
  const auto bytes = [](std::string_view text) {
    return const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(text.data()));
  };
  fields_.push_back(
      {bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE});
}

void Http2AnswerHead::add(std::string_view name, std::uint64_t value) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  add(name, keep({digits, static_cast<std::size_t>(end - digits)}, false));
}

void Http2AnswerHead::final(const ResponseHead& head, const AnswerMeta& meta) {
  begin(room_for(head), head.status);
  for (const HeaderField& field : head.fields) {
    if (forwarded_to_client(head, field, meta.from_gateway)) {
      add(keep(field.name, true), field.value);
    }
  }
  if (head.content_length && head.status != 204) add("content-length", *head.content_length);
  if (meta.from_gateway) return;
  add("regent-epoch", meta.epoch.value);
  add("regent-region", meta.region);
  if (meta.stale) add("regent-stale", "true");
}

void Http2AnswerHead::interim(const ResponseHead& head) {
  begin(room_for(head), head.status);
  for (const HeaderField& field : head.fields) {
    if (forwarded_to_client(head, field, false)) add(keep(field.name, true), field.value);
  }
}

void Http2AnswerHead::error(const GatewayError& error, const ErrorContext& context,
                            std::size_t body_bytes) {
  begin(kOwnBytes, error.status);
  add("content-type", "application/json");
  add("content-length", std::uint64_t{body_bytes});
  if (error.retry_after) add("retry-after", "1");
  add("regent-epoch", context.epoch.value);
  add("regent-region", context.region);
}

void Http2AnswerHead::trailers(std::span<const HeaderField> fields) {
  std::size_t room = 0;
  for (const HeaderField& field : fields) room += field.name.size();
  begin(room, 0);
  for (const HeaderField& field : fields) add(keep(field.name, true), field.value);
}

}  // namespace regent
