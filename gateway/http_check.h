#pragma once

#include <cstddef>
#include <string_view>

// The strict look at a message's head before Boost.Beast's parser reads it. Beast accepts some
// things that two programs in a row may understand differently (folded lines, repeated lengths,
// lists of codings); that difference is what request smuggling lives on. Whatever is ambiguous is
// refused here, so what passes means the same to everyone.
namespace regent {

inline constexpr std::size_t kMaxHeadBytes = 64 * 1024;
inline constexpr std::size_t kMaxTargetBytes = 16 * 1024;
inline constexpr std::size_t kMaxMethodBytes = 64;

// Why a message is refused: the status a client gets for it and a sentence. status 0: nothing
// wrong.
struct HeadProblem {
  unsigned status = 0;
  std::string_view reason;
  explicit operator bool() const { return status != 0; }
};

// Length of the head at the front of `input`, up to and with the empty line; 0 when incomplete.
// `seen`: so many bytes of it were looked at before, in vain.
std::size_t head_length(std::string_view input, std::size_t seen = 0);

// `head`: the complete head, ending with the empty line. Refused with 400: control characters, bare
// CR or LF, folded lines, anything but a token before a colon, more than one Content-Length or
// Transfer-Encoding or both, a length that is not a plain number, codings other than chunked, a
// missing or second Host, an absolute target of another authority than Host. 414 and 431: the
// limits above. 505: another version of HTTP than 1.0 and 1.1. 501: CONNECT
// and overlong methods.
HeadProblem check_request_head(std::string_view head);
// The same for an answer, without what only requests have. Any problem means a bad backend.
HeadProblem check_response_head(std::string_view head);

// A request's or answer's head of which only the beginning is there: whether it can still become
// acceptable. `seen`: of so many bytes that was found out before.
HeadProblem check_partial_request(std::string_view input, std::size_t seen = 0);
HeadProblem check_partial_response(std::string_view input, std::size_t seen = 0);

// One header line without its end. Refused: anything but a token before the colon, control
// characters, a folded line. The value is without the space around it.
struct SplitField {
  std::string_view name;
  std::string_view value;
};
HeadProblem split_field(std::string_view line, SplitField& parts);

// Whether it may stand in a token (tchar of RFC 9110).
bool is_token_char(char c);

// Authority of an absolute target ("http://shop:80/x": "shop:80") and the rest as a path. For any
// other target the authority is empty and the path is the target.
struct SplitTarget {
  std::string_view authority;
  std::string_view path;
  bool absolute = false;
};
SplitTarget split_target(std::string_view target);

// Without the spaces and tabs around it.
std::string_view trimmed(std::string_view text);

// ASCII only.
bool equals_ignoring_case(std::string_view a, std::string_view b);
bool starts_ignoring_case(std::string_view text, std::string_view lower_case_prefix);

}  // namespace regent
