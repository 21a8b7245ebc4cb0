#include "gateway/http_body.h"

#include <algorithm>
#include <charconv>

#include "gateway/http_check.h"
#include "quorum/check.h"

namespace regent {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool allowed_in_line(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte == '\t' || (byte >= 0x20 && byte != 0x7f);
}

constexpr std::uint64_t kMaxChunk = std::uint64_t{1} << 60;
constexpr std::size_t kMaxSizeDigits = 16;

}  // namespace

void BodyReader::skip(std::uint64_t bytes) {
  CHECK(bytes < length_left());
  left_ -= bytes;
}

BodyReader BodyReader::with_length(std::uint64_t bytes) {
  BodyReader reader;
  reader.state_ = bytes == 0 ? State::done : State::length;
  reader.left_ = bytes;
  return reader;
}

BodyReader BodyReader::chunked() {
  BodyReader reader;
  reader.state_ = State::size_first;
  return reader;
}

BodyReader BodyReader::until_close() {
  BodyReader reader;
  reader.state_ = State::until_close;
  return reader;
}

BodyReader::Step BodyReader::next(std::string_view input) {
  switch (state_) {
    case State::done:
    case State::bad:
      return {};
    case State::until_close:
      return {input.size(), input, {}};
    case State::length: {
      const auto take = static_cast<std::size_t>(std::min<std::uint64_t>(left_, input.size()));
      left_ -= take;
      if (left_ == 0) state_ = State::done;
      return {take, input.substr(0, take), {}};
    }
    default:
      return chunk_step(input);
  }
}

// Consumes framing bytes, then at most one stretch of data.
BodyReader::Step BodyReader::chunk_step(std::string_view input) {
  std::size_t used = 0;
  while (used < input.size() && state_ != State::done && state_ != State::bad) {
    if (state_ == State::data) {
      const auto take =
          static_cast<std::size_t>(std::min<std::uint64_t>(left_, input.size() - used));
      left_ -= take;
      if (left_ == 0) state_ = State::data_cr;
      return {used + take, input.substr(used, take), {}};
    }
    if (in_trailers()) return trailer_step(input, used);
    state_ = chunk_byte(input[used]);
    ++used;
  }
  return {used, {}, {}};
}

BodyReader::Step BodyReader::trailer_step(std::string_view input, std::size_t begin) {
  std::size_t used = begin;
  while (used < input.size() && in_trailers()) {
    state_ = trailer_byte(input[used]);
    ++used;
  }
  return {used, {}, input.substr(begin, used - begin)};
}

BodyReader::State BodyReader::chunk_byte(char c) {
  switch (state_) {
    case State::size_first:
    case State::size_more:
      return size_byte(c);
    case State::size_lf:
      line_bytes_ = 0;
      if (c != '\n') return State::bad;
      return left_ == 0 ? State::trailer_first : State::data;
    case State::data_cr:
      return c == '\r' ? State::data_lf : State::bad;
    case State::data_lf:
      return c == '\n' ? State::size_first : State::bad;
    default:
      return ++line_bytes_ <= kMaxChunkLineBytes ? extension_byte(c) : State::bad;
  }
}

BodyReader::State BodyReader::size_byte(char c) {
  const int digit = hex_digit(c);
  if (digit >= 0) {
    if (state_ == State::size_first) {
      left_ = 0;
      line_bytes_ = 0;
    }
    left_ = left_ * 16 + static_cast<unsigned>(digit);
    return left_ >= kMaxChunk || ++line_bytes_ > kMaxSizeDigits ? State::bad : State::size_more;
  }
  if (state_ == State::size_first) return State::bad;
  if (c == '\r') return State::size_lf;
  return c == ';' ? State::name_first : State::bad;
}

// ";" name [ "=" ( token / quoted string ) ], any number of times, with space around ";" and "=",
// but not between the size and the first ";", and not at the end of the line.
BodyReader::State BodyReader::extension_byte(char c) {
  const bool space = c == ' ' || c == '\t';
  switch (state_) {
    case State::name_first:
      if (space) return State::name_first;
      return is_token_char(c) ? State::name : State::bad;
    case State::name:
      if (is_token_char(c)) return State::name;
      if (c == '\r') return State::size_lf;
      [[fallthrough]];
    case State::name_end:
      if (space) return State::name_end;
      if (c == '=') return State::value_first;
      return c == ';' ? State::name_first : State::bad;
    case State::value_first:
      if (space) return State::value_first;
      if (c == '"') return State::quoted;
      return is_token_char(c) ? State::value : State::bad;
    case State::value:
      if (is_token_char(c)) return State::value;
      [[fallthrough]];
    case State::quoted_end:
      if (c == '\r') return State::size_lf;
      [[fallthrough]];
    case State::value_end:
      if (space) return State::value_end;
      return c == ';' ? State::name_first : State::bad;
    case State::quoted:
      if (c == '"') return State::quoted_end;
      if (c == '\\') return State::quoted_pair;
      [[fallthrough]];
    case State::quoted_pair:
      return allowed_in_line(c) ? State::quoted : State::bad;
    default:
      return State::bad;
  }
}

BodyReader::State BodyReader::trailer_byte(char c) {
  if (++line_bytes_ > kMaxTrailerBytes) return State::bad;
  switch (state_) {
    case State::trailer_first:
      if (c == '\r') return State::last_lf;
      [[fallthrough]];
    case State::trailer_line:
      if (c == '\r') return State::trailer_lf;
      return allowed_in_line(c) ? State::trailer_line : State::bad;
    case State::trailer_lf:
      return c == '\n' ? State::trailer_first : State::bad;
    case State::last_lf:
      return c == '\n' ? State::done : State::bad;
    default:
      return State::bad;
  }
}

void append_chunk(std::string& out, std::string_view data) {
  if (data.empty()) return;
  char size[16];
  const auto end = std::to_chars(size, size + sizeof size, data.size(), 16).ptr;
  out.append(size, static_cast<std::size_t>(end - size));
  out.append("\r\n");
  out.append(data);
  out.append("\r\n");
}

}  // namespace regent
