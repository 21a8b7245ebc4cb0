#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "gateway/http_head.h"
#include "quorum/types.h"

// The heads that the gateway sends: written into a buffer that the caller reuses.
namespace regent {

// Who sent a request, as the backend is told.
struct RequestOrigin {
  std::string_view client_address;  // without the port
  bool tls = false;
  bool from_gateway = false;  // another gateway has filled in X-Forwarded-* already
};

// Request line and end-to-end headers without the empty line: all that is the same for each
// attempt to place the request. Drops hop-by-hop and Regent-* headers; an absolute target becomes a
// path. Where HTTP/1.0 left out Host, it is the absolute target's, or empty.
void append_request_base(std::string& out, const RequestHead& head, const RequestOrigin& origin);

// What ends the head of one attempt, with the empty line. `service`: only towards a gateway.
void append_request_end(std::string& out, Epoch epoch, std::string_view region,
                        std::string_view service);

// How the body of an answer is marked off for the client.
enum class AnswerFraming { none, length, chunked, close };

// Framing for a client of this version; is_head: the answer to HEAD.
AnswerFraming answer_framing(const ResponseHead& head, bool is_head, bool client_http11);

struct AnswerHeadOptions {
  AnswerFraming framing = AnswerFraming::none;
  bool client_http11 = true;
  bool keep_alive = true;
  // From a gateway that served it: its Regent-* headers stay, epoch and region are not used.
  bool from_gateway = false;
  Epoch epoch;
  std::string_view region;
  bool stale = false;
};
void append_answer_head(std::string& out, const ResponseHead& head,
                        const AnswerHeadOptions& options);
// 100 or 103 and the like, passed on as it is.
void append_interim_head(std::string& out, const ResponseHead& head);

// An answer of the gateway itself, in the JSON form that clients may rely on.
struct GatewayError {
  unsigned status = 503;
  std::string_view error;  // no_primary, no_backend, ...
  std::string message;
  bool outcome_unknown = false;
  bool retry_after = false;
  bool refused = false;  // to a gateway: nothing of the request reached a backend
};
struct ErrorContext {
  Epoch epoch;
  std::string_view region;   // that answers
  std::string_view primary;  // "": none known
  bool quorum = false;
  bool is_head = false;
  bool client_http11 = true;
  bool keep_alive = false;
};
void append_error_answer(std::string& out, const GatewayError& error, const ErrorContext& context);

std::string_view status_text(unsigned status);

}  // namespace regent
