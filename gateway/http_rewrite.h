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
  bool http2 = false;         // it came as HTTP/2, whatever its head says
};

// Request line and end-to-end headers without the empty line: all that is the same for each
// attempt to place the request. Drops hop-by-hop and Regent-* headers; an absolute target becomes a
// path (the asterisk for OPTIONS of a host alone). Where HTTP/1.0 left out Host, it is the absolute
// target's, or empty. Max-Forwards is counted down where it means something, and must not be 0
// there.
void append_request_base(std::string& out, const RequestHead& head, const RequestOrigin& origin);

// The request as it came, for the answer to TRACE (RFC 9110, 9.3.8), without what may be secret.
void append_trace(std::string& out, const RequestHead& head);

// What ends the head of one attempt, with the empty line. `service`: only towards a gateway.
void append_request_end(std::string& out, Epoch epoch, std::string_view region,
                        std::string_view service);

// What Regent says of an answer beside its own head.
struct AnswerMeta {
  Epoch epoch;
  std::string_view region;
  bool stale = false;  // a read, answered without a quorum or a known primary
  // From a gateway that served it: its Regent-* headers stay, the three above are not used.
  bool from_gateway = false;
  // Whether body data belongs to it, of the length that the head says, or of unknown length.
  // Where it is false, a length in the head is only said.
  bool has_body = true;
};

// Whether body data follows this head; is_head: it answers HEAD.
bool answer_has_body(const ResponseHead& head, bool is_head);

// Whether a header of a backend's, or another gateway's, answer goes to the client. Framing does
// not: it is written anew.
bool forwarded_to_client(const ResponseHead& head, const HeaderField& field, bool from_gateway);

// How the body of an answer is marked off for the client.
enum class AnswerFraming { none, length, chunked, close };

// Framing for a client of this version of HTTP/1.
AnswerFraming answer_framing(const ResponseHead& head, bool has_body, bool client_http11);

struct AnswerHeadOptions {
  AnswerFraming framing = AnswerFraming::none;
  bool client_http11 = true;
  bool keep_alive = true;
  AnswerMeta meta;
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
// The answer to what is not a request, or not one for here.
GatewayError refusal(const HeadProblem& problem);
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
// Its body alone.
std::string error_body(const GatewayError& error, const ErrorContext& context);

}  // namespace regent
