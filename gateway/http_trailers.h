#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/http_head.h"

namespace regent {

// The fields after a chunked body (RFC 9110, 6.5). Only what cannot change the meaning of a message
// that has been read and acted upon already is passed on: see allowed_in_trailers(). At most
// BodyReader::kMaxTrailerBytes.
class TrailerReader {
 public:
  void clear();
  // The next piece of the section, as BodyReader finds it; in the end with its empty line.
  void add(std::string_view piece) { section_.append(piece); }
  // The section is complete: takes in what may be passed on. Says what is wrong with the first
  // field that may not: a request is refused for it, an answer goes on without the field. When a
  // line is malformed, nothing is taken.
  HeadProblem read();
  // Views into this object, until clear() or add().
  std::span<const HeaderField> fields() const { return fields_; }

 private:
  std::string section_;
  std::vector<HeaderField> fields_;
};

// False for framing, routing, credentials, what describes or governs the message (Content-*,
// caching, conditions), X-Forwarded-*, Regent-* and what concerns one connection only.
bool allowed_in_trailers(const HeaderField& field);

// The end of a chunked body: "0", the trailers, an empty line.
void append_last_chunk(std::string& out, std::span<const HeaderField> trailers);

}  // namespace regent
