#include "gateway/http_trailers.h"

#include <boost/beast/http/field.hpp>

#include "gateway/http_body.h"

namespace regent {

void TrailerReader::clear() {
  section_.clear();
  fields_.clear();
}

HeadProblem TrailerReader::read() {
  HeadProblem problem;
  const std::string_view section = section_;
  for (std::size_t begin = 0; begin < section.size();) {
    const std::size_t end = section.find("\r\n", begin);
    if (end == begin || end == std::string_view::npos) break;
    const std::string_view line = section.substr(begin, end - begin);
    begin = end + 2;
    SplitField parts;
    if (const HeadProblem malformed = split_field(line, parts)) {
      fields_.clear();  // who knows what the line before it meant
      return malformed;
    }
    const FieldId id = boost::beast::http::string_to_field({parts.name.data(), parts.name.size()});
    const HeaderField field{id, parts.name, parts.value};
    if (allowed_in_trailers(field)) {
      fields_.push_back(field);
    } else if (!problem) {
      problem = {400, "a trailer that is allowed in the head only"};
    }
  }
  return problem;
}

bool allowed_in_trailers(const HeaderField& field) {
  switch (field.id) {
    case FieldId::age:
    case FieldId::authorization:
    case FieldId::cache_control:
    case FieldId::connection:
    case FieldId::cookie:
    case FieldId::date:
    case FieldId::expect:
    case FieldId::expires:
    case FieldId::forwarded:
    case FieldId::host:
    case FieldId::keep_alive:
    case FieldId::location:
    case FieldId::max_forwards:
    case FieldId::pragma:
    case FieldId::proxy_authenticate:
    case FieldId::proxy_authorization:
    case FieldId::proxy_connection:
    case FieldId::range:
    case FieldId::retry_after:
    case FieldId::set_cookie:
    case FieldId::te:
    case FieldId::trailer:
    case FieldId::transfer_encoding:
    case FieldId::upgrade:
    case FieldId::vary:
    case FieldId::via:
    case FieldId::www_authenticate:
      return false;
    default:
      break;
  }
  for (const std::string_view prefix : {"content-", "if-", "x-forwarded-", "http2-settings"}) {
    if (starts_ignoring_case(field.name, prefix)) return false;
  }
  return !is_regent_header(field) && !equals_ignoring_case(field.name, "idempotency-key");
}

void append_last_chunk(std::string& out, std::span<const HeaderField> trailers) {
  if (trailers.empty()) {
    out.append(kLastChunk);
    return;
  }
  out.append("0\r\n");
  for (const HeaderField& field : trailers) {
    out.append(field.name).append(": ").append(field.value).append("\r\n");
  }
  out.append("\r\n");
}

}  // namespace regent
