#include "tests/fuzz/naive_head.h"

#include <algorithm>

namespace regent::fuzz {
namespace {

constexpr std::string_view kDigits = "0123456789";
constexpr std::string_view kAlnum =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

bool made_of(std::string_view text, std::string_view others) {
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return kAlnum.find(c) != std::string_view::npos || others.find(c) != std::string_view::npos;
  });
}

bool is_token(std::string_view text) {
  return !text.empty() && made_of(text, "!#$%&'*+-.^_`|~");
}

bool is_digits(std::string_view text) {
  return text.find_first_not_of(kDigits) == std::string_view::npos;
}

// A host or an address in brackets, then perhaps a colon and digits.
bool is_host(std::string_view text) {
  std::string_view host = text;
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) return false;
    host = text.substr(1, close - 1);
    text.remove_prefix(close + 1);
    if (!made_of(host, "-._~!$&'()*+;=%:")) return false;
  } else {
    host = text.substr(0, text.find(':'));
    text.remove_prefix(host.size());
    if (!made_of(host, "-._~!$&'()*+;=%")) return false;
  }
  return !host.empty() && (text.empty() || (text.front() == ':' && is_digits(text.substr(1))));
}

bool is_text(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return c == '\t' || (byte >= 0x20 && byte != 0x7f);
  });
}

std::string trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return "";
  return std::string(text.substr(first, text.find_last_not_of(" \t") - first + 1));
}

std::optional<std::vector<std::string>> split_lines(std::string_view head) {
  std::vector<std::string> lines;
  while (!head.empty()) {
    const std::size_t end = head.find("\r\n");
    if (end == std::string_view::npos) return std::nullopt;
    lines.emplace_back(head.substr(0, end));
    if (!is_text(lines.back())) return std::nullopt;
    head.remove_prefix(end + 2);
  }
  if (lines.size() < 2 || !lines.back().empty()) return std::nullopt;
  lines.pop_back();
  return lines;
}

// The elements of a comma-separated list, in lower case; empty ones do not count.
std::vector<std::string> split_list(std::string_view list) {
  std::vector<std::string> found;
  for (std::size_t at = 0; at <= list.size();) {
    const std::size_t comma = std::min(list.find(',', at), list.size());
    const std::string element = trim(list.substr(at, comma - at));
    if (!element.empty()) found.push_back(lower(element));
    at = comma + 1;
  }
  return found;
}

bool read_fields(const std::vector<std::string>& lines, NaiveHead& head) {
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const std::size_t colon = lines[i].find(':');
    if (colon == std::string::npos || !is_token(lines[i].substr(0, colon))) return false;
    head.fields.push_back({lower(lines[i].substr(0, colon)), trim(lines[i].substr(colon + 1))});
    const std::string& name = head.fields.back().name;
    if (name == "content_length" || name == "transfer_encoding") return false;
  }
  for (const NaiveField& field : head.fields) {
    if (field.name != "connection" && field.name != "proxy-connection") continue;
    const auto options = split_list(field.value);
    if (!std::all_of(options.begin(), options.end(), is_token)) return false;
    if (field.name == "connection") head.connection_options.insert(options.begin(), options.end());
  }
  // In an answer Host means nothing; the gateway looks at it all the same.
  const auto hosts = head.values("host");
  return hosts.empty() || (hosts.size() == 1 && (hosts.front().empty() || is_host(hosts.front())));
}

void read_upgrade(NaiveHead& head) {
  const auto offer = head.value("upgrade");
  if (!head.http11 || !offer || !head.connection_options.contains("upgrade")) return;
  const auto protocols = split_list(*offer);
  if (std::find(protocols.begin(), protocols.end(), "h2c") == protocols.end()) {
    head.upgrade = *offer;
  }
}

// Exactly one framing, and one that all versions of HTTP/1 read alike.
bool read_framing(NaiveHead& head) {
  const auto lengths = head.values("content-length");
  const auto codings = head.values("transfer-encoding");
  if (lengths.size() + codings.size() > 1) return false;
  if (!codings.empty()) {
    head.chunked = true;
    return head.http11 && lower(codings.front()) == "chunked";
  }
  if (lengths.empty()) return true;
  const std::string& digits = lengths.front();
  if (digits.empty() || digits.size() > 18) return false;
  if (digits.find_first_not_of(kDigits) != std::string::npos) return false;
  head.content_length = std::stoull(digits);
  return true;
}

bool read_target(NaiveHead& head) {
  const std::string& target = head.target;
  const bool visible = std::all_of(target.begin(), target.end(), [](char c) {
    return c > 0x20 && c < 0x7f && std::string_view("#\"<>\\").find(c) == std::string_view::npos;
  });
  if (target.empty() || !visible || head.method == "CONNECT") return false;
  head.origin_form = target;
  if (target == "*") return head.method == "OPTIONS";
  if (target.front() == '/') return true;
  const std::string start = lower(target.substr(0, 8));
  const std::size_t scheme = start.starts_with("http://") ? 7 : start == "https://" ? 8 : 0;
  if (scheme == 0) return false;
  const std::size_t path = std::min(target.find_first_of("/?", scheme), target.size());
  head.authority = target.substr(scheme, path - scheme);
  head.origin_form = target.substr(path);
  if (!head.origin_form.starts_with('/')) head.origin_form.insert(0, 1, '/');
  return !head.authority.empty() && is_host(head.authority);
}

}  // namespace

std::vector<std::string> NaiveHead::values(std::string_view name) const {
  std::vector<std::string> found;
  for (const NaiveField& field : fields) {
    if (field.name == name) found.push_back(field.value);
  }
  return found;
}

std::optional<std::string> NaiveHead::value(std::string_view name) const {
  const auto found = values(name);
  if (found.size() != 1) return std::nullopt;
  return found.front();
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::optional<NaiveHead> naive_request(std::string_view text) {
  NaiveHead head;
  const auto lines = split_lines(text);
  if (!lines) return std::nullopt;
  const std::string& line = lines->front();
  const std::size_t first = line.find(' ');
  const std::size_t second = line.find(' ', first == std::string::npos ? first : first + 1);
  if (second == std::string::npos) return std::nullopt;
  head.method = line.substr(0, first);
  head.target = line.substr(first + 1, second - first - 1);
  const std::string version = line.substr(second + 1);
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return std::nullopt;
  head.http11 = version == "HTTP/1.1";
  if (!is_token(head.method) || head.method.size() > 64 || !read_target(head)) return std::nullopt;
  if (!read_fields(*lines, head) || !read_framing(head)) return std::nullopt;
  read_upgrade(head);
  const auto host = head.value("host");
  if (head.http11 && !host) return std::nullopt;
  if (host && !head.authority.empty() && lower(head.authority) != lower(*host)) return std::nullopt;
  return head;
}

std::optional<NaiveHead> naive_response(std::string_view text) {
  NaiveHead head;
  const auto lines = split_lines(text);
  if (!lines) return std::nullopt;
  const std::string& line = lines->front();
  head.http11 = line.starts_with("HTTP/1.1 ");
  if (!head.http11 && !line.starts_with("HTTP/1.0 ")) return std::nullopt;
  const std::string status = line.substr(9, 3);
  if (status.size() != 3 || status.find_first_not_of(kDigits) != std::string::npos) {
    return std::nullopt;
  }
  head.status = static_cast<unsigned>(std::stoul(status));
  if (line.size() < 13 || line[12] != ' ') return std::nullopt;
  head.reason = line.substr(13);
  if (!read_fields(*lines, head) || !read_framing(head)) return std::nullopt;
  read_upgrade(head);
  return head;
}

}  // namespace regent::fuzz
