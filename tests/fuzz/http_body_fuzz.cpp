// Chunked bodies: what the reader takes for the body is what a naive reading of RFC 9112, section
// 7.1, gives, however the bytes arrive; and the body framed anew is the same body.
#include <algorithm>
#include <optional>

#include "gateway/http_body.h"
#include "gateway/http_trailers.h"
#include "tests/fuzz/naive_head.h"
#include "tests/fuzz/property.h"

namespace regent::fuzz {
namespace {

struct Read {
  std::string data;
  std::string trailers;
  std::size_t consumed = 0;
  bool done = false;
  bool bad = false;

  bool operator==(const Read&) const = default;
};

void feed(BodyReader& reader, std::string_view input, Read& read) {
  while (!input.empty() && !reader.done() && !reader.bad()) {
    const BodyReader::Step step = reader.next(input);
    require(step.consumed <= input.size(), "no more is consumed than there is");
    require(
        step.data.empty() || (step.data.data() >= input.data() &&
                              step.data.data() + step.data.size() <= input.data() + step.consumed),
        "the data lies in what was consumed");
    read.data.append(step.data);
    read.trailers.append(step.trailers);
    read.consumed += step.consumed;
    input.remove_prefix(step.consumed);
    require(step.consumed > 0 || reader.bad(), "each step uses up something");
  }
  read.done = reader.done();
  read.bad = reader.bad();
}

Read read_whole(BodyReader reader, std::string_view input) {
  Read read;
  feed(reader, input, read);
  return read;
}

Read read_in_pieces(BodyReader reader, std::string_view input) {
  Read read;
  read.done = reader.done();
  in_pieces(input, [&](std::string_view piece) {
    feed(reader, piece, read);
    return !reader.done() && !reader.bad();
  });
  return read;
}

// One line without its end; nullopt when it is not there or holds what no line may hold.
std::optional<std::string_view> take_line(std::string_view& left) {
  const std::size_t end = left.find("\r\n");
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view line = left.substr(0, end);
  for (const char c : line) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte == 0x7f || (byte < 0x20 && byte != '\t')) return std::nullopt;
  }
  left.remove_prefix(end + 2);
  return line;
}

constexpr std::string_view kTokenChars =
    "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

void skip(std::string_view& text, std::string_view set) {
  text.remove_prefix(std::min(text.find_first_not_of(set), text.size()));
}

// Takes a token off the front; false: there is none.
bool take_token(std::string_view& text) {
  const std::size_t before = text.size();
  skip(text, kTokenChars);
  return text.size() < before;
}

bool take_quoted(std::string_view& text) {
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      text.remove_prefix(i + 1);
      return true;
    }
  }
  return false;
}

// All of a chunk line after the size: *( ";" name [ "=" value ] ), space around both signs, but
// none before the first ";" and none at the end.
bool naive_extensions(std::string_view text) {
  if (!text.empty() && (text.front() != ';' || text.back() == ' ' || text.back() == '\t')) {
    return false;
  }
  while (!text.empty()) {
    if (text.front() != ';') return false;
    text.remove_prefix(1);
    skip(text, " \t");
    if (!take_token(text)) return false;
    skip(text, " \t");
    if (!text.starts_with('=')) continue;
    text.remove_prefix(1);
    skip(text, " \t");
    if (!(text.starts_with('"') ? take_quoted(text) : take_token(text))) return false;
    skip(text, " \t");
  }
  return true;
}

// The strictest reading of a whole chunked body; nullopt: there is none at the front of `input`.
std::optional<Read> naive_chunked(std::string_view input) {
  std::string_view left = input;
  Read read;
  for (;;) {
    const auto line = take_line(left);
    if (!line) return std::nullopt;
    const std::string_view digits = line->substr(0, line->find(';'));
    if (!naive_extensions(line->substr(digits.size()))) return std::nullopt;
    if (digits.empty() || digits.size() > 16) return std::nullopt;
    std::size_t size = 0;
    for (const char c : digits) {
      const std::size_t value = std::string_view("0123456789abcdef").find(c);
      const std::size_t upper = std::string_view("0123456789ABCDEF").find(c);
      if (value == std::string_view::npos && upper == std::string_view::npos) return std::nullopt;
      size = size * 16 + (value == std::string_view::npos ? upper : value);
    }
    if (size == 0) break;
    if (left.size() < size || left.substr(size, 2) != "\r\n") return std::nullopt;
    read.data.append(left.substr(0, size));
    left.remove_prefix(size + 2);
  }
  const std::string_view trailers = left;
  for (;;) {
    const auto trailer = take_line(left);
    if (!trailer) return std::nullopt;
    if (trailer->empty()) break;
  }
  read.trailers = trailers.substr(0, trailers.size() - left.size());
  read.consumed = input.size() - left.size();
  read.done = true;
  return read;
}

// What is passed on of a trailer section is one again, and says nothing that only a head may say.
void check_trailers(std::string_view section) {
  TrailerReader reader;
  reader.add(section);
  const bool refused = static_cast<bool>(reader.read());
  std::string sent;
  append_last_chunk(sent, reader.fields());
  const Read reread = read_whole(BodyReader::chunked(), sent);
  require(reread.done && reread.consumed == sent.size(), "trailers sent on end a body", section);
  TrailerReader again;
  again.add(reread.trailers);
  require(!again.read(), "trailers sent on are taken again", section);
  require(again.fields().size() == reader.fields().size(), "none is lost or added", section);
  std::size_t lines = 0;
  for (std::string_view left = section; take_line(left).value_or("") != "";) ++lines;
  require(refused || reader.fields().size() == lines, "without a complaint all are kept", section);
  for (const HeaderField& field : again.fields()) {
    const std::string name = lower(field.name);
    for (const char* prefix : {"content-", "regent-", "regent_", "x-forwarded-", "if-"}) {
      require(!name.starts_with(prefix), "a trailer that belongs in the head", section);
    }
    for (const char* whole : {"transfer-encoding", "trailer", "host", "connection", "te", "upgrade",
                              "authorization", "cookie"}) {
      require(name != whole, "a trailer that belongs in the head", section);
    }
  }
}

void check_chunked(std::string_view input) {
  const Read whole = read_whole(BodyReader::chunked(), input);
  require(read_in_pieces(BodyReader::chunked(), input) == whole,
          "the body does not depend on how its bytes arrive", input);
  const auto naive = naive_chunked(input);
  require(whole.done == naive.has_value(), "complete exactly when the naive reading is", input);
  if (!naive) return;
  require(whole == *naive, "the data and the end are those of the naive reading", input);
  check_trailers(whole.trailers);
  std::string again;
  in_pieces(whole.data, [&](std::string_view piece) {
    append_chunk(again, piece);
    return true;
  });
  again.append(kLastChunk);
  const Read reread = read_whole(BodyReader::chunked(), again);
  require(reread.done && reread.data == whole.data && reread.consumed == again.size(),
          "framed anew it is the same body", input);
}

void check_length(std::string_view input) {
  const std::size_t length = input.empty() ? 0 : static_cast<unsigned char>(input.front());
  const Read whole = read_whole(BodyReader::with_length(length), input);
  require(read_in_pieces(BodyReader::with_length(length), input) == whole,
          "a body with a length does not depend on how its bytes arrive", input);
  require(whole.data == input.substr(0, length) && whole.consumed == whole.data.size(),
          "a length is kept to the byte", input);
  const Read rest = read_whole(BodyReader::until_close(), input);
  require(rest.data == input && !rest.done && !rest.bad, "until the end means all", input);
}

}  // namespace
}  // namespace regent::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  regent::fuzz::check_chunked(regent::fuzz::text_of(data, size));
  regent::fuzz::check_length(regent::fuzz::text_of(data, size));
  return 0;
}
