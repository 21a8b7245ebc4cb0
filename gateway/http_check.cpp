#include "gateway/http_check.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

namespace regent {
namespace {

constexpr std::uint8_t kToken = 1;      // tchar of RFC 9110
constexpr std::uint8_t kValue = 2;      // field value: no control characters but the tab
constexpr std::uint8_t kTarget = 4;     // request target
constexpr std::uint8_t kAuthority = 8;  // host and port
constexpr std::size_t kMaxLengthDigits = 18;

constexpr std::array<std::uint8_t, 256> make_classes() {
  std::array<std::uint8_t, 256> classes{};
  for (unsigned c = 0; c < 256; ++c) {
    const bool alnum = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    const auto one_of = [c](std::string_view set) {
      return c < 128 && set.find(static_cast<char>(c)) != std::string_view::npos;
    };
    std::uint8_t bits = 0;
    if (alnum || one_of("!#$%&'*+-.^_`|~")) bits |= kToken;
    if (c == '\t' || (c >= 0x20 && c != 0x7f)) bits |= kValue;
    if (c > 0x20 && c < 0x7f && !one_of("#\"<>\\")) bits |= kTarget;
    if (alnum || one_of("-._~!$&'()*+;=:[]%")) bits |= kAuthority;
    classes[c] = bits;
  }
  return classes;
}
constexpr std::array<std::uint8_t, 256> kClasses = make_classes();

bool all_of(std::string_view text, std::uint8_t bits) {
  std::uint8_t common = bits;
  for (const char c : text) common &= kClasses[static_cast<unsigned char>(c)];
  return common == bits;
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

bool all_digits(std::string_view text) {
  return text.find_first_not_of("0123456789") == std::string_view::npos;
}

// A host, or an address in brackets, and perhaps a port; not empty.
bool is_authority(std::string_view text) {
  if (text.empty() || !all_of(text, kAuthority)) return false;
  std::size_t end = std::min(text.find_first_of(":[]"), text.size());
  if (text.front() == '[') {
    end = text.find_first_of("[]", 1);
    if (end == std::string_view::npos || end == 1 || text[end] != ']') return false;
    ++end;
  }
  const std::string_view port = text.substr(end);
  return end > 0 && (port.empty() || (port.front() == ':' && all_digits(port.substr(1))));
}

HeadProblem bad(std::string_view reason) {
  return {400, reason};
}

// What the framing of a message rests on, gathered from its fields.
struct Seen {
  unsigned hosts = 0;
  unsigned lengths = 0;
  unsigned codings = 0;
  std::string_view host;
};

// Some servers make one variable of Content-Length and Content_Length.
bool is_framing_lookalike(std::string_view name) {
  return (name.size() == 14 && name[7] == '_' && starts_ignoring_case(name, "content") &&
          equals_ignoring_case(name.substr(8), "length")) ||
         (name.size() == 17 && name[8] == '_' && starts_ignoring_case(name, "transfer") &&
          equals_ignoring_case(name.substr(9), "encoding"));
}

HeadProblem check_framing_field(std::string_view name, std::string_view value, Seen& seen) {
  if (is_framing_lookalike(name)) return bad("a framing header with an underscore in its name");
  switch (name.size()) {
    case 4:
      if (!equals_ignoring_case(name, "host")) break;
      if (!value.empty() && !is_authority(value)) {
        return bad("the Host header is not a host and port");
      }
      seen.host = value;
      if (++seen.hosts > 1) return bad("more than one Host header");
      break;
    case 14:
      if (!equals_ignoring_case(name, "content-length")) break;
      if (++seen.lengths > 1) return bad("more than one Content-Length header");
      if (value.empty() || value.size() > kMaxLengthDigits || !all_digits(value)) {
        return bad("the Content-Length header is not a plain number");
      }
      break;
    case 17:
      if (!equals_ignoring_case(name, "transfer-encoding")) break;
      if (++seen.codings > 1) return bad("more than one Transfer-Encoding header");
      if (!equals_ignoring_case(value, "chunked")) {
        return bad("a transfer coding other than chunked");
      }
      break;
    default:
      break;
  }
  if (seen.lengths + seen.codings > 1) {
    return bad("both Content-Length and Transfer-Encoding");
  }
  return {};
}

// `lines`: all after the first line, with the empty line at the end.
HeadProblem check_fields(std::string_view lines, Seen& seen) {
  while (true) {
    const std::size_t end = lines.find('\r');
    if (end == std::string_view::npos || end + 1 >= lines.size() || lines[end + 1] != '\n') {
      return bad("a carriage return without a line feed");
    }
    const std::string_view line = lines.substr(0, end);
    if (line.empty()) return {};
    SplitField parts;
    if (HeadProblem problem = split_field(line, parts)) return problem;
    if (HeadProblem problem = check_framing_field(parts.name, parts.value, seen)) return problem;
    lines.remove_prefix(end + 2);
  }
}

HeadProblem check_version(std::string_view version) {
  if (version == "HTTP/1.1" || version == "HTTP/1.0") return {};
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  if (version.size() == 8 && version.starts_with("HTTP/") && digit(version[5]) &&
      version[6] == '.' && digit(version[7])) {
    return {505, "only HTTP/1.0 and HTTP/1.1 are served here"};
  }
  return bad("the request line does not end with a version of HTTP");
}

HeadProblem check_target(std::string_view method, std::string_view target) {
  if (target.size() > kMaxTargetBytes) return {414, "the request target is too long"};
  if (target.empty() || !all_of(target, kTarget)) {
    return bad("a character that is not allowed in the request target");
  }
  if (method == "CONNECT") return {501, "CONNECT is not served here"};
  if (target == "*") {
    return method == "OPTIONS" ? HeadProblem{} : bad("the target * is for OPTIONS only");
  }
  const SplitTarget split = split_target(target);
  if (split.absolute && split.authority.empty()) return bad("an absolute target without a host");
  if (split.path.empty() || (split.path.front() != '/' && !split.absolute)) {
    if (!split.absolute) return bad("the request target does not begin with a slash");
  }
  return {};
}

struct RequestLine {
  std::string_view method;
  std::string_view target;
  std::string_view version;
};

HeadProblem split_request_line(std::string_view line, RequestLine& parts) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) {
    return bad("the request line is not method, target and version");
  }
  parts.method = line.substr(0, first);
  parts.target = line.substr(first + 1, last - first - 1);
  parts.version = line.substr(last + 1);
  if (parts.method.empty() || !all_of(parts.method, kToken)) {
    return bad("a character that is not allowed in the method");
  }
  if (parts.method.size() > kMaxMethodBytes) return {501, "no such method is served here"};
  return {};
}

HeadProblem check_request_line(std::string_view text, RequestLine& line) {
  if (HeadProblem problem = split_request_line(text, line)) return problem;
  if (HeadProblem problem = check_target(line.method, line.target)) return problem;
  return check_version(line.version);
}

}  // namespace

HeadProblem split_field(std::string_view line, SplitField& parts) {
  if (line.starts_with(' ') || line.starts_with('\t')) return bad("a folded header line");
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return bad("a header line without a colon");
  parts.name = line.substr(0, colon);
  if (parts.name.empty() || !all_of(parts.name, kToken)) {
    return bad("a character that is not allowed in a header's name");
  }
  const std::string_view value = line.substr(colon + 1);
  if (!all_of(value, kValue)) return bad("a control character in a header");
  parts.value = trimmed(value);
  return {};
}

bool is_token_char(char c) {
  return (kClasses[static_cast<unsigned char>(c)] & kToken) != 0;
}

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  return text;
}

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

bool starts_ignoring_case(std::string_view text, std::string_view lower_case_prefix) {
  return text.size() >= lower_case_prefix.size() &&
         equals_ignoring_case(text.substr(0, lower_case_prefix.size()), lower_case_prefix);
}

std::size_t head_length(std::string_view input, std::size_t seen) {
  const std::size_t from = seen > 3 ? seen - 3 : 0;
  const void* found = ::memmem(input.data() + from, input.size() - from, "\r\n\r\n", 4);
  if (found == nullptr) return 0;
  return static_cast<std::size_t>(static_cast<const char*>(found) - input.data()) + 4;
}

SplitTarget split_target(std::string_view target) {
  std::size_t scheme = 0;
  if (starts_ignoring_case(target, "http://")) scheme = 7;
  if (starts_ignoring_case(target, "https://")) scheme = 8;
  if (scheme == 0) return {{}, target, false};
  const std::string_view rest = target.substr(scheme);
  const std::size_t slash = rest.find_first_of("/?");
  if (slash == std::string_view::npos) return {rest, {}, true};
  return {rest.substr(0, slash), rest.substr(slash), true};
}

HeadProblem check_request_head(std::string_view head) {
  if (head.size() > kMaxHeadBytes) return {431, "the headers are larger than 64 KiB"};
  const std::size_t end = head.find("\r\n");
  RequestLine line;
  if (HeadProblem problem = check_request_line(head.substr(0, end), line)) return problem;
  Seen seen;
  if (HeadProblem problem = check_fields(head.substr(end + 2), seen)) return problem;
  const bool http10 = line.version == "HTTP/1.0";
  if (seen.hosts == 0 && !http10) return bad("no Host header");
  if (seen.codings > 0 && http10) return bad("Transfer-Encoding in an HTTP/1.0 request");
  const SplitTarget split = split_target(line.target);
  if (split.absolute) {
    if (!is_authority(split.authority)) return bad("the target's host is malformed");
    if (seen.hosts > 0 && !equals_ignoring_case(split.authority, seen.host)) {
      return bad("the target names another host than the Host header");
    }
  }
  return {};
}

HeadProblem check_response_head(std::string_view head) {
  if (head.size() > kMaxHeadBytes) return bad("headers larger than 64 KiB");
  const std::size_t end = head.find("\r\n");
  const std::string_view line = head.substr(0, end);
  if (!line.starts_with("HTTP/1.1 ") && !line.starts_with("HTTP/1.0 ")) {
    return bad("not an answer of HTTP/1.0 or HTTP/1.1");
  }
  if (!all_of(line, kValue)) return bad("a control character in the status line");
  Seen seen;
  if (HeadProblem problem = check_fields(head.substr(end + 2), seen)) return problem;
  if (seen.codings > 0 && line.starts_with("HTTP/1.0")) {
    return bad("Transfer-Encoding in an HTTP/1.0 answer");
  }
  return {};
}

namespace {

// Whether all from `begin` on is text in lines that end as they must; the last one may lack its
// end.
bool is_text_in_lines(std::string_view input, std::size_t begin) {
  for (std::size_t i = begin; i < input.size(); ++i) {
    const char c = input[i];
    const bool line_end = (c == '\r' && (i + 1 == input.size() || input[i + 1] == '\n')) ||
                          (c == '\n' && i > 0 && input[i - 1] == '\r');
    if (!line_end && !all_of(std::string_view(&c, 1), kValue)) return false;
  }
  return true;
}

// A carriage return at the end of what was seen still has to show what follows it.
std::size_t begin_after(std::size_t seen) {
  return seen > 0 ? seen - 1 : 0;
}

}  // namespace

HeadProblem check_partial_request(std::string_view input, std::size_t seen) {
  if (input.size() > kMaxHeadBytes) return {431, "the headers are larger than 64 KiB"};
  if (!is_text_in_lines(input, begin_after(seen))) return bad("a control character in the head");
  const std::size_t end = input.find("\r\n");
  if (end == std::string_view::npos) {
    if (input.size() > kMaxTargetBytes + 64) return {414, "the request target is too long"};
    return {};
  }
  // Once is enough; a request of HTTP/0.9 has nothing but this line and would wait for ever.
  RequestLine line;
  return end + 2 > seen ? check_request_line(input.substr(0, end), line) : HeadProblem{};
}

HeadProblem check_partial_response(std::string_view input, std::size_t seen) {
  constexpr std::string_view kStart = "HTTP/1.";
  if (input.size() > kMaxHeadBytes) return bad("headers larger than 64 KiB");
  if (!kStart.starts_with(input.substr(0, kStart.size()))) {
    return bad("not an answer of HTTP/1.0 or HTTP/1.1");
  }
  if (!is_text_in_lines(input, begin_after(seen))) return bad("a control character in the head");
  return {};
}

}  // namespace regent
