#include "gateway/http_rewrite.h"

#include <Poco/JSONString.h>

#include <boost/beast/http/status.hpp>
#include <charconv>

namespace regent {
namespace {

void append_number(std::string& out, std::uint64_t number) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  out.append(digits, static_cast<std::size_t>(end - digits));
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ", 2).append(value).append("\r\n", 2);
}

void append_field(std::string& out, std::string_view name, std::uint64_t number) {
  out.append(name).append(": ", 2);
  append_number(out, number);
  out.append("\r\n", 2);
}

bool is_secret(const HeaderField& field) {
  return field.id == FieldId::authorization || field.id == FieldId::cookie ||
         field.id == FieldId::proxy_authorization || is_regent_header(field);
}

bool is_forwarded_for(const HeaderField& field) {
  return field.id == FieldId::unknown && equals_ignoring_case(field.name, "x-forwarded-for");
}

bool is_forwarded_proto(const HeaderField& field) {
  return field.id == FieldId::unknown && equals_ignoring_case(field.name, "x-forwarded-proto");
}

// Many servers make one variable of a-b and a_b, so that this would pass for what Regent says.
bool is_forwarded_lookalike(const HeaderField& field) {
  return field.id == FieldId::unknown && field.name.find('_') != std::string_view::npos &&
         field.name.size() > 2 && starts_ignoring_case(field.name, "x") &&
         starts_ignoring_case(field.name.substr(2), "forwarded");
}

void append_target(std::string& out, std::string_view method, std::string_view target) {
  const SplitTarget split = split_target(target);
  if (split.absolute && !split.path.starts_with('/')) {
    // RFC 9112, 3.2.4: a host alone means the server as a whole.
    out.push_back(split.path.empty() && method == "OPTIONS" ? '*' : '/');
  }
  out.append(split.path);
}

// An upgrade is passed on as the one thing that Connection may name (RFC 9110, 7.8).
void append_upgrade(std::string& out, std::string_view protocols) {
  out.append("Connection: Upgrade\r\n");
  append_field(out, "Upgrade", protocols);
}

void append_connection(std::string& out, bool http11, bool keep_alive) {
  if (!keep_alive) {
    out.append("Connection: close\r\n");
  } else if (!http11) {
    out.append("Connection: keep-alive\r\n");
  }
}

void append_status_line(std::string& out, unsigned status, std::string_view reason) {
  out.append("HTTP/1.1 ");
  append_number(out, status);
  out.push_back(' ');
  out.append(reason).append("\r\n", 2);
}

void append_served_by(std::string& out, Epoch epoch, std::string_view region) {
  append_field(out, "Regent-Epoch", epoch.value);
  append_field(out, "Regent-Region", region);
}

}  // namespace

GatewayError refusal(const HeadProblem& problem) {
  const std::string_view error = problem.status == 413   ? "body_too_large"
                                 : problem.status == 501 ? "not_supported"
                                 : problem.status == 503 ? "no_backend"
                                 : problem.status == 421 ? "no_backend"
                                                         : "bad_request";
  const bool elsewhere = problem.status == 421;
  const bool later = problem.status == 503 || elsewhere;
  return {problem.status, error, std::string(problem.reason), false, later, elsewhere};
}

std::string error_body(const GatewayError& error, const ErrorContext& context) {
  std::string body = R"({"success":false,"error":")";
  body.append(error.error).append(R"(","message":)");
  body.append(Poco::toJSON(error.message)).append(R"(,"epoch":)");
  append_number(body, context.epoch.value);
  if (error.outcome_unknown) body.append(R"(,"outcome":"unknown")");
  body.append(R"(,"status":{"region":)").append(Poco::toJSON(std::string(context.region)));
  body.append(R"(,"primary":)");
  body.append(context.primary.empty() ? "null" : Poco::toJSON(std::string(context.primary)));
  body.append(R"(,"quorum":)").append(context.quorum ? "true" : "false").append("}}\n");
  return body;
}

void append_request_base(std::string& out, const RequestHead& head, const RequestOrigin& origin) {
  out.append(head.method).push_back(' ');
  append_target(out, head.method, head.target);
  out.append(" HTTP/1.1\r\n");
  std::size_t forwarded_for = 0;
  bool has_host = false;
  for (const HeaderField& field : head.fields) {
    if (head.hop_by_hop(field) || is_regent_header(field)) continue;
    has_host |= field.id == FieldId::host;
    if (!origin.from_gateway && field.id == FieldId::unknown) {
      if (is_forwarded_for(field)) {
        ++forwarded_for;
        continue;
      }
      if (is_forwarded_proto(field) || is_forwarded_lookalike(field)) continue;
    }
    if (field.id == FieldId::max_forwards && head.max_forwards) {
      append_field(out, field.name, std::uint64_t{*head.max_forwards - 1});
      continue;
    }
    append_field(out, field.name, field.value);
  }
  // HTTP/1.0 may leave it out. What is sent is HTTP/1.1, which may not.
  if (!has_host) append_field(out, "Host", split_target(head.target).authority);
  if (head.chunked) {
    out.append("Transfer-Encoding: chunked\r\n");
  } else if (head.content_length) {
    append_field(out, "Content-Length", *head.content_length);
  }
  if (!head.upgrade.empty()) append_upgrade(out, head.upgrade);
  if (!origin.from_gateway) {
    out.append("X-Forwarded-For: ");
    for (const HeaderField& field : head.fields) {
      if (forwarded_for == 0) break;
      if (is_forwarded_for(field)) {
        out.append(field.value).append(", ");
      }
    }
    out.append(origin.client_address).append("\r\nX-Forwarded-Proto: ");
    out.append(origin.tls ? "https\r\n" : "http\r\n");
  }
  out.append(origin.http2  ? "Via: 2.0 regent\r\n"
             : head.http11 ? "Via: 1.1 regent\r\n"
                           : "Via: 1.0 regent\r\n");
}

void append_trace(std::string& out, const RequestHead& head) {
  out.append(head.method).append(" ", 1).append(head.target);
  out.append(head.http11 ? " HTTP/1.1\r\n" : " HTTP/1.0\r\n");
  for (const HeaderField& field : head.fields) {
    if (!is_secret(field)) append_field(out, field.name, field.value);
  }
  out.append("\r\n", 2);
}

void append_request_end(std::string& out, Epoch epoch, std::string_view region,
                        std::string_view service) {
  append_served_by(out, epoch, region);
  if (!service.empty()) append_field(out, "Regent-Service", service);
  out.append("\r\n", 2);
}

bool answer_has_body(const ResponseHead& head, bool is_head) {
  return !is_head && head.status >= 200 && head.status != 204 && head.status != 304;
}

bool forwarded_to_client(const ResponseHead& head, const HeaderField& field, bool from_gateway) {
  if (head.hop_by_hop(field)) return false;
  if (!is_regent_header(field)) return true;
  return from_gateway && !equals_ignoring_case(field.name, "regent-refused");
}

AnswerFraming answer_framing(const ResponseHead& head, bool has_body, bool client_http11) {
  if (!has_body) return AnswerFraming::none;
  if (head.content_length) return AnswerFraming::length;
  return client_http11 ? AnswerFraming::chunked : AnswerFraming::close;
}

void append_answer_head(std::string& out, const ResponseHead& head,
                        const AnswerHeadOptions& options) {
  append_status_line(out, head.status, head.reason);
  for (const HeaderField& field : head.fields) {
    if (forwarded_to_client(head, field, options.meta.from_gateway)) {
      append_field(out, field.name, field.value);
    }
  }
  switch (options.framing) {
    case AnswerFraming::none:  // what HEAD or a 304 says of a body that is not sent
      if (head.status == 101) break;
      if (head.content_length && head.status != 204) {
        append_field(out, "Content-Length", *head.content_length);
      } else if (head.chunked && head.status != 204 && options.client_http11) {
        out.append("Transfer-Encoding: chunked\r\n");
      }
      break;
    case AnswerFraming::length:
      append_field(out, "Content-Length", *head.content_length);
      break;
    case AnswerFraming::chunked:
      out.append("Transfer-Encoding: chunked\r\n");
      break;
    case AnswerFraming::close:
      break;
  }
  if (!options.meta.from_gateway) {
    append_served_by(out, options.meta.epoch, options.meta.region);
    if (options.meta.stale) out.append("Regent-Stale: true\r\n");
  }
  if (head.status == 101) {
    append_upgrade(out, head.upgrade);
  } else {
    append_connection(out, options.client_http11, options.keep_alive);
  }
  out.append("\r\n", 2);
}

void append_interim_head(std::string& out, const ResponseHead& head) {
  append_status_line(out, head.status, head.reason);
  for (const HeaderField& field : head.fields) {
    if (forwarded_to_client(head, field, false)) append_field(out, field.name, field.value);
  }
  out.append("\r\n", 2);
}

void append_error_answer(std::string& out, const GatewayError& error, const ErrorContext& context) {
  const std::string body = error_body(error, context);
  namespace http = boost::beast::http;
  const auto reason = http::obsolete_reason(http::int_to_status(error.status));
  append_status_line(out, error.status, {reason.data(), reason.size()});
  append_field(out, "Content-Type", "application/json");
  append_field(out, "Content-Length", body.size());
  if (error.retry_after) append_field(out, "Retry-After", "1");
  if (error.refused) append_field(out, "Regent-Refused", error.error);
  append_served_by(out, context.epoch, context.region);
  append_connection(out, context.client_http11, context.keep_alive);
  out.append("\r\n", 2);
  if (!context.is_head) out.append(body);
}

}  // namespace regent
