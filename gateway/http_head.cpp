#include "gateway/http_head.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include <boost/beast/http/basic_parser.hpp>

namespace regent {
namespace {

namespace http = boost::beast::http;
using boost::beast::error_code;
using BeastView = boost::beast::string_view;

std::string_view view(BeastView text) {
  return {text.data(), text.size()};
}

// Calls f(element) for each element of a comma-separated list that is not empty.
template <typename F>
void for_each_element(std::string_view list, F f) {
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    const std::string_view element = trimmed(list.substr(0, comma));
    list.remove_prefix(std::min(list.size(), comma + 1));
    if (!element.empty()) f(element);
  }
}

bool names(const std::vector<std::string_view>& options, std::string_view name) {
  return std::ranges::any_of(
      options, [name](std::string_view option) { return equals_ignoring_case(option, name); });
}

// The protocols that the message really offers; see MessageHead::upgrade.
std::string_view offered_upgrade(const MessageHead& head) {
  if (!head.http11 || !names(head.connection_options, "upgrade")) return {};
  std::string_view offered;
  unsigned offers = 0;
  for (const HeaderField& field : head.fields) {
    if (field.id != FieldId::upgrade) continue;
    if (++offers > 1) return {};
    offered = field.value;
  }
  bool served = true;
  for_each_element(offered, [&](std::string_view protocol) {
    served = served && !equals_ignoring_case(protocol, "h2c");
  });
  return served ? offered : std::string_view();
}

// All that Connection says. The parser's word on keep-alive also wants the body's length to be
// known; that is looked at where the body is framed.
void read_connection(MessageHead& head) {
  bool close = false;
  bool keep = false;
  for (const HeaderField& field : head.fields) {
    if (field.id != FieldId::connection) continue;
    for_each_element(field.value, [&](std::string_view option) {
      if (equals_ignoring_case(option, "close")) {
        close = true;
      } else if (equals_ignoring_case(option, "keep-alive")) {
        keep = true;
      } else {
        head.connection_options.push_back(option);
      }
    });
  }
  head.keep_alive = !close && (head.http11 || keep);
  head.upgrade = offered_upgrade(head);
}

bool keeps_its_meaning(const HeaderField& field) {
  return starts_ignoring_case(field.name, "x-forwarded-") || is_regent_header(field) ||
         equals_ignoring_case(field.name, "idempotency-key");
}

void add_field(MessageHead& head, FieldId id, std::string_view name, std::string_view value) {
  head.fields.push_back({id, name, value});
  if (id == FieldId::content_length) {
    std::uint64_t length = 0;
    std::from_chars(value.data(), value.data() + value.size(), length);
    head.content_length = length;
  }
  if (id == FieldId::transfer_encoding) head.chunked = true;
}

void clear(MessageHead& head) {
  head.chunked = false;
  head.content_length.reset();
  head.fields.clear();
  head.connection_options.clear();
}

// Beast hands over each part through virtual functions; only the head's are of use here. Bodies
// are framed by gateway/http_body.h, which needs no buffer.
template <bool kIsRequest>
class HeadParser : public http::basic_parser<kIsRequest> {
 public:
  // The parser sees complete heads only, and the limit was applied before.
  bool run(std::string_view head) {
    this->header_limit(static_cast<std::uint32_t>(kMaxHeadBytes + 1));
    this->body_limit(std::numeric_limits<std::uint64_t>::max());
    error_code error;
    const std::size_t used = this->put(boost::asio::const_buffer(head.data(), head.size()), error);
    return !error && used == head.size() && this->is_header_done();
  }

 protected:
  void on_header_impl(error_code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
  std::size_t on_body_impl(BeastView, error_code&) override { return 0; }
  void on_chunk_header_impl(std::uint64_t, BeastView, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, BeastView, error_code&) override { return 0; }
  void on_finish_impl(error_code&) override {}
};

class RequestParser final : public HeadParser<true> {
 public:
  explicit RequestParser(RequestHead& head) : head_(head) {}

 private:
  void on_request_impl(http::verb verb, BeastView method, BeastView target, int version,
                       error_code&) override {
    head_.method = view(method);
    head_.target = view(target);
    head_.http11 = version >= 11;
    head_.is_head = verb == http::verb::head;
    const bool read = verb == http::verb::get || verb == http::verb::head ||
                      verb == http::verb::options || verb == http::verb::trace;
    head_.request_class = read ? RequestClass::read : RequestClass::write;
    counts_forwards_ = verb == http::verb::options || verb == http::verb::trace;
  }
  void on_response_impl(int, BeastView, int, error_code&) override {}
  void on_field_impl(FieldId id, BeastView name, BeastView value, error_code&) override {
    add_field(head_, id, view(name), view(value));
    if (id == FieldId::expect) {
      head_.expects_continue = equals_ignoring_case(view(value), "100-continue");
      bad_expectation_ |= !head_.expects_continue;
    }
    if (id == FieldId::max_forwards && counts_forwards_) read_max_forwards(view(value));
    if (id != FieldId::unknown) return;
    if (equals_ignoring_case(view(name), "idempotency-key")) {
      head_.has_idempotency_key = !value.empty();
    } else if (equals_ignoring_case(view(name), "regent-service")) {
      head_.service = view(value);
    }
  }

  void read_max_forwards(std::string_view value) {
    std::uint32_t left = 0;
    const auto read = std::from_chars(value.data(), value.data() + value.size(), left);
    const bool more = read.ec == std::errc::result_out_of_range;
    const bool number = read.ptr == value.data() + value.size() && (more || read.ec == std::errc());
    bad_max_forwards_ |= !number || head_.max_forwards;
    head_.max_forwards = more ? RequestHead::kMostForwards
                              : std::min(left, RequestHead::kMostForwards);
  }

  RequestHead& head_;
  bool counts_forwards_ = false;

 public:
  bool bad_expectation_ = false;
  bool bad_max_forwards_ = false;
};

class ResponseParser final : public HeadParser<false> {
 public:
  explicit ResponseParser(ResponseHead& head) : head_(head) {}

 private:
  void on_request_impl(http::verb, BeastView, BeastView, int, error_code&) override {}
  void on_response_impl(int code, BeastView reason, int version, error_code&) override {
    head_.status = static_cast<unsigned>(code);
    head_.reason = view(reason);
    head_.http11 = version >= 11;
  }
  void on_field_impl(FieldId id, BeastView name, BeastView value, error_code&) override {
    add_field(head_, id, view(name), view(value));
    if (id == FieldId::unknown && equals_ignoring_case(view(name), "regent-refused")) {
      head_.refused = true;
    }
  }

  ResponseHead& head_;
};

}  // namespace

bool is_regent_header(const HeaderField& field) {
  // Many servers make one variable of a-b and a_b.
  constexpr std::size_t kPrefix = std::string_view("regent").size();
  return field.id == FieldId::unknown && field.name.size() > kPrefix &&
         starts_ignoring_case(field.name, "regent") &&
         (field.name[kPrefix] == '-' || field.name[kPrefix] == '_');
}

bool lists_each_of(std::string_view list, std::string_view elements) {
  bool all = true;
  for_each_element(elements, [&](std::string_view wanted) {
    bool found = false;
    for_each_element(
        list, [&](std::string_view one) { found = found || equals_ignoring_case(one, wanted); });
    all = all && found;
  });
  return all;
}

bool MessageHead::hop_by_hop(const HeaderField& field) const {
  switch (field.id) {
    case FieldId::connection:
    case FieldId::proxy_connection:
    case FieldId::keep_alive:
    case FieldId::te:
    case FieldId::trailer:
    case FieldId::transfer_encoding:
    case FieldId::content_length:
    case FieldId::upgrade:
    case FieldId::http2_settings:
    case FieldId::proxy_authenticate:
    case FieldId::proxy_authorization:
      return true;
    case FieldId::host:
      return false;
    default:
      return names(connection_options, field.name) && !keeps_its_meaning(field);
  }
}

HeadProblem RequestHead::parse(std::string_view head) {
  if (HeadProblem problem = check_request_head(head)) return problem;
  clear(*this);
  expects_continue = false;
  has_idempotency_key = false;
  max_forwards.reset();
  service = {};
  RequestParser parser(*this);
  if (!parser.run(head)) return {400, "the head of the request is malformed"};
  read_connection(*this);
  if (!upgrade.empty()) request_class = RequestClass::write;
  if (parser.bad_expectation_) return {417, "the only expectation known here is 100-continue"};
  if (parser.bad_max_forwards_) return {400, "Max-Forwards is not one number"};
  if (!http11) expects_continue = false;
  return {};
}

HeadProblem ResponseHead::parse(std::string_view head) {
  if (HeadProblem problem = check_response_head(head)) return problem;
  clear(*this);
  refused = false;
  ResponseParser parser(*this);
  if (!parser.run(head)) return {502, "the head of the answer is malformed"};
  read_connection(*this);
  return {};
}

}  // namespace regent
