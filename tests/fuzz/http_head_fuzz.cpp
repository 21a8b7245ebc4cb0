// HTTP heads: a head is taken exactly when an independent strict reading finds one meaning in it,
// and then with that meaning; what is sent on says the same, with Regent's headers from Regent
// alone and nothing in it that concerned only the connection it came on.
#include <algorithm>
#include <set>

#include "gateway/http_rewrite.h"
#include "tests/fuzz/naive_head.h"
#include "tests/fuzz/property.h"

namespace regent::fuzz {
namespace {

constexpr std::string_view kRegion = "us-east";
constexpr Epoch kEpoch{7};

const std::set<std::string> kHopByHop{"connection",
                                      "proxy-connection",
                                      "keep-alive",
                                      "te",
                                      "trailer",
                                      "transfer-encoding",
                                      "upgrade",
                                      "proxy-authenticate",
                                      "proxy-authorization",
                                      "http2-settings"};

// Headers that every message sent on may have, whatever the message received said of them.
const std::set<std::string> kOurs{"host",         "content-length",  "transfer-encoding",
                                  "via",          "x-forwarded-for", "x-forwarded-proto",
                                  "regent-epoch", "regent-region",   "regent-service",
                                  "regent-stale", "connection"};

bool is_regent_name(const std::string& name) {
  return name.starts_with("regent-") || name.starts_with("regent_");
}

// Naming these in Connection takes them from nobody.
bool keeps_its_meaning(const std::string& name) {
  return name.starts_with("x-forwarded-") || name == "idempotency-key" || name == "host";
}

void check_same_fields(const MessageHead& head, const NaiveHead& naive, std::string_view text) {
  require(head.fields.size() == naive.fields.size(), "as many headers as lines", text);
  for (std::size_t i = 0; i < naive.fields.size(); ++i) {
    require(lower(head.fields[i].name) == naive.fields[i].name &&
                head.fields[i].value == naive.fields[i].value,
            "the headers are those of the lines", text);
  }
  require(head.http11 == naive.http11, "the version is the line's", text);
  require(head.chunked == naive.chunked && head.content_length == naive.content_length,
          "the framing is what the headers say", text);
}

// Of a message sent on: the headers that are not to leave the connection they came on.
void check_end_to_end(const NaiveHead& sent, const NaiveHead& received, std::string_view text) {
  for (const NaiveField& field : sent.fields) {
    if (kOurs.contains(field.name)) continue;
    if (field.name == "upgrade" && !received.upgrade.empty()) continue;
    require(!kHopByHop.contains(field.name), "hop-by-hop headers stay on their connection", text);
    require(!received.connection_options.contains(field.name) || keeps_its_meaning(field.name),
            "what Connection names stays on its connection", text);
    require(!is_regent_name(field.name), "only Regent sets Regent's headers", text);
  }
}

void check_request_sent(const RequestHead& head, const NaiveHead& naive, RequestOrigin origin,
                        std::string_view service, std::string_view text) {
  std::string sent;
  append_request_base(sent, head, origin);
  append_request_end(sent, kEpoch, kRegion, service);
  require(head_length(sent) == sent.size(), "a request sent on is one head", sent);
  const auto reread = naive_request(sent);
  RequestHead parsed;
  require(reread.has_value() && !parsed.parse(sent), "a request sent on is taken again", sent);
  require(reread->http11 && reread->method == naive.method, "method and version", sent);
  require(reread->target == naive.origin_form, "an absolute target becomes its path", sent);
  require(reread->chunked == naive.chunked && reread->content_length == naive.content_length,
          "the framing is as received", sent);
  check_end_to_end(*reread, naive, text);
  require(reread->value("regent-epoch") == "7" && reread->value("regent-region") == kRegion,
          "epoch and region are ours, once", sent);
  require(reread->value("regent-service").value_or("") == service,
          "the service is told to gateways alone", sent);
  require(reread->value("host") == naive.value("host").value_or(naive.authority),
          "the host is as received", sent);
  const auto connection = reread->values("connection");
  require(naive.upgrade.empty() ? connection.empty() : reread->upgrade == naive.upgrade,
          "the connection to a backend stays open, and an offered upgrade is passed on", sent);
  for (const char* kept : {"idempotency-key", "x-forwarded-host"}) {
    require(reread->values(kept) == naive.values(kept), "nobody can name it away", sent);
  }
  for (const NaiveField& field : reread->fields) {
    require(origin.from_gateway || !field.name.starts_with("x_forwarded"), "no double of ours",
            sent);
  }
  if (origin.from_gateway) return;
  require(reread->value("x-forwarded-proto") == (origin.tls ? "https" : "http"),
          "the protocol is told by us alone", sent);
  const auto forwarded = reread->value("x-forwarded-for");
  require(forwarded && forwarded->ends_with(origin.client_address),
          "the client's address stands last", sent);
}

void check_request(std::string_view text) {
  const auto naive = naive_request(text);
  RequestHead head;
  const HeadProblem problem = head.parse(text);
  require(problem.status == 0 || !problem.reason.empty(), "a refusal says why", text);
  if (problem.status == 417) return;
  require(!problem == naive.has_value(), "taken exactly when it has one strict meaning", text);
  if (!naive) return;
  require(head.method == naive->method && head.target == naive->target, "the request line", text);
  check_same_fields(head, *naive, text);
  require(head.upgrade == naive->upgrade, "an upgrade is offered or not", text);
  require(head.upgrade.empty() || head.request_class == RequestClass::write,
          "an upgrade is a write", text);
  const std::size_t step = 1 + text.size() / 512;
  for (std::size_t end = 0; end < text.size(); end += step) {
    const std::string_view beginning = text.substr(0, end);
    require(head_length(beginning) == 0 && !check_partial_request(beginning),
            "the beginning of a good head is no problem", text);
    const std::size_t seen = end < step ? 0 : end - step;
    require(!check_partial_request(beginning, seen) && head_length(text, end) == text.size(),
            "looking on from where one was gives the same", text);
  }
  check_request_sent(head, *naive, {"10.0.0.9", false, false}, "", text);
  check_request_sent(head, *naive, {"2001:db8::9", true, false}, "orders", text);
  check_request_sent(head, *naive, {"10.0.0.9", false, true}, "", text);
}

void check_answer_sent(const ResponseHead& head, const NaiveHead& naive, AnswerHeadOptions options,
                       bool is_head, std::string_view text) {
  options.framing = answer_framing(head, answer_has_body(head, is_head), options.client_http11);
  options.meta.epoch = kEpoch;
  options.meta.region = kRegion;
  std::string sent;
  append_answer_head(sent, head, options);
  require(head_length(sent) == sent.size(), "an answer sent on is one head", sent);
  const auto reread = naive_response(sent);
  ResponseHead parsed;
  require(reread.has_value() && !parsed.parse(sent), "an answer sent on is taken again", sent);
  require(reread->http11 && parsed.status == head.status, "status and version", sent);
  const bool chunked = options.framing == AnswerFraming::chunked;
  const bool length = options.framing == AnswerFraming::length;
  if (options.framing != AnswerFraming::none) {
    require(reread->chunked == chunked && reread->content_length.has_value() == length,
            "the framing is the one that was chosen", sent);
  }
  require(!length || reread->content_length == naive.content_length, "the length is kept", sent);
  require(options.client_http11 || !reread->chunked, "no chunks for HTTP/1.0", sent);
  if (options.meta.from_gateway) {
    require(reread->values("regent-refused").empty(), "a refusal is between gateways", sent);
    return;
  }
  check_end_to_end(*reread, naive, text);
  require(reread->value("regent-epoch") == "7" && reread->value("regent-region") == kRegion,
          "epoch and region are ours, once", sent);
  require(reread->values("regent-stale").size() == (options.meta.stale ? 1U : 0U),
          "only Regent says that an answer is stale", sent);
  require(options.keep_alive || reread->value("connection") == "close",
          "the client is told of the end of the connection", sent);
}

void check_interim(const ResponseHead& head, const NaiveHead& naive, std::string_view text) {
  std::string sent;
  append_interim_head(sent, head);
  const auto reread = naive_response(sent);
  require(head_length(sent) == sent.size() && reread.has_value(), "an interim answer is a head",
          sent);
  require(!reread->chunked && !reread->content_length, "an interim answer has no body", sent);
  check_end_to_end(*reread, naive, text);
}

void check_response(std::string_view text) {
  const auto naive = naive_response(text);
  ResponseHead head;
  const HeadProblem problem = head.parse(text);
  require(!problem == naive.has_value(), "taken exactly when it has one strict meaning", text);
  if (!naive) return;
  require(head.status == naive->status && head.reason == naive->reason, "the status line", text);
  check_same_fields(head, *naive, text);
  require(head.upgrade == naive->upgrade, "a switch is made or not", text);
  if (head.status == 101 || head.status < 100) return;
  if (head.status < 200) return check_interim(head, *naive, text);
  check_answer_sent(head, *naive, {}, false, text);
  check_answer_sent(head, *naive, {.meta = {.stale = true}}, true, text);
  check_answer_sent(head, *naive, {.client_http11 = false, .keep_alive = false}, false, text);
  check_answer_sent(head, *naive, {.meta = {.from_gateway = true}}, false, text);
}

void check_input(std::string_view input) {
  const std::size_t length = head_length(input);
  const std::size_t end = input.find("\r\n\r\n");
  require(length == (end == std::string_view::npos ? 0 : end + 4),
          "a head ends with the first empty line", input);
  if (length == 0) {
    // Whatever it says of an unfinished head, the rest of the checks is for finished ones.
    (void)check_partial_request(input);
    return;
  }
  check_request(input.substr(0, length));
  check_response(input.substr(0, length));
}

}  // namespace
}  // namespace regent::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  regent::fuzz::check_input(regent::fuzz::text_of(data, size));
  return 0;
}
