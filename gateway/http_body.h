#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace regent {

// Finds the data of one message's body in the bytes of a connection: by length, by chunks, or all
// until the connection ends. Keeps no bytes. Extensions of chunks are checked (RFC 9112, 7.1.1) and
// dropped; what is passed on is framed anew (append_chunk), so nothing ambiguous gets through. Of
// trailers only the lines are looked at here; TrailerReader judges the fields.
class BodyReader {
 public:
  static constexpr std::size_t kMaxChunkLineBytes = 4096;  // size and extensions
  static constexpr std::size_t kMaxTrailerBytes = 16 * 1024;

  BodyReader() = default;  // no body: done from the start
  static BodyReader with_length(std::uint64_t bytes);
  static BodyReader chunked();
  static BodyReader until_close();

  // One step: `consumed` bytes of the input are used up, `data` (inside the input) belongs to the
  // body. Call again with the rest while it consumes anything and is not done.
  struct Step {
    std::size_t consumed = 0;
    std::string_view data;
    std::string_view trailers;  // a piece of that section; the last one ends with its empty line
  };
  Step next(std::string_view input);

  bool done() const { return state_ == State::done; }
  // The chunks are malformed; nothing more will be consumed.
  bool bad() const { return state_ == State::bad; }
  // What is still to come of a body with a length; 0 for all others.
  std::uint64_t length_left() const { return state_ == State::length ? left_ : 0; }
  // So much of it has gone another way. Less than length_left().
  void skip(std::uint64_t bytes);
  bool ends_with_connection() const { return state_ == State::until_close; }

 private:
  enum class State : std::uint8_t {
    done,
    bad,
    length,
    until_close,
    size_first,
    size_more,
    name_first,  // of an extension
    name,
    name_end,
    value_first,
    value,
    quoted,
    quoted_pair,
    quoted_end,
    value_end,
    size_lf,
    data,
    data_cr,
    data_lf,
    trailer_first,  // from here on: the trailers
    trailer_line,
    trailer_lf,
    last_lf,
  };
  Step chunk_step(std::string_view input);
  Step trailer_step(std::string_view input, std::size_t begin);
  State chunk_byte(char c);
  State size_byte(char c);
  State extension_byte(char c);
  State trailer_byte(char c);
  bool in_trailers() const { return state_ >= State::trailer_first; }

  State state_ = State::done;
  std::uint64_t left_ = 0;      // of the body or of the chunk
  std::size_t line_bytes_ = 0;  // of the present chunk line, or of all trailers
};

// "5\r\nhello\r\n"; nothing for empty data, which would mean the end.
void append_chunk(std::string& out, std::string_view data);
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";

}  // namespace regent
