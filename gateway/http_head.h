#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include <boost/beast/http/field.hpp>

#include "gateway/http_check.h"
#include "gateway/request_observer.h"

// Heads of requests and answers as views into the bytes they came in: strict check first, then
// Boost.Beast's parser. The objects are reused from message to message, so that a head costs no
// allocation.
namespace regent {

using FieldId = boost::beast::http::field;

struct HeaderField {
  FieldId id = FieldId::unknown;
  std::string_view name;
  std::string_view value;
};

struct MessageHead {
  bool http11 = true;
  bool keep_alive = false;  // what the message asks for, by version and Connection
  bool chunked = false;
  std::optional<std::uint64_t> content_length;
  std::vector<HeaderField> fields;
  std::vector<std::string_view> connection_options;  // named in Connection, but close, keep-alive
  // The protocols of Upgrade, if the message really offers or makes a switch: HTTP/1.1, the header
  // once, Connection names it, and no h2c among them, which is not served here. Else empty.
  std::string_view upgrade;

  // Whether this field concerns only the connection it came on (RFC 9110, 7.6.1), or is framing,
  // which is written anew for each side. Naming it in Connection does not make that of Host,
  // X-Forwarded-*, Regent-* and Idempotency-Key: others rely on these.
  bool hop_by_hop(const HeaderField& field) const;
};

struct RequestHead : MessageHead {
  std::string_view method;
  std::string_view target;  // as sent
  // By the method; a write if it asks for an upgrade, for that may carry anything.
  RequestClass request_class = RequestClass::write;
  bool is_head = false;
  bool expects_continue = false;
  bool has_idempotency_key = false;
  // Max-Forwards of OPTIONS and TRACE; for other methods it means nothing (RFC 9110, 7.6.2). At 0
  // the request goes no further: whoever has it answers. At most kMostForwards, which stands for
  // all that is more.
  static constexpr std::uint32_t kMostForwards = 1'000'000;
  std::optional<std::uint32_t> max_forwards;
  std::string_view service;  // Regent-Service, between gateways

  // `head`: complete, with the empty line; must outlive this object's use. Anything but
  // "100-continue" in Expect gives 417, a Max-Forwards that means something but is no number 400.
  HeadProblem parse(std::string_view head);
};

struct ResponseHead : MessageHead {
  unsigned status = 0;
  std::string_view reason;
  bool refused = false;  // Regent-Refused, between gateways

  HeadProblem parse(std::string_view head);
};

// Regent's own headers: only gateways set them.
bool is_regent_header(const HeaderField& field);

// Whether each element of one list of names is in the other, whatever the case.
bool lists_each_of(std::string_view list, std::string_view elements);

}  // namespace regent
