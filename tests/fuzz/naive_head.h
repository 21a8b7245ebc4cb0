#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

// A second, slow and strict reading of HTTP/1 heads (RFC 9110 and 9112), which shares no code with
// the gateway's. It knows one meaning of a head or none.
namespace regent::fuzz {

struct NaiveField {
  std::string name;  // in lower case
  std::string value;
};

struct NaiveHead {
  std::string method;
  std::string target;
  std::string authority;    // of an absolute target
  std::string origin_form;  // the target without it
  unsigned status = 0;
  std::string reason;
  bool http11 = false;
  bool chunked = false;
  std::optional<std::uint64_t> content_length;
  std::vector<NaiveField> fields;
  std::set<std::string> connection_options;  // in lower case
  // The protocols of the one Upgrade header, where it counts: HTTP/1.1, named in Connection, and
  // no h2c.
  std::string upgrade;

  std::vector<std::string> values(std::string_view name) const;
  // Nothing, unless the header is there exactly once.
  std::optional<std::string> value(std::string_view name) const;
};

std::string lower(std::string_view text);

// `head` is complete. Nothing: refused. Limits on sizes are not looked at.
std::optional<NaiveHead> naive_request(std::string_view head);
std::optional<NaiveHead> naive_response(std::string_view head);

}  // namespace regent::fuzz
