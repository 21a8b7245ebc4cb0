// Chunked bodies: what the reader takes for the body is what a naive reading of RFC 9112, section
// 7.1, gives, however the bytes arrive; and the body framed anew is the same body.
#include <optional>

#include "gateway/http_body.h"
#include "tests/fuzz/property.h"

namespace regent::fuzz {
namespace {

struct Read {
  std::string data;
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

// The strictest reading of a whole chunked body; nullopt: there is none at the front of `input`.
std::optional<Read> naive_chunked(std::string_view input) {
  std::string_view left = input;
  Read read;
  for (;;) {
    const auto line = take_line(left);
    if (!line) return std::nullopt;
    const std::string_view digits = line->substr(0, line->find(';'));
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
  for (;;) {
    const auto trailer = take_line(left);
    if (!trailer) return std::nullopt;
    if (trailer->empty()) break;
    const std::size_t colon = trailer->find(':');
    if (colon == std::string_view::npos || colon == 0) return std::nullopt;
    if (trailer->front() == ' ' || trailer->front() == '\t') return std::nullopt;
  }
  read.consumed = input.size() - left.size();
  read.done = true;
  return read;
}

void check_chunked(std::string_view input) {
  const Read whole = read_whole(BodyReader::chunked(), input);
  require(read_in_pieces(BodyReader::chunked(), input) == whole,
          "the body does not depend on how its bytes arrive", input);
  const auto naive = naive_chunked(input);
  require(whole.done == naive.has_value(), "complete exactly when the naive reading is", input);
  if (!naive) return;
  require(whole == *naive, "the data and the end are those of the naive reading", input);
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
